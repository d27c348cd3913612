"""Mean prices of pools: published values, who speaks, who is silent and why, what the books are to remember."""

from dataclasses import replace
from typing import Any

import pytest

from keeper.core import twap
from keeper.core.amm.v3_ticks import MAX_TICK, MIN_TICK, sqrt_price_at
from keeper.core.model import Market, PriceSource, PriceVote, V2State, V2Sums, V3State, V3Sums
from keeper.core.model import VenueKind as Kind
from keeper.core.past import PoolPast, PoolSample
from keeper.core.units import E18, Timestamp
from keeper.core.votes import votes
from tests import factories as f

pytestmark = pytest.mark.unit

WETH, WBTC, USDC = 0, 1, 2
HALF_HOUR = 1_800
FLAT = V3Sums(0, 0)


# ------------------------------------------------------------------------------------------------- ticks


@pytest.mark.parametrize(
    ("tick", "sqrt_price"),
    [
        # v3-core test/TickMath.spec.ts and TickMath.MIN_SQRT_RATIO, MAX_SQRT_RATIO
        (MIN_TICK, 4_295_128_739),
        (MIN_TICK + 1, 4_295_343_490),
        (MAX_TICK - 1, 1461373636630004318706518188784493106690254656249),
        (MAX_TICK, 1461446703485210103287273052203988822378723970342),
        (0, 1 << 96),
        (50, 79426470787362580746886972461),
        (-50, 79030349367926598376800521322),
        (100, 79625275426524748796330556128),
        (250, 80224679980005306637834519095),
        (500, 81233731461783161732293370115),
        (-500, 77272108795590369356373805297),
        (1000, 83290069058676223003182343270),
        (-1000, 75364347830767020784054125655),
        (-250_000, 295440463448801648376846),
        (250_000, 21246587762933397357449903968194344),
        (-500_000, 1101692437043807371),
        (500_000, 5697689776495288729098254600827762987878),
        (-738_203, 7409801140451),
        (738_203, 847134979253254120489401328389043031315994541),
    ],
)
def test_prices_of_ticks_as_published(tick: int, sqrt_price: int) -> None:
    assert sqrt_price_at(tick) == sqrt_price


@pytest.mark.parametrize("tick", [MIN_TICK - 1, MAX_TICK + 1])
def test_a_tick_beyond_the_ends_has_no_price(tick: int) -> None:
    with pytest.raises(ValueError, match="beyond"):
        sqrt_price_at(tick)


@pytest.mark.parametrize(
    ("then", "now", "mean"),
    [
        (0, 1_800, 1),
        (0, 1_799, 0),
        (0, -1, -1),
        (0, -1_800, -1),
        (0, -1_801, -2),
        (2**55 - 900, -(2**55) + 900, 1),  # wrapped around
        (-(2**55) + 900, 2**55 - 900, -1),
    ],
)
def test_the_mean_tick_is_rounded_towards_negative_infinity(then: int, now: int, mean: int) -> None:
    assert twap.mean_tick(V3Sums(then, now)) == mean


# ------------------------------------------------------------------------------------------------- votes


def v3_market(sums: V3Sums | None = FLAT, **pool: Any) -> Market:
    """WETH's only pool is a V3 one at tick 0."""
    state = V3State(1 << 96, 0, 10**24)
    return f.with_venue(f.market(), WETH, kind=Kind.V3_POOL, state=state, sums=sums, **pool)


def v2_market(past: PoolPast | None, sums: V2Sums | None = None) -> Market:
    """WETH's only pool is a pair that was touched a minute ago; it holds 10^22 and 2*10^13 base units."""
    market = f.market()
    market = f.with_venue(market, WETH, sums=sums or V2Sums(7, 11, (f.NOW - 60) % 2**32))
    pool = market.treasury.venues[WETH].pool
    return replace(market, pool_past={} if past is None else {pool: past})


def sampled(market: Market, ago: int, price0: int = 0, price1: int = 0) -> PoolPast:
    pool = market.treasury.venues[WETH].pool
    at = Timestamp(f.NOW - ago)
    return PoolPast(PoolSample(pool, 1, at, price0 % 2**256, price1 % 2**256), None, at)


def vote(market: Market, asset: int = WETH) -> PriceVote:
    return next(v for v in votes(market) if (v.asset, v.source) == (asset, PriceSource.TWAP))


def test_a_v3_pool_speaks_by_itself() -> None:
    told = vote(v3_market())
    assert (told.px, told.used, told.updated_at) == (E18 * 10**12, True, f.NOW)
    assert told.reason == "V3 pool, 1800 s"


@pytest.mark.parametrize("tick", [-200_000, -7, 3, 200_000])
def test_of_its_other_token_a_v3_pool_says_the_inverse(tick: int) -> None:
    square = sqrt_price_at(tick) ** 2
    sums = V3Sums(0, tick * HALF_HOUR)
    assert vote(v3_market(sums)).px == (E18 * 10**12 * square >> 192)
    turned = v3_market(sums, asset0=USDC, asset1=WETH)
    assert vote(turned).px == E18 * 10**12 * (1 << 192) // square


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        (v3_market(None), "the pool's observations do not reach back 1800 s"),
        (v3_market(V3Sums(0, 900_000 * HALF_HOUR)), "a mean tick of 900000 is none of a pool"),
        (v3_market(enabled=False), "no pool with depth against the hub"),
        (v3_market(V3Sums(0, -887_272 * HALF_HOUR)), "the mean price rounds down to nothing"),
        (f.market(), "the pair does not say what its prices sum up to"),
        (v2_market(None), "no earlier sample of the pair: it speaks 1800 s after its first"),
        (
            v2_market(PoolPast(None, Timestamp(f.NOW - 600), Timestamp(f.NOW - 300))),
            "no sample of the pair is 1800 s old: it speaks from 2023-11-14T22:33:20Z",
        ),
        (f.with_asset(v3_market(), USDC, answer=None), "the hub's feed is not good"),
    ],
)
def test_a_silent_mean_says_why(market: Market, reason: str) -> None:
    told = vote(market)
    assert (told.px, told.used, told.reason) == (None, False, reason)


def test_a_pair_speaks_between_two_samples() -> None:
    """A price that has been the same all the time is its own mean."""
    market = v2_market(None)
    state = market.treasury.venues[WETH].state
    assert isinstance(state, V2State)
    price0 = (state.reserve1 << 112) // state.reserve0
    stood = market.block.timestamp - 60 - 2_040
    for at_start in (0, 2**256 - 5):  # the sums wrap around
        sums = V2Sums((at_start + price0 * (2_100 - 60)) % 2**256, 0, (f.NOW - 60) % 2**32)
        past = sampled(market, 2_100, at_start)
        told = vote(v2_market(past, sums))
        assert told.reason == "V2 pair, 2100 s"
        assert told.px == E18 * 10**12 * price0 >> 112
    assert stood == past.sample.timestamp if past.sample else False


def test_what_was_swapped_in_this_block_does_not_count() -> None:
    """It has stood for 0 seconds, however far it moved the pool."""
    market = v2_market(None)
    before = V2Sums(10**40, 10**40, f.NOW % 2**32)
    past = sampled(market, HALF_HOUR, 0, 0)
    honest = v2_market(past, before)
    pushed = f.with_venue(honest, WETH, state=V2State(f.units(1), f.units(10**9)))
    assert vote(pushed).px == vote(honest).px


@pytest.mark.parametrize("ago", [HALF_HOUR - 1, 4 * 3_600 + 1])
def test_a_sample_that_is_too_young_or_too_old_is_none(ago: int) -> None:
    past = sampled(v2_market(None), ago)
    assert vote(v2_market(past)).px is None


def test_the_deepest_pool_that_has_a_mean_speaks() -> None:
    market = v3_market(None)
    shallow = replace(
        market.treasury.venues[WETH], index=2, pool=f.address(9, "b"), state=V3State(1 << 96, 0, 10**20), sums=FLAT
    )
    both = f.with_treasury(market, venues=(*market.treasury.venues, shallow))
    assert vote(both).px == E18 * 10**12


def test_the_hub_is_told_by_what_its_pools_imply() -> None:
    told = vote(v3_market(), USDC)
    assert told.px == 2_000 * E18
    assert told.reason == "what its pools imply on average"
    assert vote(f.market(), USDC).px is None


# ----------------------------------------------------------------------------------------------- samples


def test_one_sample_per_pair_is_due_in_five_minutes() -> None:
    market = v2_market(None)
    (sample,) = twap.samples_due(market)
    state, sums = market.treasury.venues[WETH].state, market.treasury.venues[WETH].sums
    assert isinstance(state, V2State)
    assert isinstance(sums, V2Sums)
    assert (sample.block, sample.timestamp) == (19_000_000, f.NOW)
    assert sample.price0 == 7 + 60 * ((state.reserve1 << 112) // state.reserve0)
    assert sample.price1 == 11 + 60 * ((state.reserve0 << 112) // state.reserve1)
    for ago, due in ((0, 0), (299, 0), (300, 1)):
        past = PoolPast(None, None, Timestamp(f.NOW - ago))
        assert len(twap.samples_due(v2_market(past))) == due


def test_a_pair_that_is_listed_twice_is_sampled_once_and_v3_never() -> None:
    market = v2_market(None)
    again = replace(market.treasury.venues[WETH], index=2, kind=Kind.V2_ROUTER)
    twice = f.with_treasury(market, venues=(*market.treasury.venues, again))
    assert len(twap.samples_due(twice)) == 1
    assert twap.samples_due(v3_market()) == ()
    assert twap.samples_due(f.with_venue(market, WETH, state=V2State(f.units(0), f.units(1)))) == ()
