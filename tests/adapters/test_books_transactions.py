"""The contract of both kinds of books on transactions: one nonce for ever, every reply, one truth per receipt."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from keeper.adapters.storage.errors import Conflict
from keeper.core.fees import FeeQuote
from keeper.core.holds import FinalPlace
from keeper.core.journal import content_hash
from keeper.core.ledger import Alert, AlertKind, Attempt, AttemptKind, Intent, IntentState, RecordKind
from keeper.core.model import Fund
from keeper.core.units import BaseUnits, Timestamp, Wei
from keeper.ports import SigningForbidden
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address, hash32

pytestmark = pytest.mark.adapter

S = IntentState
LATER = datetime(2027, 1, 1, tzinfo=UTC)
MINED_AT = Timestamp(1_700_000_102)

# --------------------------------------------------------------------------------------- attempts


async def test_first_attempt_fixes_the_nonce(kept: Kept, intent: Intent) -> None:
    bytes_ = scenes.signed()
    saved = await kept.books.save_attempt(intent.id, bytes_, scenes.terms(), "signed")
    assert saved == Attempt(
        id=saved.id,
        hash=bytes_.hash,
        raw=bytes_.raw,
        nonce=0,
        max_fee=scenes.FEES.max_fee,
        max_tip=scenes.FEES.max_tip,
        sent_at=None,
        reply=None,
        kind=AttemptKind.TRADE,
        signed_at=scenes.SIGNED_AT,
    )
    assert await kept.books.intent(intent.id) == replace(intent, state=S.SIGNED, nonce=0, attempts=(saved,))
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(1), "another nonce")
    with pytest.raises(Conflict):
        await kept.books.save_attempt(intent.id, bytes_, scenes.terms(), "the same bytes")
    with pytest.raises(LookupError):
        await kept.books.save_attempt(intent.id + 1, scenes.signed(), scenes.terms(), "no such intent")
    assert await kept.everything() == before


async def test_later_attempts_have_their_own_terms_and_the_same_nonce(
    kept: Kept, intent: Intent, attempt: Attempt
) -> None:
    dearer = FeeQuote(Wei(2 * 10**11), Wei(3 * 10**9))
    terms = scenes.terms(fees=dearer, kind=AttemptKind.CANCEL, signed_at=Timestamp(1_700_000_700))
    saved = await kept.books.save_attempt(intent.id, scenes.signed(), terms, "its deadline has passed")
    assert (saved.nonce, saved.fees, saved.kind, saved.signed_at) == (0, dearer, AttemptKind.CANCEL, 1_700_000_700)
    stored = await kept.books.intent(intent.id)
    assert (stored.state, [each.hash for each in stored.attempts]) == (S.SENT, [attempt.hash, saved.hash])
    assert (stored.attempts[1].sent_at, stored.attempts[1].reply) == (None, None)
    await kept.books.mark_sent(saved.id, LATER, scenes.SILENCE, scenes.record())
    first, second = (await kept.books.intent(intent.id)).attempts
    assert (first.sent_at, first.reply) == (scenes.SENT_AT, scenes.ACCEPTED.text)
    assert (second.sent_at, second.reply, second.reply_kind) == (LATER, scenes.SILENCE.text, scenes.SILENCE.kind)


async def test_any_reply_counts_as_sent_and_the_first_time_stays(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    await kept.books.mark_sent(attempt.id, LATER, scenes.SILENCE, scenes.record())
    stored = await kept.books.intent(intent.id)
    newest = stored.attempts[0]
    assert (stored.state, newest.sent_at) == (S.SENT, scenes.SENT_AT)
    assert (newest.reply, newest.reply_kind) == (scenes.SILENCE.text, scenes.SILENCE.kind)
    before = await kept.everything()
    with pytest.raises(LookupError):
        await kept.books.mark_sent(attempt.id + 1, LATER, scenes.ACCEPTED, scenes.record())
    assert await kept.everything() == before


async def test_sending_is_a_record_of_the_journal(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    before = await kept.journal()
    outcome = scenes.record(RecordKind.OUTCOME, intent.fund_id, event="submission")
    await kept.books.mark_sent(attempt.id, LATER, scenes.ACCEPTED, outcome)
    after = await kept.journal()
    assert after[:-1] == before
    assert after[-1][:2] == ("outcome", content_hash(outcome.body))


async def test_dropped_plan_is_never_signed(kept: Kept, intent: Intent) -> None:
    await kept.books.set_intent_state(intent.id, S.ABANDONED, scenes.record())
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(0), "signed")
    assert await kept.everything() == before
    assert (await kept.books.intent(intent.id)).attempts == ()


async def test_nonce_is_spent_once(kept: Kept, fund: Fund, intent: Intent, attempt: Attempt) -> None:
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash)))
    second = await kept.planned(fund)
    with pytest.raises(SigningForbidden):
        await kept.books.save_attempt(second.id, scenes.signed(), scenes.terms(0), "signed")
    assert (await kept.books.intent(second.id)) == second
    await kept.books.save_attempt(second.id, scenes.signed(), scenes.terms(1), "signed")


# --------------------------------------------------------------------------------------- receipts


async def test_settlement_fills_the_swaps(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    alert = Alert(intent.fund_id, AlertKind.HIGH_GAS_COST, "dear")
    mined = scenes.receipt(attempt.hash)
    await kept.books.settle(scenes.settlement(intent, mined, S.MINED_OK, alerts=(alert,)))
    stored = await kept.books.intent(intent.id)
    assert (stored.state, stored.attempts[0].block_hash) == (S.MINED_OK, mined.block_hash)
    filled = [(intent.plan_id, "completed", fill.amount_out) for fill in scenes.FILLS]
    assert await kept.swaps() == filled
    before = await kept.everything()
    await kept.books.settle(scenes.settlement(intent, mined, S.MINED_OK, alerts=(alert,)))
    assert await kept.everything() == before  # the same again says nothing new


async def test_reverted_receipt_fails_the_swaps(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    await kept.books.settle(scenes.settlement(intent, scenes.reverted(attempt.hash), S.MINED_REVERTED))
    assert await kept.swaps() == [(intent.plan_id, "failed", None)] * 2


async def test_reorganisation_takes_back_what_the_receipt_said(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash), S.MINED_OK))
    await kept.books.set_intent_state(intent.id, S.SENT, scenes.record())
    stored = await kept.books.intent(intent.id)
    assert (stored.state, stored.attempts[0].block_hash) == (S.SENT, None)
    assert await kept.swaps() == [(intent.plan_id, "pending", None)] * 2

    fills = tuple(replace(fill, amount_out=BaseUnits(fill.amount_out + 7)) for fill in scenes.FILLS)
    elsewhere = scenes.receipt(attempt.hash, block=103, fills=fills)
    await kept.books.settle(scenes.settlement(intent, elsewhere, S.MINED_OK))
    again = scenes.receipt(attempt.hash, block=104)
    await kept.books.settle(scenes.settlement(intent, again, S.MINED_OK))  # moved without having been away
    stored = await kept.books.intent(intent.id)
    assert stored.attempts[0].block_hash == again.block_hash
    assert [out for _, _, out in await kept.swaps()] == [fill.amount_out for fill in scenes.FILLS]


async def test_closed_stays_closed(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    mined = scenes.receipt(attempt.hash)
    await kept.books.settle(scenes.settlement(intent, mined, S.FINAL_OK))
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.set_intent_state(intent.id, S.SENT, scenes.record())
    with pytest.raises(Conflict):
        await kept.books.settle(scenes.settlement(intent, scenes.reverted(attempt.hash), S.FINAL_REVERTED))
    with pytest.raises(Conflict):
        await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "raised")
    await kept.books.set_intent_state(intent.id, S.FINAL_OK, scenes.record())
    assert await kept.everything() == before
    assert await kept.books.open_intents() == []


@pytest.mark.parametrize(("state", "binds"), [(S.ABANDONED, False), (S.NONCE_STOLEN, True)])
async def test_end_without_a_trade_fails_the_swaps(
    kept: Kept, intent: Intent, attempt: Attempt, state: IntentState, binds: bool
) -> None:
    await kept.books.set_intent_state(intent.id, state, scenes.record())
    assert await kept.swaps() == [(intent.plan_id, "failed", None)] * 2
    assert bool(await kept.books.open_intents(scenes.SIGNER)) is binds


async def test_receipt_must_be_of_this_intent(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    before = await kept.everything()
    unplanned = scenes.receipt(attempt.hash, fills=(*scenes.FILLS, scenes.FILLS[0]))
    for wrong in (scenes.receipt(hash32(0xDEAD)), unplanned):
        with pytest.raises(Conflict):
            await kept.books.settle(scenes.settlement(intent, wrong))
    with pytest.raises(LookupError):
        await kept.books.settle(replace(scenes.settlement(intent, scenes.receipt(attempt.hash)), intent_id=99))
    with pytest.raises(LookupError):
        await kept.books.set_intent_state(99, S.SENT, scenes.record())
    assert await kept.everything() == before


# --------------------------------------------------------------------------------------- cancelling


async def test_wish_to_cancel_is_on_the_intent(kept: Kept, intent: Intent) -> None:
    assert intent.cancel_asked is None
    await kept.books.ask_cancel(intent.id, "the market moved", "ann")
    assert await kept.books.intent(intent.id) == replace(intent, cancel_asked="the market moved")
    attempt = await kept.sent(intent)
    await kept.books.ask_cancel(intent.id, "really", "bob")
    stored = await kept.books.intent(intent.id)
    assert (stored.state, stored.cancel_asked, stored.attempts[0].hash) == (S.SENT, "really", attempt.hash)
    assert await kept.books.open_intents() == [stored]


async def test_only_what_is_open_can_be_cancelled(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    with pytest.raises(LookupError):
        await kept.books.ask_cancel(intent.id + 1, "why not", "ann")
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash)))
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.ask_cancel(intent.id, "too late", "ann")
    assert await kept.everything() == before
    assert (await kept.books.intent(intent.id)).cancel_asked is None


async def test_final_cancellation_ends_the_intent_without_a_trade(
    kept: Kept, fund: Fund, intent: Intent, attempt: Attempt
) -> None:
    taken = await kept.sent(intent, kind=AttemptKind.CANCEL)
    mined = scenes.receipt(taken.hash, block=102, fills=(), event=None, gas_used=21_000)
    outcome = scenes.record(RecordKind.OUTCOME, fund.id, event="cancelled")
    await kept.books.cancelled(intent.id, mined, MINED_AT, outcome)
    stored = await kept.books.intent(intent.id)
    assert stored.state is S.CANCELLED
    places = [(each.block_number, each.block_hash) for each in stored.attempts]
    assert places == [(None, None), (102, mined.block_hash)]
    assert await kept.swaps() == [(intent.plan_id, "failed", None)] * 2
    assert (await kept.journal())[-1][1] == content_hash(outcome.body)
    assert await kept.books.open_intents() == []
    assert await kept.books.final_places(0) == []
    assert await kept.executions(fund.id) == []  # no trade, so no revert either
    assert await kept.books.gas_spent(fund.signer, Timestamp(0)) == 21_000 * mined.effective_gas_price
    before = await kept.everything()
    await kept.books.cancelled(intent.id, mined, MINED_AT, scenes.record())  # says nothing new
    assert await kept.everything() == before
    second = await kept.planned(fund)
    await kept.sent(second, nonce=1)


async def test_cancellation_must_be_of_this_intent(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    taken = await kept.sent(intent, kind=AttemptKind.CANCEL)
    apart = await kept.planned(await kept.fund("apart", address(9), signer=address(10)))
    theirs = await kept.sent(apart, kind=AttemptKind.CANCEL)
    before = await kept.everything()
    for wrong in (attempt.hash, theirs.hash, hash32(0xDEAD)):
        with pytest.raises(Conflict):
            await kept.books.cancelled(intent.id, scenes.receipt(wrong), MINED_AT, scenes.record())
    with pytest.raises(LookupError):
        await kept.books.cancelled(apart.id + 1, scenes.receipt(taken.hash), MINED_AT, scenes.record())
    assert await kept.everything() == before
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash)))  # the plan got in first
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.cancelled(intent.id, scenes.receipt(taken.hash), MINED_AT, scenes.record())
    assert await kept.everything() == before


async def test_cancellation_of_what_has_no_nonce_is_refused(kept: Kept, intent: Intent) -> None:
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.cancelled(intent.id, scenes.receipt(hash32(0xDEAD)), MINED_AT, scenes.record())
    assert await kept.everything() == before


# --------------------------------------------------------------------------------------- what was final


async def test_final_places_are_of_those_that_ended_on_the_chain_newest_first(kept: Kept, fund: Fund) -> None:
    await kept.traded(fund, 0, 101, S.FINAL_OK)
    await kept.traded(fund, 1, 105, S.FINAL_REVERTED)
    await kept.traded(fund, 2, 110, S.FINAL_OK)
    dropped = await kept.planned(fund)
    await kept.books.set_intent_state(dropped.id, S.ABANDONED, scenes.record())
    await kept.traded(fund, 3, 111, S.MINED_OK)  # may still be undone
    places = await kept.books.final_places(0)
    found = [await kept.books.intent(each.intent_id) for each in places]
    assert [(each.nonce, each.state) for each in found] == [
        (2, S.FINAL_OK),
        (1, S.FINAL_REVERTED),
        (0, S.FINAL_OK),
    ]
    assert [each.attempts[0].block_number for each in found] == [110, 105, 101]
    assert [
        FinalPlace(each.id, fund.id, fund.signer, mined.hash, mined.block_number, mined.block_hash)
        for each in found
        for mined in each.attempts
    ] == places
    assert await kept.books.final_places(105) == places[:2]
    assert await kept.books.final_places(111) == []
