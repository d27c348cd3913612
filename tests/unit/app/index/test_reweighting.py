"""The index job beside the check of drift: targets change, or stay and say why; the rebalance follows."""

from dataclasses import replace

import pytest

from keeper.app.world import Universe
from keeper.core.index.candidates import Contract
from keeper.core.index.reweighting import DOUBT_SECONDS
from keeper.core.ledger import Action, AlertKind, IntentKind, IntentState
from keeper.core.quotes import FaultKind
from keeper.core.units import Bps
from keeper.market_ports import MarketDataUnavailable
from tests import factories as f
from tests import index_factories as ix
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.market import FakeMarket
from tests.fakes.simulation import simulate
from tests.unit.app.index.following import (
    DAY,
    HOUR,
    LOOK,
    NEW,
    OLD,
    PLACE,
    caps,
    fund,
    looks,
    members,
    started,
    symbols,
    targets,
)

pytestmark = pytest.mark.unit


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
