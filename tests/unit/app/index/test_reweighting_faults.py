"""What goes wrong with the index job, and where it dies: targets are set exactly once, by the right key, or stay."""

import asyncio
from dataclasses import replace

import pytest

from keeper.app.reconcile import examine
from keeper.core.index.states import RETRY_SECONDS
from keeper.core.ledger import Action, AlertKind, IntentKind, IntentState, Mode
from keeper.core.quotes import CoinId, FaultKind
from keeper.core.universe import CoinKind
from keeper.market_ports import MarketDataUnavailable
from tests import index_factories as ix
from tests.unit.app.index.following import (
    DAY,
    HOUR,
    LOOK,
    NEW,
    RULES,
    WEIGHER,
    caps,
    looks,
    started,
    symbols,
    targets,
    with_a_weigher_of_its_own,
)

pytestmark = pytest.mark.unit


# ---------------------------------------------------------------------------------------------- what goes wrong


async def test_a_provider_that_is_down_changes_nothing_and_is_asked_again_soon() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(**NEW)
    provider.down["members"] = MarketDataUnavailable("fake: no answer within 10 s", FaultKind.UNAVAILABLE)
    await sim.run(LOOK + 600)
    newest = looks(sim)[-1]
    assert (newest.action, newest.reason) == (Action.FAILED, "fake: no answer within 10 s")
    assert targets(sim) == [4_000, 4_000, 0, 2_000]
    assert (await sim.books.index_states())[sim.fund.id].members
    provider.down.clear()
    await sim.run(RETRY_SECONDS + 600)
    assert targets(sim) == [4_000, 0, 4_000, 2_000]
    assert AlertKind.TARGETS_WAIT not in sim.books.open_alerts()


async def test_without_a_provider_the_look_says_what_to_set_and_drift_goes_on() -> None:
    sim, _ = await started()
    sim.world = replace(sim.world, universe="MARKET_DATA is off")
    await sim.run(600)
    assert [(look.action, look.reason) for look in looks(sim)] == [(Action.FAILED, "MARKET_DATA is off")]
    assert any(cycle.reweighting is None for cycle in sim.books.decisions())


async def test_weights_that_cannot_be_leave_the_old_ones() -> None:
    sim, provider = await started(cap_bps=5_000)
    provider.coins = caps(weth=900)
    await sim.run(600)
    assert "targets stay: " in looks(sim)[-1].reason
    assert targets(sim) == [4_000, 4_000, 0, 2_000]


async def test_looks_that_break_do_not_keep_drift_from_being_looked_at() -> None:
    """One was due in every quarter of an hour, drift in every hour: a look that was cut off is none at drift."""
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.clock.sleep(DAY)
    before = len(sim.books.decisions())
    sim.chain.silent = {"rehearse"}
    await sim.run(6 * HOUR)
    since = [cycle.action for cycle in sim.books.decisions()[before:]]
    assert since.count(Action.FAILED) > 10, "the looks"
    assert since.count(Action.HELD) >= 6, "drift"


async def test_drift_is_looked_at_once_new_targets_are_final_however_long_their_transaction_took() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.clock.sleep(DAY)
    sim.chain.congested = True
    running = asyncio.create_task(sim.run(HOUR / 2))
    await sim.until(lambda: len(sim.books.intents()) == 1)
    await sim.clock.sleep(sim.world.cycle_timeout_seconds + 20)
    sim.chain.congested = False
    await running
    assert [intent.kind for intent in sim.books.intents()] == [IntentKind.TARGETS, IntentKind.REBALANCE]
    assert symbols(sim)["WBTC"] == 0


async def test_a_revert_in_simulation_sends_nothing_and_is_tried_again() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(**NEW)
    sim.chain.refusing[sim.fund.treasury] = "IsPaused"
    await sim.run(LOOK + 600)
    newest = looks(sim)[-1]
    assert newest.action is Action.REVERTED
    assert not sim.books.intents()
    sim.chain.refusing.clear()
    await sim.run(RETRY_SECONDS + 600)
    assert targets(sim) == [4_000, 0, 4_000, 2_000]


async def test_what_was_asked_for_other_rules_is_not_judged_by_new_ones() -> None:
    """A survey asks what its own rules need to know: by others, what it did not ask would be missing."""
    sim, provider = await started(coins=["weth"], size=1)
    provider.coins = caps(weth=500, wbtc=400, uni=300)
    known, waited = provider.members, asyncio.Event()

    async def slow(kind: CoinKind) -> frozenset[CoinId]:
        waited.set()
        await sim.clock.sleep(60)
        return await known(kind)

    provider.members = slow  # type: ignore[method-assign]
    running = asyncio.create_task(sim.run(HOUR))
    await waited.wait()
    await sim.books.put_methodology(sim.fund.id, ix.rules(**(RULES | {"size": 3})), "ann", "all of them")
    await running
    assert [look.reweighting.methodology_version for look in looks(sim) if look.reweighting] == [2]
    assert targets(sim) == [3_333, 2_667, 2_000, 2_000]


async def test_a_paused_fund_is_not_looked_at() -> None:
    sim, provider = await started()
    await sim.books.set_paused(sim.fund.id, True)
    await sim.run(600)
    assert provider.asked == []
    assert looks(sim) == []


async def test_dry_run_plans_targets_and_never_signs() -> None:
    sim, provider = await started(mode=Mode.DRY_RUN)
    provider.coins = caps(**NEW)
    await sim.run(600)
    assert looks(sim)[-1].action is Action.PLANNED
    assert sim.nothing_was_sent()


async def test_fixed_weights_ask_nobody() -> None:
    sim, provider = await started(fixed_bps={"WETH": 5_000, "UNI": 3_000}, size=10, rank_buffer=2)
    await sim.run(2 * HOUR)
    assert provider.asked == []
    assert targets(sim) == [5_000, 0, 3_000, 2_000]
    assert symbols(sim)["WBTC"] == 0


async def test_a_key_of_its_own_sends_the_targets_and_the_keepers_trades() -> None:
    sim, provider, weigher = await with_a_weigher_of_its_own()
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.run(3 * LOOK)
    assert targets(sim) == [4_000, 0, 4_000, 2_000]
    assert [(intent.kind, intent.signer) for intent in sim.books.intents()] == [
        (IntentKind.TARGETS, weigher),
        (IntentKind.REBALANCE, sim.fund.signer),
    ]
    assert [len(sim.chain.mined(each)) for each in (weigher, sim.fund.signer)] == [1, 1]


async def test_a_weighers_nonce_that_nobody_can_explain_holds_the_weigher_and_not_the_trades() -> None:
    sim, provider, weigher = await with_a_weigher_of_its_own()
    sim.chain.foreign(weigher)
    await sim.run(120)
    mine, theirs = await examine(sim.chain, sim.books, weigher)
    assert (mine.signer, mine.hold) == (sim.fund.signer, None)
    assert (theirs.signer, [each.name for each in theirs.funds]) == (weigher, [sim.fund.name])
    provider.coins = caps(**NEW)
    await sim.run(LOOK + 600)
    assert looks(sim)[-1].reason.startswith("safe_hold: ")
    assert (await examine(sim.chain, sim.books, weigher))[1].hold is not None
    assert AlertKind.SAFE_HOLD in sim.books.open_alerts()
    assert not sim.books.intents()


async def test_a_weighers_key_that_another_used_meanwhile_is_held_at_the_start_and_the_keepers_is_not() -> None:
    sim, provider, weigher = await with_a_weigher_of_its_own()
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.run(2 * DAY)
    sim.chain.foreign(weigher)
    sim.chain.mine()
    await sim.run(120)
    mine, theirs = await examine(sim.chain, sim.books, weigher)
    assert (mine.signer, mine.hold) == (sim.fund.signer, None)
    assert (theirs.signer, theirs.hold is None) == (weigher, False)


# ---------------------------------------------------------------------------------------------- crashes


@pytest.mark.parametrize(
    "moment", ["after commit_cycle", "after save_attempt", "before send", "after send", "after settle"]
)
async def test_targets_are_set_once_wherever_the_process_dies(moment: str) -> None:
    sim, provider = await started(interval_seconds=HOUR)
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.clock.sleep(HOUR)
    assert await sim.die(moment)
    await sim.run(3 * HOUR)
    told = [t for t in sim.chain.mined(WEIGHER) if t.call is not None and b"targets" in t.call.data]
    assert len(told) == 1
    assert targets(sim) == [4_000, 0, 4_000, 2_000]
    open_states = {IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT}
    assert not open_states & set(sim.books.states())


async def test_targets_that_were_undone_by_a_reorganisation_are_sent_again() -> None:
    sim, provider = await started(interval_seconds=HOUR)
    await sim.run(120)
    provider.coins = caps(**NEW)
    task_until = [4_000, 0, 4_000, 2_000]
    await sim.run(HOUR + 120)
    assert targets(sim) == task_until
    sim.chain.reorganise(1)
    await sim.run(2 * HOUR)
    assert targets(sim) == task_until
