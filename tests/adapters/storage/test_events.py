"""Every change of an intent's state is kept with its reason, and so is what happens within one."""

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import AttemptKind, Intent, IntentState, RecordKind
from keeper.core.model import Fund
from keeper.core.units import Timestamp
from keeper.ports import SigningForbidden
from tests.adapters.storage import scenes

pytestmark = pytest.mark.adapter

S = IntentState


async def events(reader: SqlReader, intent: Intent) -> list[tuple[str | None, str, str]]:
    """(from, to, why), oldest first; none is older than the one before it."""
    found = await reader.transaction(intent.id)
    assert found is not None
    times = [event["at"] for event in found["events"]]
    assert times == sorted(times)
    return [(event["state_from"], event["state_to"], event["reason"]) for event in found["events"]]


async def test_a_long_life_is_told_in_order(books: SqlBooks, reader: SqlReader, intent: Intent) -> None:
    first = await books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    await books.mark_sent(first.id, scenes.SENT_AT, scenes.SILENCE, scenes.record())
    await books.mark_sent(first.id, scenes.SENT_AT, scenes.ACCEPTED, scenes.record())  # says nothing of the state
    await books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "not mined within 48 s")
    await books.ask_cancel(intent.id, "the market moved", "ann")
    cancel = scenes.terms(kind=AttemptKind.CANCEL)
    await books.save_attempt(intent.id, scenes.signed(), cancel, "an operator asked")
    receipt = scenes.receipt(first.hash)
    await books.settle(scenes.settlement(intent, receipt, S.MINED_OK))
    await books.settle(scenes.settlement(intent, receipt, S.MINED_OK))  # nor does the same again
    gone = scenes.record(RecordKind.OUTCOME, reason="its block is gone")
    await books.set_intent_state(intent.id, S.SENT, gone)
    elsewhere = scenes.receipt(first.hash, block=104)
    await books.settle(scenes.settlement(intent, elsewhere, S.MINED_OK))
    await books.set_intent_state(intent.id, S.FINAL_OK, scenes.record(RecordKind.OUTCOME, event="finality"))
    await books.set_intent_state(intent.id, S.FINAL_OK, scenes.record(RecordKind.OUTCOME, event="finality"))
    assert await events(reader, intent) == [
        (None, "planned", "drift is inside the threshold"),
        ("planned", "signed", "signed"),
        ("signed", "sent", scenes.SILENCE.text),
        ("sent", "sent", "not mined within 48 s"),
        ("sent", "sent", "ann asked to cancel it: the market moved"),
        ("sent", "sent", "an operator asked"),
        ("sent", "mined_ok", f"receipt of {first.hash} in block 101"),
        ("mined_ok", "sent", "its block is gone"),
        ("sent", "mined_ok", f"receipt of {first.hash} in block 104"),
        ("mined_ok", "final_ok", "finality"),
    ]


@pytest.mark.parametrize("state", [S.ABANDONED, S.NONCE_STOLEN])
async def test_dead_end_says_why(books: SqlBooks, reader: SqlReader, intent: Intent, state: IntentState) -> None:
    if state is S.NONCE_STOLEN:
        await books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    await books.set_intent_state(intent.id, state, scenes.record(event=state.value, reason="it had to end"))
    assert (await events(reader, intent))[-1][1:] == (state.value, "it had to end")


async def test_cancellation_says_why(books: SqlBooks, reader: SqlReader, intent: Intent) -> None:
    cancel = scenes.terms(kind=AttemptKind.CANCEL)
    taken = await books.save_attempt(intent.id, scenes.signed(), cancel, "signed")
    outcome = scenes.record(event="cancelled", reason="its nonce was taken")
    for _ in range(2):
        await books.cancelled(intent.id, scenes.receipt(taken.hash), Timestamp(1_700_000_101), outcome)
    assert (await events(reader, intent))[2:] == [("signed", "cancelled", "its nonce was taken")]


async def test_what_is_refused_is_no_event(books: SqlBooks, reader: SqlReader, fund: Fund, intent: Intent) -> None:
    await books.set_paused(fund.id, True, "ann")
    before = await events(reader, intent)
    with pytest.raises(SigningForbidden):
        await books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    assert await events(reader, intent) == before
