"""A transaction that does not get in: raised, cancelled at its deadline or when asked, and always one outcome."""

from fractions import Fraction
from itertools import pairwise

import pytest

from keeper.core.fees import BUMP_SECONDS
from keeper.core.ledger import AlertKind, AttemptKind, IntentState
from keeper.core.units import Wei
from tests import factories
from tests.fakes.chain import BASE_FEE, BLOCK_SECONDS
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate

pytestmark = pytest.mark.unit

S, GWEI = IntentState, 10**9
CANCELLED_SECONDS = 2 * BLOCK_SECONDS + FINAL_SECONDS


def kinds(sim: Simulation) -> list[str]:
    return [attempt.kind.value for attempt in sim.intent.attempts]


def one_nonce(sim: Simulation) -> bool:
    """Whatever was signed was signed for one nonce, and one of it was mined."""
    return {each.nonce for each in sim.signer.signed} == {0} and len(sim.chain.mined(sim.fund.signer)) == 1


async def stuck(sim: Simulation) -> None:
    """Sent, and no block takes it."""
    sim.chain.congested = True
    await sim.run(2 * BLOCK_SECONDS)
    assert sim.books.states() == [S.SENT]


async def past_the_deadline(sim: Simulation) -> None:
    await sim.run(sim.intent.call.deadline - sim.clock.timestamp() + 2 * BLOCK_SECONDS)


async def test_a_base_fee_that_rises_is_followed() -> None:
    sim = await simulate()
    sim.chain.congested = True
    await sim.run(4)
    first = sim.intent.attempts[0]
    sim.chain.base_fee = Wei(3 * BASE_FEE)  # above what was offered: no block can take it
    sim.chain.congested = False
    await sim.run(BUMP_SECONDS + FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert kinds(sim) == ["trade", "trade"]
    second = sim.intent.attempts[1]
    assert first.max_fee < 3 * BASE_FEE < second.max_fee
    assert second.max_tip * 10 >= first.max_tip * 11
    assert second.block_hash is not None
    assert one_nonce(sim)
    assert [body["reason"] for body in sim.books.bodies("raise")] == [f"not mined within {BUMP_SECONDS} s"]


async def test_the_first_bytes_may_win_after_the_raise() -> None:
    sim = await simulate()
    await stuck(sim)
    await sim.run(BUMP_SECONDS)
    first, second = sim.intent.attempts
    sim.chain.pool.clear()
    sim.chain.congested = False
    assert (await sim.chain.send(first.raw)).text == "accepted"  # another node still had them
    await sim.clock.sleep(BLOCK_SECONDS)
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert [each.block_hash is not None for each in sim.intent.attempts] == [True, False]
    assert second.hash not in {each.hash for each in sim.chain.mined(sim.fund.signer)}
    assert one_nonce(sim)


async def test_past_its_deadline_the_nonce_is_taken_by_a_transfer_of_nothing() -> None:
    sim = await simulate()
    await stuck(sim)
    await past_the_deadline(sim)
    assert kinds(sim)[-1] == "cancel"
    assert sim.books.states() == [S.SENT]
    sim.chain.congested = False
    await sim.run(CANCELLED_SECONDS)
    assert sim.books.states()[0] is S.CANCELLED
    first = sim.books.intents()[0]
    assert first.attempts[-1].kind is AttemptKind.CANCEL
    assert first.attempts[-1].block_hash is not None
    cancel = next(each for each in sim.chain.mined(sim.fund.signer) if each.nonce == 0)
    assert cancel.call is not None
    assert (cancel.call.to, cancel.call.data) == (sim.fund.signer, b"")
    assert {row.status for row in sim.books.stored.swaps[1]} == {"failed"}
    assert sim.treasury.last_id in (4, 5)  # nothing of the first; perhaps a later one
    spent = await sim.books.gas_spent(sim.fund.signer, factories.NOW)
    assert spent >= 21_000 * BASE_FEE, "a cancellation's gas is of the day's budget too"


async def test_a_plan_that_beats_its_cancellation_is_its_outcome() -> None:
    sim = await simulate()
    await stuck(sim)
    trade = sim.intent.attempts[0]
    await past_the_deadline(sim)
    assert kinds(sim)[-1] == "cancel"
    sim.chain.pool.clear()
    sim.chain.congested = False
    await sim.chain.send(trade.raw)
    await sim.clock.sleep(BLOCK_SECONDS)
    await sim.run(FINAL_SECONDS)
    assert sim.books.states()[0] is S.FINAL_REVERTED, "it came too late for the treasury, but it is what happened"
    assert (sim.books.stored.settled[1].receipt.revert_reason or "").startswith("Expired: ")
    assert await sim.books.breaker(sim.fund.id) is None


async def test_an_operator_may_have_it_cancelled() -> None:
    sim = await simulate()
    await stuck(sim)
    await sim.books.ask_cancel(1, "the market turned", "anna")
    await sim.run(2 * BLOCK_SECONDS)
    assert kinds(sim)[-1] == "cancel"
    assert sim.books.bodies("raise")[-1]["reason"] == "an operator asked: the market turned"
    sim.chain.congested = False
    await sim.books.set_paused(sim.fund.id, True)
    await sim.run(CANCELLED_SECONDS)
    assert sim.books.states() == [S.CANCELLED]
    assert one_nonce(sim)
    assert sim.treasury.last_id == 4


async def test_a_cancellation_that_does_not_get_in_is_raised_too() -> None:
    sim = await simulate()
    await stuck(sim)
    await past_the_deadline(sim)
    await sim.run(2 * BUMP_SECONDS)
    cancels = [each for each in sim.intent.attempts if each.kind is AttemptKind.CANCEL]
    assert len(cancels) >= 2
    assert all(after.max_fee * 10 >= before.max_fee * 11 for before, after in pairwise(cancels))
    sim.chain.congested = False
    await sim.run(CANCELLED_SECONDS)
    assert sim.books.states()[0] is S.CANCELLED


async def test_nothing_is_offered_above_the_limit() -> None:
    """A spike over MAX_FEE_GWEI: the trade holds, and its cancellation can still outbid it."""
    limit = 50 * GWEI
    sim = await simulate(factories.with_policy(drifted(), max_fee=limit))
    sim.chain.congested = True
    await sim.run(4)
    sim.chain.base_fee = Wei(3 * limit)
    await past_the_deadline(sim)
    trades = [each for each in sim.signer.signed if each.call is not None and each.call.data]
    cancels = [each for each in sim.signer.signed if each not in trades]
    assert cancels
    assert max(each.max_fee for each in trades) * 113 <= limit * 100
    assert max(each.max_fee for each in sim.signer.signed) <= limit
    assert min(each.max_fee for each in cancels) * 100 >= max(each.max_fee for each in trades) * 110
    sim.chain.base_fee, sim.chain.congested = BASE_FEE, False
    await sim.run(CANCELLED_SECONDS)
    assert sim.books.states()[0] is S.CANCELLED


async def test_without_funds_the_same_bytes_are_sent_until_there_are_some() -> None:
    sim = await simulate()
    sim.signer.witness = lambda *_: sim.chain.drain(sim.fund.signer)  # after the rehearsal, before the bytes leave
    await sim.run(8 * BLOCK_SECONDS)
    assert sim.books.states() == [S.SENT]
    assert len(sim.signer.signed) == 1
    assert len(sim.chain.wire) >= 2
    assert sim.books.open_alerts()[AlertKind.TRANSACTION_STUCK].alert.message.startswith("a node refused it: ")
    sim.chain.drain(sim.fund.signer, 10**18)
    await sim.run(6 * BLOCK_SECONDS + FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert len(sim.signer.signed) == 1


async def test_a_relay_that_says_failed_closes_nothing() -> None:
    sim = await simulate()
    sim.chain.relay = "FAILED"
    await stuck(sim)
    await sim.run(BUMP_SECONDS)
    assert sim.books.states() == [S.SENT]
    assert "the relay says FAILED" in sim.books.open_alerts()[AlertKind.TRANSACTION_STUCK].alert.message
    sim.chain.congested = False
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert one_nonce(sim)


async def test_an_unknown_occupant_of_the_nonce_calls_a_person() -> None:
    """Another program's transaction waits there and cannot be outbid blindly: ours stays, and somebody is told."""
    sim = await simulate()

    def taken(*_: object) -> None:
        sim.chain.foreign(sim.fund.signer)
        sim.chain.congested = True

    sim.signer.witness = taken
    await sim.run(2 * BLOCK_SECONDS)
    assert len(sim.signer.signed) == 1
    assert "that is not ours waits at nonce 0" in sim.books.open_alerts()[AlertKind.TRANSACTION_STUCK].alert.message
    assert sim.books.states() == [S.SENT]


async def test_the_days_gas_budget_binds_raises() -> None:
    gas = 568_400  # what the simulated trade is given
    sim = await simulate(factories.with_policy(drifted(), gas_budget=gas * 22 * GWEI))
    await stuck(sim)
    await sim.run(2 * BUMP_SECONDS)
    assert kinds(sim) == ["trade"], "21 gwei are within the budget, a tenth more is not"
    rich = await simulate(factories.with_policy(drifted(), gas_budget=gas * 24 * GWEI))
    await stuck(rich)
    await rich.run(2 * BUMP_SECONDS)
    assert kinds(rich) == ["trade", "trade"]
    assert Fraction(rich.intent.attempts[1].max_fee, rich.intent.attempts[0].max_fee) == Fraction(11, 10)
