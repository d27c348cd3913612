"""The contract of both kinds of books on who may sign: nonces, holds, breakers, and what was lost and spent."""

from collections.abc import Awaitable, Callable

import pytest

from keeper.core.fees import FeeQuote
from keeper.core.ledger import (
    Alert,
    AlertKind,
    AttemptKind,
    Execution,
    Intent,
    IntentState,
    Record,
    RecordKind,
    SignerState,
)
from keeper.core.model import Fund
from keeper.core.units import Timestamp, Wei
from keeper.ports import SigningForbidden
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter

S = IntentState
HOLD = "the chain has 5 transactions, these books 0"


def operator(event: str) -> Record:
    return scenes.record(RecordKind.OPERATOR, event=event)


# --------------------------------------------------------------------------------------- what forbids a signature


async def _pause(kept: Kept, fund: Fund) -> None:
    await kept.pause(fund.id)


async def _break(kept: Kept, fund: Fund) -> None:
    await kept.books.trip_breaker(fund.id, "3 transactions reverted", scenes.record())


async def _hold(kept: Kept, fund: Fund) -> None:
    await kept.books.hold(fund.signer, HOLD, scenes.record())


async def _resume(kept: Kept, fund: Fund) -> None:
    await kept.pause(fund.id, False)


async def _mend(kept: Kept, fund: Fund) -> None:
    assert await kept.books.reset_breaker(fund.id, Timestamp(1_700_000_000), operator("breaker_reset"))


async def _release(kept: Kept, fund: Fund) -> None:
    await kept.books.release(fund.signer, 0, operator("chain_accepted"))


Deed = Callable[[Kept, Fund], Awaitable[None]]
GATES = [(_pause, _resume, "pause"), (_break, _mend, "3 transactions reverted"), (_hold, _release, HOLD)]


@pytest.mark.parametrize(("shut", "reopen", "said"), GATES, ids=["paused", "breaker", "hold"])
async def test_what_is_forbidden_is_not_signed(
    kept: Kept, fund: Fund, intent: Intent, shut: Deed, reopen: Deed, said: str
) -> None:
    """Nothing is written, not even the nonce; when the reason is gone the same plan may be signed."""
    await shut(kept, fund)
    before = await kept.everything()
    with pytest.raises(SigningForbidden, match=said) as refusal:
        await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    assert "\n" not in str(refusal.value)
    assert await kept.everything() == before
    assert await kept.books.intent(intent.id) == intent
    await reopen(kept, fund)
    await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    assert (await kept.books.intent(intent.id)).state is S.SIGNED


@pytest.mark.parametrize("shut", [gate[0] for gate in GATES], ids=["paused", "breaker", "hold"])
@pytest.mark.parametrize("kind", list(AttemptKind))
async def test_what_is_out_is_still_raised_cancelled_and_followed(
    kept: Kept, fund: Fund, intent: Intent, shut: Deed, kind: AttemptKind
) -> None:
    first = await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    await shut(kept, fund)
    await kept.books.mark_sent(first.id, scenes.SENT_AT, scenes.ACCEPTED, scenes.record())
    dearer = scenes.terms(fees=FeeQuote(Wei(2 * 10**11), Wei(2 * 10**9)), kind=kind)
    raised = await kept.books.save_attempt(intent.id, scenes.signed(), dearer, "raised")
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(first.hash), S.MINED_OK))
    stored = await kept.books.intent(intent.id)
    assert (stored.state, [each.hash for each in stored.attempts]) == (S.MINED_OK, [first.hash, raised.hash])


@pytest.mark.parametrize("shut", [_pause, _break], ids=["paused", "breaker"])
async def test_one_fund_does_not_forbid_another(kept: Kept, fund: Fund, shut: Deed) -> None:
    other = await kept.fund("other", address(8))  # of the same signer
    await shut(kept, fund)
    await kept.sent(await kept.planned(other))


async def test_a_hold_is_of_the_signer_whichever_fund_plans(kept: Kept, fund: Fund) -> None:
    sharing = await kept.fund("sharing", address(8))
    apart = await kept.fund("apart", address(9), signer=address(10))
    await _hold(kept, fund)
    planned = await kept.planned(sharing)
    with pytest.raises(SigningForbidden, match=HOLD):
        await kept.sent(planned)
    await kept.sent(await kept.planned(apart))


@pytest.mark.parametrize("nonce", [1, 9])
async def test_signer_that_is_new_begins_at_nonce_0(kept: Kept, intent: Intent, nonce: int) -> None:
    before = await kept.everything()
    with pytest.raises(SigningForbidden):
        await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(nonce), "signed")
    assert await kept.everything() == before


async def test_next_nonce_is_the_one_after_the_last(kept: Kept, fund: Fund) -> None:
    assert await kept.books.signer_state(fund.signer) == SignerState(fund.signer, None, None)
    for nonce in range(3):
        intent = await kept.planned(fund)
        for wrong in {nonce - 1, nonce + 1, nonce + 7} - {-1}:
            with pytest.raises(SigningForbidden):
                await kept.books.save_attempt(intent.id, scenes.signed(), scenes.terms(wrong), "signed")
        attempt = await kept.sent(intent, nonce)
        assert (await kept.books.signer_state(fund.signer)).next_nonce == nonce + 1
        await kept.sent(intent, nonce)  # raised: no other nonce for it
        assert (await kept.books.signer_state(fund.signer)).next_nonce == nonce + 1
        await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash, block=101 + nonce)))


# --------------------------------------------------------------------------------------- holds


async def test_hold_keeps_its_first_reason(kept: Kept, fund: Fund) -> None:
    outcome = scenes.record(RecordKind.OUTCOME, fund.id)
    before = await kept.journal()
    await kept.books.hold(fund.signer, HOLD, outcome)
    assert await kept.books.signer_state(fund.signer) == SignerState(fund.signer, None, HOLD)
    assert len(await kept.journal()) == len(before) + 1
    held = await kept.everything()
    await kept.books.hold(fund.signer, "a second thought", scenes.record(RecordKind.OUTCOME, fund.id))
    assert await kept.everything() == held
    assert (await kept.books.signer_state(address(99))).hold is None


async def test_hold_keeps_the_nonce(kept: Kept, fund: Fund, intent: Intent) -> None:
    await kept.sent(intent)
    await kept.books.hold(fund.signer, HOLD, scenes.record())
    assert await kept.books.signer_state(fund.signer) == SignerState(fund.signer, 1, HOLD)


async def test_released_signer_goes_on_with_that_nonce(kept: Kept, fund: Fund) -> None:
    await _hold(kept, fund)
    for kind in (AlertKind.SAFE_HOLD, AlertKind.FUND_HALTED, AlertKind.HIGH_DRIFT):
        await kept.books.raise_alert(Alert(fund.id, kind, "look"))
    await kept.books.release(fund.signer, 5, operator("chain_accepted"))
    assert await kept.books.signer_state(fund.signer) == SignerState(fund.signer, 5, None)
    assert await kept.open_alerts() == {"HIGH_DRIFT"}
    intent = await kept.planned(fund)
    with pytest.raises(SigningForbidden):
        await kept.sent(intent, nonce=0)
    await kept.sent(intent, nonce=5)
    assert (await kept.books.signer_state(fund.signer)).next_nonce == 6


async def test_release_ends_a_stolen_intent(kept: Kept, fund: Fund, intent: Intent) -> None:
    await kept.sent(intent)
    await kept.books.set_intent_state(intent.id, S.NONCE_STOLEN, scenes.record())
    with pytest.raises(Exception, match="already has an open transaction"):
        await kept.planned(fund)
    head = await kept.books.chain_head()
    await kept.books.release(fund.signer, 1, operator("chain_accepted"))
    ended = await kept.books.intent(intent.id)
    assert (ended.state, ended.nonce) == (S.CANCELLED, 0)
    assert await kept.swaps() == [(intent.plan_id, "failed", None)] * 2
    assert await kept.books.chain_head() != head
    await kept.sent(await kept.planned(fund), nonce=1)


async def test_release_leaves_what_is_under_way_and_others_alone(kept: Kept, fund: Fund, intent: Intent) -> None:
    apart = await kept.fund("apart", address(9), signer=address(10))
    theirs = await kept.planned(apart)
    await kept.sent(theirs)
    await kept.books.set_intent_state(theirs.id, S.NONCE_STOLEN, scenes.record())
    await kept.sent(intent)
    await kept.books.hold(fund.signer, HOLD, scenes.record())
    await kept.books.release(fund.signer, 1, operator("chain_accepted"))
    assert (await kept.books.intent(intent.id)).state is S.SENT
    assert (await kept.books.intent(theirs.id)).state is S.NONCE_STOLEN


# --------------------------------------------------------------------------------------- breakers


async def test_breaker_keeps_its_first_reason(kept: Kept, fund: Fund) -> None:
    assert await kept.books.breaker(fund.id) is None
    before = await kept.journal()
    await kept.books.trip_breaker(fund.id, "first", scenes.record(RecordKind.OUTCOME, fund.id))
    assert await kept.books.breaker(fund.id) == "first"
    assert len(await kept.journal()) == len(before) + 1
    tripped = await kept.everything()
    await kept.books.trip_breaker(fund.id, "second", scenes.record(RecordKind.OUTCOME, fund.id))
    assert await kept.everything() == tripped
    assert await kept.books.breaker(fund.id + 1) is None


async def test_reset_says_whether_it_was_open(kept: Kept, fund: Fund) -> None:
    now = Timestamp(1_700_000_200)
    for kind in (AlertKind.BREAKER_OPEN, AlertKind.HIGH_DRIFT):
        await kept.books.raise_alert(Alert(fund.id, kind, "look"))
    before, head = await kept.everything(), await kept.books.chain_head()
    assert await kept.books.reset_breaker(fund.id, now, operator("breaker_reset")) is False
    assert (await kept.everything(), await kept.books.chain_head()) == (before, head)
    await kept.books.trip_breaker(fund.id, "first", scenes.record())
    head = await kept.books.chain_head()
    assert await kept.books.reset_breaker(fund.id, now, operator("breaker_reset")) is True
    assert await kept.books.chain_head() != head
    assert await kept.books.breaker(fund.id) is None
    assert await kept.open_alerts() == {"HIGH_DRIFT"}
    assert await kept.books.reset_breaker(fund.id, now, operator("breaker_reset")) is False


async def test_executions_are_what_was_mined(kept: Kept, fund: Fund) -> None:
    """Chain time, the treasury's own loss, and of a revert its reason; final or not."""
    other = await kept.fund("other", address(8))
    await kept.traded(other, 0, 100, S.FINAL_OK)
    good = await kept.traded(fund, 1, 101, S.FINAL_OK)
    await kept.traded(fund, 2, 102, S.FINAL_REVERTED)
    dropped = await kept.planned(fund)
    await kept.books.set_intent_state(dropped.id, S.ABANDONED, scenes.record())
    await kept.traded(fund, 3, 103, S.MINED_OK)
    assert good.event is not None
    cost = (good.event.nav_before, good.event.loss)
    first, second, third = (Timestamp(1_700_000_000 + block) for block in (101, 102, 103))
    assert await kept.executions(fund.id) == [
        Execution(first, True, None, *cost),
        Execution(second, False, "SlippageExceeded", None, None),
        Execution(third, True, None, *cost),
    ]
    assert [each.mined_at for each in await kept.executions(fund.id, second)] == [second, third]
    assert await kept.executions(fund.id, third + 1) == []


async def test_execution_counts_once_however_often_it_was_raised(kept: Kept, fund: Fund, intent: Intent) -> None:
    first = await kept.sent(intent)
    await kept.sent(intent)
    await kept.sent(intent, kind=AttemptKind.CANCEL)
    mined = scenes.reverted(first.hash)
    await kept.books.settle(scenes.settlement(intent, mined, S.FINAL_REVERTED))
    assert len(await kept.executions(fund.id)) == 1
    cost = mined.gas_used * mined.effective_gas_price
    assert await kept.books.gas_spent(fund.signer, Timestamp(0)) == cost


async def test_undone_execution_does_not_count(kept: Kept, fund: Fund) -> None:
    await kept.traded(fund, 0, 101, S.MINED_REVERTED)
    (intent,) = await kept.books.open_intents()
    assert len(await kept.executions(fund.id)) == 1
    assert await kept.books.gas_spent(fund.signer, Timestamp(0)) > 0
    await kept.books.set_intent_state(intent.id, S.SENT, scenes.record())
    assert await kept.executions(fund.id) == []
    assert await kept.books.gas_spent(fund.signer, Timestamp(0)) == 0


async def test_what_was_before_a_reset_does_not_count_any_more(kept: Kept, fund: Fund) -> None:
    """Nor what is in the block of the reset: an operator who looks at it would find the breaker open again."""
    await kept.traded(fund, 0, 101, S.FINAL_REVERTED)
    await kept.traded(fund, 1, 102, S.FINAL_REVERTED)
    await kept.books.trip_breaker(fund.id, "2 reverted", scenes.record())
    assert len(await kept.executions(fund.id)) == 2
    assert await kept.books.reset_breaker(fund.id, Timestamp(1_700_000_102), operator("breaker_reset"))
    assert await kept.executions(fund.id) == []
    await kept.traded(fund, 2, 103, S.FINAL_REVERTED)
    assert [each.mined_at for each in await kept.executions(fund.id)] == [1_700_000_103]
    await kept.books.trip_breaker(fund.id, "again", scenes.record())
    assert [each.mined_at for each in await kept.executions(fund.id)] == [1_700_000_103]  # nor by the next trip


# --------------------------------------------------------------------------------------- gas


async def test_gas_is_summed_beyond_64_bits(kept: Kept, fund: Fund) -> None:
    """Each cost alone is longer than a double is exact; their sum is longer than 64 bits."""
    price = Wei(10**13 + 1)
    costs = []
    for nonce in range(3):
        mined = await kept.traded(fund, nonce, 101 + nonce, S.FINAL_OK, effective_gas_price=price, l1_fee=Wei(nonce))
        costs.append(mined.gas_used * price + nonce)
    assert max(costs) < 2**63 < sum(costs)
    assert float(costs[0]) != costs[0]
    assert await kept.books.gas_spent(fund.signer, Timestamp(0)) == sum(costs)
    assert await kept.books.gas_spent(fund.signer, Timestamp(1_700_000_102)) == sum(costs[1:])
    assert await kept.books.gas_spent(fund.signer, Timestamp(1_700_000_104)) == 0


async def test_gas_is_that_of_the_signer(kept: Kept, fund: Fund) -> None:
    """Whichever of its funds spent it, reverts too."""
    sharing = await kept.fund("sharing", address(8))
    apart = await kept.fund("apart", address(9), signer=address(10))
    mined = [
        await kept.traded(fund, 0, 101, S.FINAL_OK),
        await kept.traded(sharing, 1, 102, S.FINAL_REVERTED),
        await kept.traded(apart, 0, 103, S.MINED_OK, gas_used=77),
    ]
    costs = [each.gas_used * each.effective_gas_price for each in mined]
    assert await kept.books.gas_spent(fund.signer, Timestamp(0)) == costs[0] + costs[1]
    assert await kept.books.gas_spent(apart.signer, Timestamp(0)) == costs[2] == 77 * mined[2].effective_gas_price
    assert await kept.books.gas_spent(address(99), Timestamp(0)) == 0
