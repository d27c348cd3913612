"""Votes and the rule that makes prices of them: fail closed, never 0, every vote with its reason."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from typing import Any

import pytest

from keeper.core.model import Market, PriceSource, PriceVote, V2State, V3State, VenueKind, Verdict
from keeper.core.prices import PriceBook, PricesRefused, agree
from keeper.core.units import E18, Px
from keeper.core.votes import votes
from tests import factories as f

pytestmark = pytest.mark.unit

WETH, WBTC, USDC = 0, 1, 2
WETH_PX, WBTC_PX, USDC_PX = 2_000 * E18, 40_000 * 10**28, 10**30


def book_of(market: Market) -> PriceBook:
    book = agree(market)
    assert isinstance(book, PriceBook), book
    return book


def refused(market: Market) -> dict[str, str]:
    """Refusals by guard, in words."""
    outcome = agree(market)
    assert isinstance(outcome, PricesRefused), outcome
    return {guard.name: guard.detail for guard in outcome.refusals}


def vote_of(market: Market, asset: int, source: PriceSource) -> PriceVote:
    return next(vote for vote in agree(market).votes if (vote.asset, vote.source) == (asset, source))


def sourced(source: PriceSource, **changes: Any) -> Market:
    return f.with_policy(f.market(**changes), price_source=source)


def spot_at(market: Market, price: int | str | Decimal, asset: int = WETH) -> Market:
    """The same market with one pool at another price; the pools are numbered as their assets."""
    item, hub = market.treasury.assets[asset], market.treasury.assets[USDC]
    return f.with_venue(market, asset, state=f.v2_state(item, hub, depth=20_000_000, price=price))


# ------------------------------------------------------------------------------------------------- votes


def test_a_feed_gives_the_treasurys_price() -> None:
    assert book_of(f.market()).px == (WETH_PX, WBTC_PX, USDC_PX)


def test_all_sources_vote_on_every_asset_and_say_why_they_count() -> None:
    cast = agree(f.market()).votes
    assert [(vote.asset, vote.source.value, vote.used) for vote in cast] == [
        (WETH, "FEED", True),
        (WETH, "ROUTER", False),
        (WETH, "TWAP", False),
        (WBTC, "FEED", True),
        (WBTC, "ROUTER", False),
        (WBTC, "TWAP", False),
        (USDC, "FEED", True),
        (USDC, "ROUTER", False),
        (USDC, "TWAP", False),
    ]
    assert all(vote.reason for vote in cast)


def test_spot_is_the_reserve_ratio_through_the_hub() -> None:
    assert vote_of(spot_at(f.market(), 2_010), WETH, PriceSource.ROUTER).px == 2_010 * E18


def test_spot_needs_no_particular_side_of_the_pool() -> None:
    market = f.market()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    flipped = f.with_venue(market, 0, asset0=USDC, asset1=WETH, state=f.v2_state(hub, weth, depth=10**6))
    assert vote_of(flipped, WETH, PriceSource.ROUTER).px == WETH_PX


def test_v3_spot_is_the_square_of_the_root_price() -> None:
    market = f.market()
    # 2,000 USDC of 6 decimals per WETH of 18: 2e9 / 1e18 in base units
    root = isqrt(2 * 2**192 // 10**9)
    state = V3State(sqrt_price_x96=root, tick=-200_312, liquidity=10**20)
    pool = f.venue(0, WETH, USDC, state, kind=VenueKind.V3_POOL, fee_pips=500)
    only_v3 = f.with_treasury(market, venues=(pool, market.treasury.venues[1]))
    px = vote_of(only_v3, WETH, PriceSource.ROUTER).px
    assert px is not None
    assert abs(px - WETH_PX) <= WETH_PX // 10**18


def test_v3_spot_from_the_other_side_is_its_inverse() -> None:
    market = f.market()
    state = V3State(sqrt_price_x96=2**96 * 2, tick=13_863, liquidity=10**18)
    pool = f.venue(0, USDC, WETH, state, kind=VenueKind.V3_POOL)
    only_v3 = f.with_treasury(market, venues=(pool, market.treasury.venues[1]))
    # one base unit of USDC is four of WETH
    assert vote_of(only_v3, WETH, PriceSource.ROUTER).px == USDC_PX // 4


def test_the_deepest_pool_speaks() -> None:
    market = f.market()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    shallow = f.v2_pool(2, weth, hub, depth=1_000, price=9_999)
    assert (
        vote_of(f.with_treasury(market, venues=(shallow, *market.treasury.venues)), WETH, PriceSource.ROUTER).px
        == WETH_PX
    )


def test_depth_is_counted_on_the_hubs_side() -> None:
    """A pool that holds much WETH but little of the hub sells WETH for nothing: it must not outvote the other."""
    market = f.market(of=f.fund(hub=f.address(USDC + 1)))
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    drained = f.v2_pool(2, weth, hub, depth=1_000_000, price=1)
    flipped = f.v2_pool(3, hub, weth, depth=500_000)
    for pool, expected in ((drained, WETH_PX), (flipped, WETH_PX)):
        both = f.with_treasury(market, venues=(*market.treasury.venues, pool))
        assert vote_of(both, WETH, PriceSource.ROUTER).px == expected
    v3_state = V3State(sqrt_price_x96=2**96, tick=0, liquidity=10**13)
    v3 = f.venue(4, WETH, USDC, v3_state, kind=VenueKind.V3_POOL)
    only = f.with_treasury(market, venues=(drained, v3))
    assert vote_of(only, WETH, PriceSource.ROUTER).px == USDC_PX, "10^13 of virtual USDC against 10^12"


def test_a_disabled_pool_does_not_speak() -> None:
    vote = vote_of(f.with_venue(f.market(), 0, enabled=False), WETH, PriceSource.ROUTER)
    assert (vote.px, vote.used, vote.reason) == (None, False, "no pool with depth against the hub")


@pytest.mark.parametrize("state", [None, V2State(0, 0), V3State(0, 0, 0), V3State(2**96, 0, 0)])  # type: ignore[arg-type]
def test_a_pool_without_depth_does_not_speak(state: V2State | V3State | None) -> None:
    assert vote_of(f.with_venue(f.market(), 0, state=state), WETH, PriceSource.ROUTER).px is None


def test_the_hubs_spot_is_the_lower_median_of_what_its_pools_imply() -> None:
    # WETH at 2,100 in its pool while its feed says 2,000 implies a dollar of 0.952; the WBTC pool implies 1
    vote = vote_of(spot_at(f.market(), 2_100), USDC, PriceSource.ROUTER)
    assert vote.px is not None
    assert float(vote.px / USDC_PX) == pytest.approx(2_000 / 2_100, abs=1e-9)
    both = spot_at(spot_at(f.market(), 2_100), 42_000, WBTC)
    assert vote_of(both, USDC, PriceSource.ROUTER).px == pytest.approx(vote.px, rel=1e-9)


def test_of_three_pools_the_middle_one_speaks_for_the_hub() -> None:
    market = f.market()
    link = f.asset(2, "LINK", price=10, balance=100, target=100)
    hub = replace(market.treasury.assets[USDC], index=3)
    listed = (*market.treasury.assets[:USDC], link, hub)
    pools = tuple(
        f.v2_pool(index, item, hub, depth=10**6, price=f.price_of(item) * off)
        for index, (item, off) in enumerate(zip(listed[:3], (Fraction(5, 4), 1, Fraction(4, 5)), strict=True))
    )
    assert vote_of(f.market(listed, pools), 3, PriceSource.ROUTER).px == pytest.approx(USDC_PX, rel=1e-9)


def test_votes_alone_do_not_apply_the_policy() -> None:
    assert all(vote.used for vote in votes(f.market()) if vote.source is not PriceSource.TWAP)


# ----------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("answer", "guard", "detail"),
    [
        (None, "price_bounds", "WETH: the feed did not answer"),
        (f.answer(0), "price_bounds", "WETH: the feed answered 0"),
        (f.answer(-5), "price_bounds", "WETH: the feed answered -500000000"),
        (f.answer(1, decimals=19), "price_bounds", "WETH: 19 decimals of the feed and 18 of the token"),
        (f.answer(99), "price_bounds", "WETH: 9900000000 is below the treasury's bound 10000000000"),
        (f.answer(100_001), "price_bounds", "WETH: 10000100000000 is above the treasury's bound"),
        (f.answer(2_000, updated_at=f.NOW - 4_001), "price_age", "WETH: the answer is 4001 s old, at most 4000 s"),
        (f.answer(2_000, updated_at=f.NOW + 1), "price_age", "WETH: the answer is 1 s from the future"),
    ],
)
@pytest.mark.parametrize("source", [PriceSource.FEED, PriceSource.ROUTER, PriceSource.MEDIAN])
def test_a_feed_that_the_treasury_would_refuse_stops_the_fund(
    answer: Any, guard: str, detail: str, source: PriceSource
) -> None:
    market = f.with_asset(sourced(source), WETH, min_answer=100 * 10**8, max_answer=100_000 * 10**8, answer=answer)
    assert detail in refused(market)[guard]


@pytest.mark.parametrize("age", [0, 4_000])
def test_an_answer_as_old_as_allowed_is_good(age: int) -> None:
    market = f.with_asset(f.market(), WETH, answer=f.answer(2_000, updated_at=f.NOW - age))
    assert book_of(market).px[WETH] == WETH_PX


def test_answers_at_their_bounds_are_good() -> None:
    answer = 2_000 * 10**8
    assert book_of(f.with_asset(f.market(), WETH, min_answer=answer, max_answer=answer)).px[WETH] == WETH_PX


def test_age_is_chain_time_and_names_the_feed_nearest_to_its_limit() -> None:
    market = f.with_asset(f.market(), WBTC, answer=f.answer(40_000, updated_at=f.NOW - 100), max_age_seconds=110)
    age = next(guard for guard in book_of(market).guards if guard.name == "price_age")
    assert (age.measured, age.limit, age.unit, age.verdict, age.detail) == ("100", "110", "s", Verdict.PASS, "WBTC")


def test_age_is_shown_as_a_part_of_its_limit() -> None:
    market = f.with_asset(f.market(), WETH, answer=f.answer(2_000, updated_at=f.NOW - 3_900))
    market = f.with_asset(market, WBTC, answer=f.answer(40_000, updated_at=f.NOW - 10), max_age_seconds=110)
    age = next(guard for guard in book_of(market).guards if guard.name == "price_age")
    assert (age.measured, age.detail) == ("3900", "WETH")


def test_an_answer_from_the_future_is_worse_than_any_age() -> None:
    market = f.with_asset(f.market(), WETH, answer=f.answer(2_000, updated_at=f.NOW + 7))
    market = f.with_asset(market, WBTC, answer=f.answer(40_000, updated_at=f.NOW - 9_000))
    age = next(guard for guard in agree(market).guards if guard.name == "price_age")
    assert (age.measured, age.verdict) == ("-7", Verdict.REFUSE)


def test_the_least_answer_and_the_most_decimals_are_good() -> None:
    assert book_of(f.with_asset(f.market(), WETH, answer=f.answer("0.00000001"))).px[WETH] == 10**10
    assert book_of(f.with_asset(f.market(), WETH, answer=f.answer(2_000, decimals=18))).px[WETH] == WETH_PX


def test_every_faulty_asset_is_named() -> None:
    market = f.with_asset(f.with_asset(f.market(), WETH, answer=None), WBTC, answer=f.answer(0))
    assert refused(market)["price_bounds"] == "WETH: the feed did not answer; WBTC: the feed answered 0"


DEAD: dict[str, Any] = {
    "silent": {"answer": None},
    "old": {"answer": f.answer(40_000, updated_at=1)},
    "out of bounds": {"answer": f.answer(-1)},
    "balance unknown": {"balance": None},
}


@pytest.mark.parametrize("source", [PriceSource.FEED, PriceSource.ROUTER, PriceSource.MEDIAN])
@pytest.mark.parametrize("fault", DEAD.values(), ids=DEAD.keys())
def test_a_retired_asset_needs_no_price_and_nobody_is_asked(fault: dict[str, Any], source: PriceSource) -> None:
    """Somebody donated a unit of it: that alone must not stop the fund."""
    market = f.with_policy(f.retire(f.market(), WBTC, **({"balance": 1} | fault)), price_source=source)
    book = book_of(replace(market, fund=f.fund(hub=market.treasury.assets[USDC].token)))
    assert book.px[WBTC] is None
    assert book.treasury_px[WBTC] is None
    assert WBTC not in {vote.asset for vote in book.votes}


@pytest.mark.parametrize("held", [0, 1])
def test_the_treasury_reads_the_feed_of_whatever_is_not_retired(held: int) -> None:
    """Even when nothing is held of it: without a price `rebalance` reverts, and the owner is told how to go on."""
    market = f.aim(f.with_asset(f.market(), WBTC, balance=held, answer=None), WBTC=0, USDC=6_000)
    told = "WBTC: the feed did not answer (its target is 0: retireAsset goes on without it)"
    assert refused(market)["price_bounds"] == told
    old = f.with_asset(market, WBTC, answer=f.answer(40_000, updated_at=f.NOW - 4_001))
    assert refused(old)["price_age"].endswith("at most 4000 s (its target is 0: retireAsset goes on without it)")


def test_what_is_neither_wanted_nor_held_needs_no_second_opinion() -> None:
    market = f.with_policy(f.aim(f.hold(f.market(), WBTC=0), WBTC=0, USDC=6_000), price_source=PriceSource.MEDIAN)
    assert book_of(f.with_venue(market, WBTC, enabled=False)).px[WBTC] is None


def test_an_asset_of_which_nobody_said_which_coin_it_is_has_no_oracle() -> None:
    said = refused(sourced(PriceSource.ORACLE))["price_agreement"]
    assert "WETH: ORACLE says nothing: MARKET_DATA is off, or `keeper funds coins` does not say" in said


# -------------------------------------------------------------------------------------------------- rules


def test_feed_alone_ignores_spot_but_shows_how_far_it_is() -> None:
    book = book_of(spot_at(f.market(), 2_400))
    agreement = next(guard for guard in book.guards if guard.name == "price_agreement")
    assert book.px[WETH] == WETH_PX
    assert (agreement.verdict, agreement.measured, agreement.limit) == (Verdict.SKIP, "20", "2")
    assert agreement.detail == "FEED values alone"


def test_router_values_alone_on_a_test_chain() -> None:
    book = book_of(spot_at(sourced(PriceSource.ROUTER), 2_400))
    assert book.px == (2_400 * E18, WBTC_PX, USDC_PX)
    assert book.treasury_px[WETH] == WETH_PX


@pytest.mark.parametrize(("chain_id", "alone"), [(1, False), (10, False), (31_337, True), (11_155_111, True)])
def test_only_test_chains_trust_spot_alone(chain_id: int, alone: bool) -> None:
    outcome = agree(spot_at(sourced(PriceSource.ROUTER, chain_id=chain_id), 2_400))
    assert isinstance(outcome, PriceBook) is alone


@pytest.mark.parametrize(("price", "agrees"), [(2_040, True), (1_960, True), (2_041, False), (1_959, False)])
def test_router_elsewhere_needs_the_feed_to_agree(price: int, agrees: bool) -> None:
    market = spot_at(sourced(PriceSource.ROUTER, chain_id=1), price)
    if agrees:
        assert book_of(market).px[WETH] == price * E18
    else:
        assert "apart, at most 2 %" in refused(market)["price_agreement"]


def test_median_of_two_that_agree() -> None:
    book = book_of(spot_at(sourced(PriceSource.MEDIAN), 2_020))
    assert book.px[WETH] == 2_010 * E18
    agreement = next(guard for guard in book.guards if guard.name == "price_agreement")
    assert (agreement.verdict, agreement.measured, agreement.detail) == (Verdict.PASS, "1", "WETH")
    assert all(vote.used for vote in book.votes if vote.asset == WETH and vote.source is not PriceSource.TWAP)


@pytest.mark.parametrize(
    ("symbol", "limit"),
    [("WETH", "1"), ("WBTC", "1"), ("cbBTC", "1"), ("wstETH", "2"), ("LINK", "2"), ("USDT", "0.3")],
)
def test_ether_and_bitcoin_are_held_to_less_than_what_is_made_of_them(symbol: str, limit: str) -> None:
    market = f.with_policy(sourced(PriceSource.MEDIAN), major_price_deviation=Decimal("0.01"))
    market = f.with_asset(market, WETH, symbol=symbol)
    just, above = (Decimal(2_000) * (1 + (Decimal(limit) + more) / 100) for more in (Decimal(0), Decimal("0.001")))
    assert isinstance(agree(spot_at(market, just)), PriceBook)
    assert refused(spot_at(market, above))["price_agreement"].endswith(f"% apart, at most {limit} %")


def test_a_hub_is_held_to_what_all_are_held_to() -> None:
    """WETH as the hub: its spot is implied by the others' pools and feeds."""
    tight = {"price_source": PriceSource.MEDIAN, "major_price_deviation": Decimal("0.001")}
    market = f.with_policy(f.with_asset(f.market(), USDC, symbol="WETH"), **tight)
    assert isinstance(agree(f.with_asset(market, WETH, symbol="LINK")), PriceBook)
    moved = f.with_asset(spot_at(f.with_asset(market, WETH, symbol="LINK"), 2_010), WBTC, symbol="UNI")
    moved = spot_at(moved, 40_200, WBTC)
    assert isinstance(agree(moved), PriceBook)


def test_median_holds_when_its_sources_are_apart() -> None:
    market = spot_at(sourced(PriceSource.MEDIAN), 2_041)
    assert "WETH: sources are 2.05 % apart, at most 2 %" in refused(market)["price_agreement"]
    assert not any(vote.used for vote in agree(market).votes if vote.asset == WETH)


def test_median_needs_two() -> None:
    market = f.with_venue(sourced(PriceSource.MEDIAN), 0, enabled=False)
    assert "WETH: only one of two sources speaks (ROUTER: no pool" in refused(market)["price_agreement"]


def test_stablecoins_are_held_to_their_own_deviation() -> None:
    market = sourced(PriceSource.MEDIAN)
    usdt = replace(market.treasury.assets[WETH], symbol="USDT", answer=f.answer(1), balance=f.units(200_000))
    market = f.with_treasury(market, assets=(usdt, *market.treasury.assets[1:]))
    book_of(spot_at(market, "1.003"))
    assert "USDT: sources are 0.31 % apart, at most 0.3 %" in refused(spot_at(market, "1.0031"))["price_agreement"]


def test_without_a_hub_nothing_but_feeds_can_speak() -> None:
    market = f.market(venues=(), rules=f.policy(price_source=PriceSource.MEDIAN))
    assert "the fund has no hub" in refused(market)["price_agreement"]


def test_a_price_that_rounds_to_nothing_is_no_price() -> None:
    market = sourced(PriceSource.ROUTER)
    worthless = f.with_venue(market, 0, state=V2State(2**111, 1))  # type: ignore[arg-type]
    assert vote_of(worthless, WETH, PriceSource.ROUTER).px is None
    assert "WETH" in refused(worthless)["price_agreement"]


# ------------------------------------------------------------------------------------------------- native


def test_native_price_comes_from_its_feed() -> None:
    assert book_of(f.market()).native_usd_px == 3_000 * E18


@pytest.mark.parametrize("native", [None, f.answer(0), f.answer(3_000, updated_at=f.NOW - 100_000)])
def test_native_price_falls_back_to_the_wrapped_coin(native: Any) -> None:
    market = f.market(native=native, wrapped_native=f.address(WETH + 1))
    assert book_of(market).native_usd_px == 2_000 * E18
    assert book_of(replace(market, wrapped_native=None)).native_usd_px is None


def test_prices_are_integers() -> None:
    book = book_of(spot_at(sourced(PriceSource.MEDIAN), "2000.123456"))
    assert all(type(px) is int for px in book.px)
    assert isinstance(Px(book.px[0] or 0), int)
