"""A pool's mean beside the other sources: what it adds, what it never does, what a record keeps of it."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from keeper.core.deliberation import deliberate
from keeper.core.journal import GENESIS, canonical
from keeper.core.model import Market, PriceSource, PriceVote, V2State, V2Sums, V3State, V3Sums
from keeper.core.model import VenueKind as Kind
from keeper.core.past import PoolPast, PoolSample
from keeper.core.prices import PriceBook, PricesRefused, agree
from keeper.core.records import decision_body
from keeper.core.twap import px_of
from keeper.core.units import Px, Timestamp
from tests import factories as f
from tests.unit.core.test_price_votes import MAINNET, WETH, priced, usd, weth_fault, weth_px

pytestmark = pytest.mark.unit

USDC = 2
FEED, ROUTER, ORACLE, TWAP, MEDIAN = (
    PriceSource.FEED,
    PriceSource.ROUTER,
    PriceSource.ORACLE,
    PriceSource.TWAP,
    PriceSource.MEDIAN,
)
AGO = 2_000


def averaged(market: Market, mean: int | str) -> Market:
    """WETH's pair has cost so much on average over the last 2,000 s."""
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    stood = f.v2_state(weth, hub, depth=20_000_000, price=Decimal(mean))
    price0, price1 = (stood.reserve1 << 112) // stood.reserve0, (stood.reserve0 << 112) // stood.reserve1
    market = f.with_venue(market, WETH, sums=V2Sums(price0 * AGO, price1 * AGO, f.NOW % 2**32))
    venue = market.treasury.venues[WETH]
    at = Timestamp(f.NOW - AGO)
    return replace(market, pool_past={venue.pool: PoolPast(PoolSample(venue.pool, 7, at, 0, 0), None, at)})


def votes(market: Market) -> dict[PriceSource, PriceVote]:
    return {each.source: each for each in agree(market).votes if each.asset == WETH}


def used(market: Market) -> set[PriceSource]:
    return {source for source, each in votes(market).items() if each.used}


# --------------------------------------------------------------------------------------------- it agrees


def test_it_counts_with_spot_as_one_voice() -> None:
    """The pools say 2,010 between them, the feed 2,000."""
    market = averaged(priced(spot=2_020, oracle=None), 2_000)
    assert weth_px(market) == pytest.approx(usd(2_005), rel=1e-9)
    assert used(market) == {FEED, ROUTER, TWAP}
    assert votes(market)[TWAP].reason == "V2 pair, 2000 s"


def test_it_stands_for_the_pools_where_spot_is_off() -> None:
    market = averaged(priced(feed=2_000, spot=2_400, oracle=2_020), 2_010)
    assert weth_px(market) == pytest.approx(usd(2_010), rel=1e-9)
    assert used(market) == {FEED, ORACLE, TWAP}


def test_it_lags_and_is_dropped_and_nothing_else_changes() -> None:
    fast = priced(feed=2_200, spot=2_200, oracle=2_200)
    assert weth_px(averaged(fast, 2_000)) == weth_px(fast)
    told = votes(averaged(fast, 2_000))[TWAP]
    assert (told.used, told.reason) == (False, "is 9.09 % off the others")


# ---------------------------------------------------------------------------------- two that are apart


@pytest.mark.parametrize("spot", [1_600, 2_400])
def test_it_tells_on_a_pool_that_was_moved_a_moment_ago(spot: int) -> None:
    """The fund goes on, and not through that pool."""
    market = averaged(f.with_asset(priced(spot=spot, oracle=None), WETH, balance=f.units(100, 18)), 2_004)
    thought = deliberate(market)
    assert isinstance(thought.prices, PriceBook)
    assert thought.prices.px[WETH] == pytest.approx(usd(2_002), rel=1e-9)
    assert used(market) == {FEED, TWAP}
    assert thought.prices.spot_off[WETH] == Fraction(2, 100)
    assert thought.plan is not None
    assert WETH not in {index for swap in thought.plan.swaps for index in (swap.asset_in, swap.asset_out)}


@pytest.mark.parametrize(
    ("feed", "spot", "mean"),
    [
        (2_000, 2_400, 2_400),  # a pool that was held there for half an hour, or a feed that is late
        (2_000, 2_060, 2_030),  # between both: it speaks against neither
        (2_000, 2_400, 2_200),  # off both
    ],
)
def test_else_the_fund_holds_as_without_it(feed: int, spot: int, mean: int) -> None:
    market = averaged(priced(feed=feed, spot=spot, oracle=None), mean)
    assert weth_fault(market) == weth_fault(priced(feed=feed, spot=spot, oracle=None))
    assert used(market) == set()


# ------------------------------------------------------------------------------- what the pools cannot do


def test_two_voices_of_a_pool_do_not_outvote_two_from_outside() -> None:
    market = averaged(priced(feed=2_000, spot=2_400, oracle=2_010), 2_400)
    assert weth_px(market) == usd(2_005)
    assert used(market) == {FEED, ORACLE}


@pytest.mark.parametrize("source", [MEDIAN, ROUTER])
def test_two_voices_of_a_pool_are_not_enough(source: PriceSource) -> None:
    market = averaged(priced(feed=2_400, oracle=None, source=source, chain=MAINNET), 2_000)
    assert weth_fault(market).startswith("WETH: sources are 16.67 % apart")


def test_where_spot_is_told_on_it_does_not_value_a_fund() -> None:
    market = averaged(priced(spot=2_400, oracle=None, source=ROUTER), 2_000)
    assert weth_fault(market) == "WETH: PRICE_SOURCE is ROUTER, and ROUTER is 20 % off the others"


def test_a_fund_that_is_valued_by_spot_is_valued_by_spot() -> None:
    assert weth_px(averaged(priced(spot=2_020, oracle=None, source=ROUTER), 2_000)) == usd(2_020)


@pytest.mark.parametrize("source", [FEED, ORACLE])
def test_who_values_alone_does_not_ask_it(source: PriceSource) -> None:
    market = averaged(priced(source=source), 1_000)
    assert weth_px(market) == usd(2_000)
    assert votes(market)[TWAP].reason == f"PRICE_SOURCE is {source}"


def test_without_it_nobody_counts_one_voice_more() -> None:
    """A silent mean is no source that failed to speak."""
    market = f.with_venue(priced(oracle=None), WETH, enabled=False)
    assert "only one of two sources speaks (ROUTER: no pool with depth" in weth_fault(market)


def test_a_feed_that_is_not_good_holds_whatever_the_pools_say() -> None:
    assert isinstance(agree(averaged(f.with_asset(priced(), WETH, answer=None), 2_000)), PricesRefused)


# ----------------------------------------------------------------------------------------------- records


def test_a_record_holds_what_the_mean_was_computed_from() -> None:
    market = averaged(priced(spot=2_020), 2_000)
    body = decision_body(market, deliberate(market), GENESIS, "1")
    assert canonical(body)
    pool, told = body["pools"][WETH], next(v for v in body["votes"] if v["source"] == "TWAP")
    venue = market.treasury.venues[WETH]
    state = V2State(*(int(pool[name]) for name in ("reserve0", "reserve1")))  # type: ignore[arg-type]
    sums = V2Sums(int(pool["price0_cumulative"]), int(pool["price1_cumulative"]), int(pool["changed_at"]))
    earlier = pool["earlier"]
    assert (earlier["timestamp"], earlier["block"]) == ("2023-11-14T21:40:00Z", "7")
    sample = PoolSample(
        venue.pool,
        7,
        Timestamp(f.NOW - AGO),
        int(earlier["price0_cumulative"]),
        int(earlier["price1_cumulative"]),
    )
    again = replace(venue, state=state, sums=sums)
    px, _ = px_of(again, WETH, Px(10**30), PoolPast(sample, None, None), f.NOW)
    assert str(px) == told["px"]


def test_a_record_holds_a_v3_pools_sums_of_ticks() -> None:
    pool = V3State(1 << 96, 0, 10**24)
    market = f.with_venue(f.market(), WETH, kind=Kind.V3_POOL, state=pool, sums=V3Sums(-7, 5))
    assert decision_body(market, deliberate(market), GENESIS, "1")["pools"][WETH]["tick_cumulatives"] == ["-7", "5"]
