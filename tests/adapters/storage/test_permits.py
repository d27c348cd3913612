"""Who may sign, asked where it counts: in the transaction that takes the nonce, so that no one comes in between."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import AttemptKind, Intent, IntentState, Record, RecordKind
from keeper.core.model import Fund
from keeper.core.units import Timestamp, Wei
from keeper.ports import SigningForbidden
from tests.adapters.storage import scenes

pytestmark = pytest.mark.adapter

Gate = Callable[[SqlBooks, Fund], Awaitable[Any]]

GATES: dict[str, Gate] = {
    "paused: an operator paused the fund": lambda books, fund: books.set_paused(fund.id, True, "ann"),
    "breaker: 3 reverted": lambda books, fund: books.trip_breaker(fund.id, "3 reverted", scenes.record()),
    "safe_hold: a lost database": lambda books, fund: books.hold(fund.signer, "a lost database", scenes.record()),
    "safe_hold: the next nonce is 5 by the books, 0 by the chain": lambda books, fund: books.release(
        fund.signer, 5, scenes.record()
    ),
}


@pytest.mark.parametrize("said", GATES)
async def test_refused_signature_leaves_no_trace(
    said: str, books: SqlBooks, fund: Fund, intent: Intent, everything: Any
) -> None:
    await GATES[said](books, fund)
    before = await everything()
    with pytest.raises(SigningForbidden) as refusal:
        await books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    assert str(refusal.value) == said
    assert await everything() == before


@pytest.mark.parametrize("said", GATES)
@pytest.mark.parametrize("kind", list(AttemptKind))
async def test_later_attempt_is_bound_by_none_of_it(
    said: str, kind: AttemptKind, books: SqlBooks, fund: Fund, intent: Intent, sent: Any
) -> None:
    await GATES[said](books, fund)
    await books.save_attempt(intent.id, scenes.signed(), scenes.terms(kind=kind), "raised")
    assert [each.kind for each in (await books.intent(intent.id)).attempts] == [AttemptKind.TRADE, kind]


async def test_nothing_is_signed_for_another_chain(books: SqlBooks, fund: Fund, everything: Any) -> None:
    cycle = scenes.trading(fund.id)
    assert cycle.intent is not None
    intent_id = await books.commit_cycle(replace(cycle, intent=replace(cycle.intent, chain_id=1)))
    assert intent_id is not None
    before = await everything()
    with pytest.raises(SigningForbidden, match=rf"^chain_id: these books are of chain {scenes.CHAIN}, not 1$"):
        await books.save_attempt(intent_id, scenes.signed(), scenes.terms(), "signed")
    assert await everything() == before


async def test_gas_is_summed_beyond_64_bits(books: SqlBooks, fund: Fund) -> None:
    price, costs = Wei(10**15 + 1), []
    for nonce in range(3):
        intent_id = await books.commit_cycle(scenes.trading(fund.id))
        assert intent_id is not None
        attempt = await books.save_attempt(intent_id, scenes.signed(), scenes.terms(nonce), "signed")
        mined = scenes.receipt(attempt.hash, block=101 + nonce, effective_gas_price=price)
        await books.settle(scenes.settlement(await books.intent(intent_id), mined))
        costs.append(mined.gas_used * price)
    assert min(costs) > 2**63
    assert await books.gas_spent(fund.signer, Timestamp(0)) == sum(costs)


# ---- what an operator says is written once, with everything that follows from it


async def operator_events(reader: SqlReader) -> list[str]:
    records = [json.loads(row["body"]) async for row in reader.journal() if row["kind"] == "operator"]
    return [body["event"] for body in records if body["event"] not in ("policy", "fund")]


async def test_release_of_a_stolen_nonce_is_one_record(
    books: SqlBooks, reader: SqlReader, fund: Fund, intent: Intent, sent: Any
) -> None:
    await books.set_intent_state(intent.id, IntentState.NONCE_STOLEN, scenes.record(reason="spent by another"))
    accepted = Record(RecordKind.OPERATOR, fund.id, {"event": "chain_accepted", "why": "it was me"})
    await books.release(fund.signer, 1, accepted)
    assert await operator_events(reader) == ["chain_accepted"]
    found = await reader.transaction(intent.id)
    assert found is not None
    newest = found["events"][-1]
    assert (newest["state_from"], newest["state_to"], newest["reason"]) == (
        "nonce_stolen",
        "cancelled",
        "it was me",
    )


async def test_wish_to_cancel_is_one_record(books: SqlBooks, reader: SqlReader, intent: Intent) -> None:
    await books.ask_cancel(intent.id, "the market moved", "ann")
    assert await operator_events(reader) == ["cancel"]
    (body,) = [json.loads(row["body"]) async for row in reader.journal() if '"cancel"' in row["body"]]
    assert (body["intent"], body["why"], body["by"]) == (str(intent.id), "the market moved", "ann")
