"""The index job beside the check of drift: targets change exactly once, or stay and say why; the rebalance follows."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from keeper.app.reconcile import examine
from keeper.app.world import Universe
from keeper.core.index.candidates import Contract
from keeper.core.index.reweighting import DOUBT_SECONDS
from keeper.core.index.states import RETRY_SECONDS
from keeper.core.ledger import Action, AlertKind, CycleRecord, IntentKind, IntentState, Mode
from keeper.core.model import Market as FundsMarket
from keeper.core.quotes import CoinId, FaultKind
from keeper.core.units import Bps, Timestamp
from keeper.core.universe import ChainNames, CoinKind, ListedCoin, Listing
from keeper.market_ports import MarketDataUnavailable
from tests import factories as f
from tests import index_factories as ix
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.clock import FakeClock
from tests.fakes.market import FakeMarket, coin
from tests.fakes.signer import FakeSigner
from tests.fakes.simulation import Simulation, simulate

pytestmark = pytest.mark.unit

HOUR, DAY, LOOK = 3_600, 86_400, 4 * 3_600
"""`LOOK` is how often the market is looked at here."""
WEIGHER = f.address(0, "5")
"""The first fund's signer: one key for both roles."""
RULES: dict[str, Any] = {"size": 2, "rank_buffer": 0, "cash_bps": 2_000, "interval_seconds": LOOK}
PLACE = ChainNames("ethereum", "eth")
OLD, NEW = {"weth": 500, "wbtc": 500, "uni": 90}, {"weth": 500, "wbtc": 90, "uni": 500}


def fund(**limits: Any) -> FundsMarket:
    """WETH and WBTC 40 % each, USDC 20 %; UNI is listed and neither wanted nor held."""
    assets = (
        f.asset(0, "WETH", price=2_000, balance=200, target=4_000),
        f.asset(1, "WBTC", price=40_000, balance=10, target=4_000, decimals=8),
        f.asset(2, "UNI", price=10, balance=0, target=0),
        f.asset(3, "USDC", price=1, balance=200_000, target=2_000, decimals=6),
    )
    market = f.with_treasury(f.market(assets, f.star(assets, depth=2_000_000_000)), weigher=WEIGHER)
    market = f.with_policy(market, cooldown_seconds=0, interval_seconds=HOUR)
    return f.with_limits(market, f.limits(**limits)) if limits else market


def caps(**sizes: int) -> list[ListedCoin]:
    return [coin(name, size) for name, size in sizes.items()]


@dataclass
class Market(FakeMarket):
    """Whose prices are always of the last minute."""

    clock: FakeClock = field(default_factory=FakeClock)

    async def largest(self, count: int, category: str = "") -> Listing:
        now = Timestamp(self.clock.timestamp() - 30)
        self.coins = [replace(each, updated_at=now) for each in self.coins]
        return await FakeMarket.largest(self, count, category)


async def started(
    market: FundsMarket | None = None, sizes: dict[str, int] | None = None, mode: Mode = Mode.LIVE, **rules: Any
) -> tuple[Simulation, Market]:
    sim = await simulate(market or fund(), mode=mode, poll_seconds=30.0, heartbeat_seconds=3_600.0)
    tokens = {asset.symbol.lower(): asset.token for asset in sim.treasury.assets}
    provider = Market(caps(**(sizes or OLD)), tokens=tokens, clock=sim.clock)
    for name, at in tokens.items():
        sim.chain.contracts[at] = Contract(at, True, 18, name.upper())
    sim.world = replace(sim.world, universe=Universe(provider, provider, PLACE))
    await sim.books.put_methodology(sim.fund.id, ix.rules(**(RULES | rules)), "ann", "a test")
    return sim, provider


def looks(sim: Simulation) -> list[CycleRecord]:
    return [cycle for cycle in sim.books.decisions() if cycle.reweighting is not None]


def targets(sim: Simulation) -> list[Bps]:
    return [asset.target for asset in sim.treasury.assets]


async def members(sim: Simulation) -> set[str]:
    return set((await sim.books.index_states())[sim.fund.id].members)


def symbols(sim: Simulation) -> dict[str, int | None]:
    return {asset.symbol: asset.balance for asset in sim.treasury.assets}


# ---------------------------------------------------------------------------------------------- nothing to do


async def test_targets_that_are_those_of_the_index_stand_and_its_members_are_in_force() -> None:
    sim, _ = await started()
    await sim.run(120)
    (look,) = looks(sim)
    assert (look.action, look.reason) == (Action.HELD, "targets are those of the index")
    assert await members(sim) == {"weth", "wbtc"}
    assert not sim.books.intents()
    assert look.nav == f.usd(1_000_000), "what the weights are weights of"


async def test_the_market_is_asked_once_in_an_interval_whatever_drift_does() -> None:
    sim, provider = await started()
    await sim.run(2 * LOOK + 600)
    assert len(looks(sim)) == len(provider.questions("largest")) == 3
    assert len(sim.books.decisions()) > 8, "and drift once an hour"


async def test_a_fund_without_rules_asks_nobody() -> None:
    sim = await simulate(fund())
    provider = FakeMarket(caps(**OLD))
    sim.world = replace(sim.world, universe=Universe(provider, provider, PLACE))
    await sim.run(120)
    assert provider.asked == []


# ---------------------------------------------------------------------------------------------- new members


async def test_a_change_of_rank_sets_targets_sells_the_leaver_to_zero_and_buys_the_newcomer() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.run(3 * LOOK)
    held, sent = looks(sim)[:2]
    assert (held.action, sent.action) == (Action.HELD, Action.SUBMITTED)
    assert "WBTC leaves: rank 3" in sent.reason
    assert "UNI enters: rank" in sent.reason
    assert targets(sim) == [4_000, 0, 4_000, 2_000]
    intents = sim.books.intents()
    assert [intent.kind for intent in intents] == [IntentKind.TARGETS, IntentKind.REBALANCE]
    assert sim.books.states() == [IntentState.FINAL_OK] * 2
    balances = symbols(sim)
    assert balances["WBTC"] == 0, "to zero, not to dust"
    assert balances["UNI"]
    assert (await sim.books.index_states())[sim.fund.id].members == ("uni", "weth") or (await sim.books.index_states())[
        sim.fund.id
    ].members == ("weth", "uni")


async def test_the_rebalance_follows_new_targets_at_once_not_after_the_interval() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.run(3 * LOOK)
    told, traded = (next(a for a in intent.attempts if a.block_number) for intent in sim.books.intents())
    assert told.block_number is not None
    assert traded.block_number is not None
    assert (traded.block_number - told.block_number) * BLOCK_SECONDS < HOUR / 2


async def test_the_journal_says_why_with_old_and_new() -> None:
    sim, provider = await started(sizes=OLD)
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.run(3 * LOOK)
    body = next(dict(c.decision.body) for c in looks(sim) if c.action is Action.SUBMITTED)
    index = body["index"]
    assert body["job"] == "index"
    assert sorted(index["members_before"]) == ["wbtc", "weth"]
    assert index["targets_before_bps"] == ["4000", "4000", "0", "2000"]
    assert index["targets_bps"] == index["step_bps"] == ["4000", "0", "4000", "2000"]
    assert {(c["symbol"], c["move"]) for c in index["changes"]} == {("WBTC", "leaves"), ("UNI", "enters")}
    assert [m["market_cap_usd"] for m in index["members"]] == ["500", "500"]
    assert index["methodology"]["version"] == "1"
    assert index["methodology"]["rules"]["cash_bps"] == "2000"
    (receipt,) = [r for r in sim.books.bodies("receipt") if "targets_bps" in r]
    assert receipt["targets_bps"] == ["4000", "0", "4000", "2000"]


async def test_a_weight_that_moves_by_less_than_the_threshold_is_left() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(weth=510, wbtc=500, uni=90)
    await sim.run(LOOK + 120)
    newest = looks(sim)[-1]
    assert newest.action is Action.HELD
    assert "would move most, by 0.4 %, threshold 1 %" in newest.reason
    assert targets(sim) == [4_000, 4_000, 0, 2_000]


async def test_weights_move_without_a_change_of_members() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(weth=600, wbtc=400, uni=90)
    await sim.run(LOOK + 600)
    assert targets(sim) == [4_800, 3_200, 0, 2_000]


# ---------------------------------------------------------------------------------------------- limits of the weigher


async def test_more_than_the_bucket_holds_goes_in_steps_the_leaver_first() -> None:
    sim, provider = await started(fund(shift_cap=Bps(2_500)))
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.run(LOOK + 600)
    assert targets(sim) == [4_000, 1_500, 2_500, 2_000], "25 % of the 40 % that is to move"
    assert looks(sim)[-1].reason.startswith("a step of 25 % of 40 %: ")
    assert len(looks(sim)) == 2
    await sim.run(DAY)
    assert targets(sim) == [4_000, 0, 4_000, 2_000], "when half the bucket has filled again, not a day later"
    kinds = [intent.kind for intent in sim.books.intents()]
    assert kinds == [IntentKind.TARGETS, IntentKind.REBALANCE] * 3
    assert symbols(sim)["WBTC"] == 0


async def test_a_target_above_what_the_weigher_may_set_stays_and_says_what_to_do() -> None:
    sim, provider = await started(fund(max_weight=Bps(5_000)))
    await sim.run(120)
    provider.coins = caps(weth=900, wbtc=100, uni=10)
    await sim.run(LOOK + 600)
    newest = looks(sim)[-1]
    assert newest.action is Action.BLOCKED
    assert newest.reason == (
        "largest_target: WETH: the methodology needs a cap_bps of at most 5000, or the treasury a larger limit"
    )
    assert targets(sim) == [4_000, 4_000, 0, 2_000]
    assert AlertKind.TARGETS_WAIT in sim.books.open_alerts()


async def test_cash_that_the_owner_set_above_the_limit_is_brought_below_it_by_the_first_step() -> None:
    """60 % in USDC where the weigher may leave 50 %: a step that sold the leaver alone would be refused for ever."""
    start = f.aim(fund(max_weight=Bps(5_000), shift_cap=Bps(2_500)), WETH=0, USDC=6_000)
    sim, _ = await started(start, sizes=NEW)
    await sim.run(3 * DAY)
    sent = [look.reweighting.sent for look in looks(sim) if look.reweighting and look.reweighting.sent]
    assert sent[0] == (1_250, 2_500, 1_250, 5_000)
    assert targets(sim) == [4_000, 0, 4_000, 2_000]


async def test_cash_that_no_step_brings_below_the_limit_says_what_to_do() -> None:
    sim, _ = await started(f.aim(fund(max_weight=Bps(5_000), shift_cap=Bps(2_500)), WETH=0, WBTC=0, USDC=10_000))
    await sim.run(600)
    assert looks(sim)[-1].reason == (
        "largest_target: USDC stays above it after a step: set targets as the owner, or a larger limit"
    )


async def test_who_is_no_weigher_tells_the_owner_and_takes_over_what_the_owner_did() -> None:
    sim, provider = await started(f.with_treasury(fund(), weigher=f.address(9)))
    await sim.run(120)
    provider.coins = caps(**NEW)
    await sim.run(LOOK + 600)
    newest = looks(sim)[-1]
    assert newest.action is Action.BLOCKED
    assert "is not the treasury's weigher" in newest.reason
    assert newest.reweighting is not None
    assert newest.reweighting.targets == (4_000, 0, 4_000, 2_000), "what to send is in the books"
    assert AlertKind.TARGETS_WAIT in sim.books.open_alerts()
    assert not sim.books.intents()
    sim.chain.alter(sim.fund.treasury, lambda t: f.aim(f.market(state=t), WBTC=0, UNI=4_000).treasury)
    await sim.run(2 * HOUR)
    assert looks(sim)[-1].action is Action.HELD
    assert await members(sim) == {"weth", "uni"}
    assert AlertKind.TARGETS_WAIT not in sim.books.open_alerts()


# ---------------------------------------------------------------------------------------------- newcomers and doubts


async def test_a_newcomer_that_is_not_listed_is_proposed_and_never_bought() -> None:
    sim, provider = await started()
    await sim.run(120)
    provider.coins = caps(weth=500, wbtc=400, uni=90, sol=9_000)
    sim.chain.contracts[ix.token("sol")] = Contract(ix.token("sol"), True, 18, "SOL")
    await sim.run(LOOK + 600)
    newest = looks(sim)[-1]
    assert newest.reweighting is not None
    assert [each.coin for each in newest.reweighting.proposed] == ["sol"]
    alert = sim.books.open_alerts()[AlertKind.INDEX_PROPOSAL].alert
    assert f"SOL (sol, {ix.token('sol')}) belongs in the index and cannot be bought: the treasury does not list it" in (
        alert.message
    )
    assert targets(sim)[2] == 0
    provider.down["members"] = MarketDataUnavailable("fake: no answer within 10 s", FaultKind.UNAVAILABLE)
    await sim.run(DAY + 600)
    assert looks(sim)[-1].action is Action.FAILED
    assert AlertKind.INDEX_PROPOSAL in sim.books.open_alerts(), "nobody has said that it is over"
    provider.down.clear()
    provider.coins = caps(**OLD)
    await sim.run(LOOK + 600)
    assert AlertKind.INDEX_PROPOSAL not in sim.books.open_alerts()


async def test_a_newcomer_whose_feed_is_dead_is_proposed_a_member_whose_feed_is_late_stays() -> None:
    sim, provider = await started(f.with_asset(fund(), 2, answer=None))
    provider.coins = caps(**NEW)
    await sim.run(600)
    newest = looks(sim)[-1]
    assert newest.reweighting is not None
    assert [(each.coin, each.reason) for each in newest.reweighting.proposed] == [
        ("uni", "its feed is not good: the feed did not answer")
    ]
    held = f.with_asset(fund(), 1, answer=None)
    sim, _ = await started(held)
    await sim.run(120)
    assert looks(sim)[-1].reason == "targets are those of the index"


async def test_a_member_that_nobody_speaks_for_is_kept_for_a_day_and_then_sold() -> None:
    sim, provider = await started(interval_seconds=HOUR)
    await sim.run(120)
    provider.coins = [each for each in caps(**NEW) if each.coin != "wbtc"]
    await sim.run(2 * HOUR)
    newest = looks(sim)[-1]
    assert newest.action is Action.HELD
    assert newest.reason.startswith("targets stay: ")
    assert "nobody says anything of it any more (since " in newest.reason
    assert targets(sim) == [4_000, 4_000, 0, 2_000]
    assert AlertKind.TARGETS_WAIT in sim.books.open_alerts()
    state = (await sim.books.index_states())[sim.fund.id]
    assert list(state.doubted) == ["wbtc"]
    await sim.run(DOUBT_SECONDS + HOUR)
    assert targets(sim) == [4_000, 0, 4_000, 2_000]
    assert (await sim.books.index_states())[sim.fund.id].doubted == {}


async def test_a_doubt_of_a_day_is_not_begun_anew_when_what_was_sent_came_to_nothing() -> None:
    sim, provider = await started(interval_seconds=HOUR)
    await sim.run(120)
    provider.coins = [each for each in caps(**NEW) if each.coin != "wbtc"]
    sim.chain.refusing[sim.fund.treasury] = "IsPaused"
    await sim.run(DOUBT_SECONDS + 4 * HOUR)
    assert looks(sim)[-1].action is Action.REVERTED
    sim.chain.refusing.clear()
    await sim.run(HOUR)
    assert targets(sim) == [4_000, 0, 4_000, 2_000]


async def test_a_doubt_that_is_over_is_forgotten() -> None:
    sim, provider = await started(interval_seconds=HOUR)
    await sim.run(120)
    provider.coins = [each for each in caps(**OLD) if each.coin != "wbtc"]
    await sim.run(2 * HOUR)
    assert (await sim.books.index_states())[sim.fund.id].doubted
    provider.coins = caps(**OLD)
    await sim.run(2 * HOUR)
    assert (await sim.books.index_states())[sim.fund.id].doubted == {}
    assert looks(sim)[-1].reason == "targets are those of the index"


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
    weigher = f.address(77, "9")
    sim, provider = await started(f.with_treasury(fund(), weigher=weigher))
    sim.signers[weigher] = FakeSigner(weigher)
    sim.world = replace(sim.world, weigher=weigher)
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
    weigher = f.address(77, "9")
    sim, provider = await started(f.with_treasury(fund(), weigher=weigher))
    sim.signers[weigher] = FakeSigner(weigher)
    sim.chain.foreign(weigher)
    sim.world = replace(sim.world, weigher=weigher)
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
    weigher = f.address(77, "9")
    sim, provider = await started(f.with_treasury(fund(), weigher=weigher))
    sim.signers[weigher] = FakeSigner(weigher)
    sim.world = replace(sim.world, weigher=weigher)
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
