"""What forbids to sign: holds, the breaker, the gas budget. Each is recorded, told once, and ended by an operator."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from keeper.app.memory import Outbox
from keeper.app.reconcile import examine, reconcile
from keeper.core.holds import DOUBTED_HEADS
from keeper.core.ledger import Action, AlertKind, IntentState, Record, RecordKind
from keeper.core.model import Market
from keeper.core.units import Timestamp
from tests import factories
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, far_off, simulate

pytestmark = pytest.mark.unit

S = IntentState
OPERATOR = Record(RecordKind.OPERATOR, None, {"event": "chain_accepted"})


def last(sim: Simulation) -> tuple[Action, str]:
    record = sim.books.decisions()[-1]
    return record.action, record.reason


async def used_elsewhere(sim: Simulation, times: int = 1) -> None:
    """Somebody else sends with the keeper's key."""
    for _ in range(times):
        sim.chain.foreign(sim.fund.signer)
        sim.chain.mine()
    sim.clock.skew_seconds += times * BLOCK_SECONDS


# ------------------------------------------------------------------------------------------ safe hold


async def test_a_key_that_was_used_before_the_books_began_is_held() -> None:
    sim = await simulate()
    await used_elsewhere(sim, 3)
    await sim.run(60)
    assert sim.nothing_was_sent()
    (reason,) = [body["reason"] for body in sim.books.bodies("safe_hold")]
    assert (
        reason == f"the chain has 3 transactions of {sim.fund.signer}, these books have none: a new or a lost database?"
    )
    assert last(sim) == (Action.BLOCKED, f"safe_hold: {reason}")
    assert AlertKind.SAFE_HOLD in sim.alerts.kinds()
    assert sim.alerts.kinds().count(AlertKind.SAFE_HOLD) == 1


async def test_an_operator_s_word_ends_the_hold() -> None:
    sim = await simulate()
    await used_elsewhere(sim, 3)
    await sim.run(60)
    await sim.books.release(sim.fund.signer, 3, OPERATOR)
    assert not {AlertKind.SAFE_HOLD} & set(sim.books.open_alerts())
    await sim.run(400 + FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert sim.intent.nonce == 3


@pytest.mark.parametrize(
    ("books", "words"),
    [
        (0, "these books have none"),  # lost: a new one
        (1, "these books 1: an old database"),  # restored from a copy that is one transaction old
    ],
)
async def test_books_that_are_older_than_the_chain_hold_the_signer(books: int, words: str) -> None:
    sim = await simulate(far_off())
    kept = sim.books.stored.copy()
    while len(sim.chain.mined(sim.fund.signer)) < 2:
        await sim.run(400)
        if len(sim.chain.mined(sim.fund.signer)) == books == 1 and sim.books.states() == [S.FINAL_OK]:
            kept = sim.books.stored.copy()
    mined = len(sim.chain.mined(sim.fund.signer))
    sim.books.stored = kept
    await sim.run(1_000)
    assert len(sim.chain.mined(sim.fund.signer)) == mined, "nothing more was sent"
    assert [words in body["reason"] for body in sim.books.bodies("safe_hold")] == [True]


async def test_a_chain_that_went_back_holds_the_signer() -> None:
    """What was final is gone: rolled back, or the node is of another chain."""
    sim = await simulate()
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    sim.chain.reorganise(len(sim.chain.blocks) - 1)
    sim.chain.forget()
    await sim.run(DOUBTED_HEADS * BLOCK_SECONDS + 4)
    (held,) = sim.books.bodies("safe_hold")
    assert "was final and is gone" in held["reason"]
    assert len(sim.signer.signed) == 1


async def test_one_head_without_a_final_block_is_no_reason() -> None:
    """A node that lags behind shows less for a moment."""
    sim = await simulate()
    await sim.run(FINAL_SECONDS)
    ahead = list(sim.chain.blocks)
    sim.chain.blocks, sim.chain.stalled = ahead[:1], True
    await sim.run(8)
    sim.chain.blocks, sim.chain.stalled = ahead, False
    await sim.run(60)
    assert not sim.books.bodies("safe_hold")


async def test_the_start_holds_before_any_cycle_and_shows_what_it_found() -> None:
    sim = await simulate(factories.market())
    await used_elsewhere(sim)
    (report,) = await examine(sim.chain, sim.books)
    assert (report.nonce, report.next_nonce, report.hold, report.foreign_pending) == (1, None, None, 0)
    assert report.fault is not None
    assert not sim.books.events(), "to look changes nothing"
    (report,) = await reconcile(sim.world, Outbox())
    state = await sim.books.signer_state(sim.fund.signer)
    assert state.hold == report.fault


async def test_what_waits_in_the_pool_and_is_not_ours_is_counted() -> None:
    sim = await simulate()
    sim.chain.congested = True
    sim.chain.foreign(sim.fund.signer)
    (report,) = await examine(sim.chain, sim.books)
    assert (report.foreign_pending, report.fault) == (1, None)
    await sim.run(30)
    assert last(sim)[1].startswith("open_transaction: 1 of ")
    assert sim.nothing_was_sent()


async def test_a_hold_between_rehearsal_and_signature_is_seen_by_the_books() -> None:
    """The books are asked in the transaction that takes the nonce: nothing slips through in between."""
    sim = await simulate()
    sign = sim.signer.sign

    def held(*args: object, **options: object) -> object:
        sim.books.stored.signers[sim.fund.signer] = replace(state, hold="an operator's")
        return sign(*args, **options)  # type: ignore[arg-type]

    state = await sim.books.signer_state(sim.fund.signer)
    sim.signer.sign = held  # type: ignore[method-assign]
    await sim.run(30)
    assert sim.books.states() == [S.ABANDONED]
    assert sim.books.bodies("abandoned")[0]["reason"] == "safe_hold: an operator's"
    assert not sim.chain.wire


# ------------------------------------------------------------------------------------------ breaker


async def reverting(sim: Simulation, seconds: float) -> None:
    """Rehearsals go through, and in the block something else comes first."""
    rehearse = sim.chain.rehearse
    sim.chain.refusing[sim.fund.treasury] = "TooLittleReceived"

    async def blind(*args: object) -> object:
        sim.chain.refusing.clear()
        try:
            return await rehearse(*args)  # type: ignore[arg-type]
        finally:
            sim.chain.refusing[sim.fund.treasury] = "TooLittleReceived"

    sim.chain.rehearse = blind  # type: ignore[method-assign, assignment]
    await sim.run(seconds)


def often(**rules: object) -> Market:
    return factories.with_policy(far_off(), interval_seconds=300, **rules)


async def test_three_reverts_within_a_day_open_the_breaker_and_it_stays_open() -> None:
    sim = await simulate(often(), poll_seconds=60.0)
    await reverting(sim, 4_000)
    assert sim.books.states() == [S.FINAL_REVERTED] * 3
    (opened,) = sim.books.bodies("breaker_opened")
    assert opened["reason"].startswith("3 transactions reverted within 24 h, the last with TooLittleReceived")
    assert last(sim) == (Action.BLOCKED, f"breaker: {opened['reason']}")
    assert sim.alerts.kinds().count(AlertKind.BREAKER_OPEN) == 1
    sim.chain.refusing.clear()
    sim.world = replace(sim.world, poll_seconds=600.0)
    await sim.run(100_000)
    assert len(sim.books.intents()) == 3, "it does not close by itself, not even when the day is over"


async def test_a_breaker_that_is_reset_counts_from_then() -> None:
    sim = await simulate(often(), poll_seconds=60.0)
    await reverting(sim, 4_000)
    assert await sim.books.reset_breaker(sim.fund.id, Timestamp(int(sim.clock.timestamp())), OPERATOR)
    await reverting(sim, 1_000)
    assert len(sim.books.intents()) > 3
    await reverting(sim, 4_000)
    assert len(sim.books.intents()) == 6
    assert len(sim.books.bodies("breaker_opened")) == 2


async def test_losses_of_a_day_open_the_breaker() -> None:
    sim = await simulate(often(breaker_loss=Decimal("0.0001")))
    await sim.run(6_000)
    (opened,) = sim.books.bodies("breaker_opened")
    assert "bps of NAV were lost to execution within 24 h, more than 1 bps" in opened["reason"]
    lost = sum(each.receipt.event.loss for each in sim.books.stored.settled.values() if each.receipt.event)
    assert lost * 10_000 > 10**18 * 500_000, "more than 1 bps of half a million"
    await sim.run(6_000)
    assert len(sim.books.bodies("breaker_opened")) == 1


# ------------------------------------------------------------------------------------------ gas


@dataclass(frozen=True)
class Ceiling:
    name: str
    rules: Callable[[], dict[str, object]]
    words: str


@pytest.mark.parametrize(
    "ceiling",
    [
        Ceiling("max_gas", lambda: {"max_gas": 300_000}, "max_gas: it takes 400000 gas"),
        Ceiling("budget", lambda: {"gas_budget": 10**15}, "gas_budget: the transaction may cost 0.0119364"),
    ],
    ids=lambda ceiling: ceiling.name,
)
async def test_a_plan_beyond_a_ceiling_of_gas_is_not_made(ceiling: Ceiling) -> None:
    sim = await simulate(factories.with_policy(drifted(), **ceiling.rules()))
    await sim.run(30)
    action, reason = last(sim)
    assert action is Action.BLOCKED
    assert reason.startswith(ceiling.words), reason
    assert sim.nothing_was_sent()


async def test_the_days_gas_is_counted_over_all_its_transactions() -> None:
    one = 400_000 * 11 * 10**9  # what a simulated transaction costs
    sim = await simulate(often(gas_budget=3 * one), poll_seconds=60.0)
    await sim.run(3_000)
    done = len(sim.books.intents())
    assert 1 <= done < 3
    assert last(sim)[1].startswith("gas_budget: ")
    sim.world = replace(sim.world, poll_seconds=600.0)
    await sim.run(90_000)
    assert len(sim.books.intents()) > done, "a day later there is a budget again"
