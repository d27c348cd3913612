"""The simple planner: sizes that land on target, limits that cut, and a note for everything cut or left out."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from keeper.core.amm import v2
from keeper.core.drift import Rebalance, decide
from keeper.core.model import Market, Plan, PlannedSwap, V2State, V3State, VenueKind
from keeper.core.planner.simple import plan
from keeper.core.prices import PriceBook, agree
from keeper.core.units import E18, usd, value_of
from keeper.core.valuation import value
from tests import factories as f

pytestmark = pytest.mark.unit

WETH, WBTC, USDC = 0, 1, 2
ANY_DRIFT = {"drift_threshold": Decimal("0.0001")}


def planned(market: Market) -> Plan:
    book = agree(market)
    assert isinstance(book, PriceBook), book
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance), decision
    return plan(valuation, decision, market, book)


def over_in_weth(**rules: Any) -> Market:
    """120,000 USD too much of WETH in a fund of 1,120,000."""
    return f.with_policy(f.hold(f.market(), WETH=260), **(ANY_DRIFT | rules))


def weights_after(market: Market, result: Plan) -> list[float]:
    values = [
        Fraction(amount, 10**asset.decimals) * f.price_of(asset)
        for amount, asset in zip(result.holdings_after, market.treasury.assets, strict=True)
    ]
    return [float(held / sum(values)) for held in values]


def route(swap: PlannedSwap) -> tuple[int, int]:
    return swap.asset_in, swap.asset_out


# ------------------------------------------------------------------------------------------------- sizing


def test_two_assets_land_where_the_closed_form_does() -> None:
    """Methodology, section 4: 100 ETH and 100,000 USDC in a pool of 5,000 / 15,000,000 -> sell 33.494350051."""
    weth = f.asset(0, "WETH", price=3_000, balance=100, target=5_000)
    usdc = f.asset(1, "USDC", price=1, balance=100_000, target=5_000, decimals=6)
    pool = f.venue(0, 0, 1, V2State(f.units(5_000), f.units(15_000_000, 6)))
    market = f.market([weth, usdc], [pool], rules=f.policy())
    result = planned(market)
    (swap,) = result.swaps
    assert round(Decimal(swap.amount_in) / E18, 9) == Decimal("33.494350051")
    assert Decimal(swap.expected_out) / 10**6 == pytest.approx(Decimal("99516.949846"), abs=Decimal("0.000002"))
    exact = v2.input_to_target(
        f.units(100),
        f.units(100_000, 6),
        f.units(5_000),
        f.units(15_000_000, 6),
        3_000,
        Fraction(3_000 * 10**6, E18),
        Fraction(1, 2),
    )
    assert abs(swap.amount_in - exact) < 10**9, "a billionth of an ETH: USDC has six decimals"
    assert weights_after(market, result)[0] == pytest.approx(0.5, abs=1e-10)


def test_many_assets_land_on_target_after_fee_and_impact() -> None:
    market = over_in_weth()
    result = planned(market)
    assert [route(swap) for swap in result.swaps] == [(WETH, USDC), (USDC, WBTC)]
    # WBTC has 8 decimals: a unit is 0.0004 USD
    assert weights_after(market, result) == pytest.approx([0.4, 0.4, 0.2], abs=1e-9)
    assert result.notes == ()


def test_the_right_plan_when_one_sells_and_four_buy() -> None:
    """240/190/190/190/190 of target 20 % each: sell 40, buy 10 of each; no buyer is over its threshold."""
    assets = [f.asset(i, f"A{i}", price=1, balance=held, target=2_000) for i, held in enumerate((240, 190, 190, 190))]
    assets.append(f.asset(4, "HUB", price=1, balance=190, target=2_000))
    market = f.market(assets, f.star(assets, depth=10**9), rules=f.policy(min_trade=f.usd(1)))
    result = planned(market)
    assert [route(swap) for swap in result.swaps] == [(0, 4), (4, 1), (4, 2), (4, 3)]
    assert float(usd(result.swaps[0].value_in)) == pytest.approx(40, abs=0.1)
    assert all(float(usd(swap.value_in)) == pytest.approx(10, abs=0.1) for swap in result.swaps[1:])


def test_amounts_out_are_the_pools_to_the_unit() -> None:
    market = over_in_weth()
    sell = planned(market).swaps[0]
    state = market.treasury.venues[0].state
    assert isinstance(state, V2State)
    assert sell.zero_for_one
    assert sell.expected_out == v2.amount_out(sell.amount_in, state.reserve0, state.reserve1, 3_000)
    assert sell.value_in == value_of(sell.amount_in, 2_000 * E18)  # type: ignore[arg-type]


def test_holdings_after_follow_from_the_swaps() -> None:
    market = over_in_weth()
    result = planned(market)
    held = [asset.balance or 0 for asset in market.treasury.assets]
    for swap in result.swaps:
        held[swap.asset_in] -= swap.amount_in
        held[swap.asset_out] += swap.expected_out
    assert tuple(held) == result.holdings_after


def test_the_largest_buy_runs_last() -> None:
    """What a sell yields less than expected is then the smallest part of a buy."""
    market = f.with_policy(f.hold(f.market(), WETH=150, WBTC=9, USDC=400_000), **ANY_DRIFT)
    buys = [swap.value_in for swap in planned(market).swaps]
    assert len(buys) == 2
    assert buys == sorted(buys)


def test_the_hubs_own_excess_pays_for_buys() -> None:
    market = f.with_policy(f.hold(f.market(), USDC=400_000), **ANY_DRIFT)
    result = planned(market)
    assert {route(swap) for swap in result.swaps} == {(USDC, WETH), (USDC, WBTC)}
    assert weights_after(market, result) == pytest.approx([0.4, 0.4, 0.2], abs=1e-9)


def test_the_hubs_own_lack_is_filled_by_sells() -> None:
    market = f.with_policy(f.hold(f.market(), USDC=0), **ANY_DRIFT)
    result = planned(market)
    assert {route(swap) for swap in result.swaps} == {(WETH, USDC), (WBTC, USDC)}
    assert weights_after(market, result) == pytest.approx([0.4, 0.4, 0.2], abs=1e-9)


# ------------------------------------------------------------------------------------------------- minimum


def test_min_out_is_the_floor_of_the_tolerance() -> None:
    for swap in planned(over_in_weth()).swaps:
        assert swap.min_out == swap.expected_out * 9_900 // 10_000


def test_min_out_never_falls_below_what_the_treasury_accepts() -> None:
    market = f.with_treasury(over_in_weth(slippage_tolerance=Decimal("0.1")), limits=f.limits(max_slip=100))
    for swap in planned(market).swaps:
        px_in, px_out = (2_000 * E18, 10**30) if swap.asset_in == WETH else (10**30, 40_000 * 10**28)
        floor = -(-swap.value_in * 9_900 // 10_000)
        assert swap.value_in == swap.amount_in * px_in // E18
        assert swap.min_out * px_out // E18 >= floor > (swap.min_out - 1) * px_out // E18
        assert swap.min_out <= swap.expected_out


def test_the_floor_is_counted_at_the_treasurys_prices_not_at_ours() -> None:
    """A router price 2 % above the feed makes our input worth more to us than to the treasury."""
    market = f.with_policy(over_in_weth(), price_source=f.PriceSource.ROUTER, slippage_tolerance=Decimal("0.1"))
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    dear = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=20_000_000, price=2_040))
    sell = planned(dear).swaps[0]
    floor = -(-(sell.amount_in * 2_000) * 9_700 // 10_000)
    assert sell.min_out == -(-floor // 10**12)


def test_a_pool_too_far_from_the_price_is_left_alone_with_a_note() -> None:
    market = over_in_weth()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    cheap = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=20_000_000, price=1_980))
    result = planned(cheap)
    assert WETH not in {swap.asset_in for swap in result.swaps}
    assert any("WETH: 72,000.00 USD over and left: venue 0: the pool is 1 % worse" in note for note in result.notes)


@pytest.mark.parametrize(("price", "used"), [(1_990, True), (1_989, False)])
def test_half_a_percent_below_the_price_is_as_far_as_a_pool_may_be(price: int, used: bool) -> None:
    market = over_in_weth()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    off = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=19_900_000, price=price))
    assert (WETH in {swap.asset_in for swap in planned(off).swaps}) is used


def test_a_pair_is_never_filled_beyond_its_112_bits() -> None:
    shib = f.asset(0, "SHIB", price="0.00000001", balance=10**15, target=1_000)
    hub = f.asset(1, "USDC", price=1, balance=0, target=9_000, decimals=6)
    state = V2State(f.BaseUnits(2**112 - 10**30), f.units(Fraction(2**112 - 10**30, 10**26), 6))
    market = f.market([shib, hub], [f.venue(0, 0, 1, state)], of=f.fund(hub=hub.token))
    result = planned(market)
    assert [swap.amount_in for swap in result.swaps] == [10**30 - 1]
    assert any("the pool's capacity" in note for note in result.notes)


def test_a_pool_that_pays_better_is_welcome() -> None:
    market = over_in_weth()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    dear = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=20_000_000, price=2_100))
    assert WETH in {swap.asset_in for swap in planned(dear).swaps}


def test_a_fee_beyond_the_treasurys_slippage_is_left_out_with_a_note() -> None:
    market = f.with_treasury(over_in_weth(), limits=f.limits(max_slip=30))
    result = planned(market)
    assert result.swaps == ()
    assert all("nothing fits within the treasury's slippage limit" in note for note in result.notes)
    assert len(result.notes) == 2


# -------------------------------------------------------------------------------------------------- limits


def test_max_trade_cuts_and_says_so() -> None:
    result = planned(f.hold(over_in_weth(max_trade=f.usd(10_000)), USDC=230_000))
    assert [route(swap) for swap in result.swaps] == [(WETH, USDC), (USDC, WBTC)]
    assert all(f.usd(9_950) < swap.value_in <= f.usd(10_000) for swap in result.swaps)
    for symbol in ("WETH", "WBTC"):
        note = next(note for note in result.notes if note.startswith(symbol))
        assert note.startswith(f"{symbol}: 10,000.00 of ")
        assert note.endswith("cut by MAX_TRADE_SIZE_USD; the rest waits")


def test_a_hub_below_its_weight_is_filled_before_anything_is_bought() -> None:
    """To move a lack from the hub to an asset costs a swap and brings the weights no nearer."""
    result = planned(over_in_weth(max_trade=f.usd(10_000)))
    assert [route(swap) for swap in result.swaps] == [(WETH, USDC)]
    assert any(note.startswith("WBTC") and "the hub has no more" in note for note in result.notes)


def test_the_treasurys_size_limit_cuts() -> None:
    market = f.with_treasury(over_in_weth(), limits=f.limits(per_trade=100))
    result = planned(market)
    assert all(swap.value_in <= f.usd(11_200) for swap in result.swaps)
    assert any("the treasury's size limit" in note for note in result.notes)


def test_price_impact_cuts() -> None:
    market = over_in_weth(price_impact_threshold=Decimal("0.001"))
    result = planned(market)
    assert all(swap.impact <= Decimal("0.001") for swap in result.swaps)
    assert any("PRICE_IMPACT_THRESHOLD" in note for note in result.notes)


def test_the_slippage_limit_cuts_with_a_part_kept_in_hand() -> None:
    """3/4 of 100 bps leave 45 bps for impact beside the fee of 30."""
    market = over_in_weth()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    shallow = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=2_000_000))
    result = planned(f.with_treasury(shallow, limits=f.limits(max_slip=100)))
    sell = result.swaps[0]
    assert sell.asset_in == WETH
    assert float(1 - Fraction(sell.value_out, sell.value_in)) == pytest.approx(0.0075, abs=1e-6)
    assert any("the treasury's slippage limit" in note for note in result.notes)


def test_small_trades_wait() -> None:
    market = f.with_policy(f.hold(f.market(), WETH=200 + Fraction(1, 25)), min_trade=f.usd(50), **ANY_DRIFT)
    market = f.with_treasury(market, limits=f.limits(min_drift=0))
    result = planned(market)
    assert result.swaps == ()
    assert any("USD is below MIN_TRADE_SIZE_USD and waits" in note for note in result.notes)


def test_a_piece_cut_below_the_minimum_waits() -> None:
    result = planned(over_in_weth(max_trade=f.usd(40)))
    assert result.swaps == ()
    assert any("WETH: 40.00 USD is below MIN_TRADE_SIZE_USD" in note for note in result.notes)


def test_when_sells_are_cut_the_largest_lack_is_served_first() -> None:
    assets = [
        f.asset(0, "OVER", price=1, balance=600_000, target=3_000),
        f.asset(1, "SMALL", price=1, balance=190_000, target=2_500),
        f.asset(2, "LARGE", price=1, balance=60_000, target=3_000),
        f.asset(3, "HUB", price=1, balance=150_000, target=1_500),
    ]
    market = f.market(assets, rules=f.policy(max_trade=f.usd(100_000)))
    result = planned(market)
    buys = [swap for swap in result.swaps if swap.asset_in == 3]
    assert [swap.asset_out for swap in buys] == [2]
    assert any(note.startswith("LARGE") and "the hub has no more" in note for note in result.notes)


def test_what_nobody_buys_is_not_sold() -> None:
    """WBTC may not be bought: of WETH only what the hub lacks is sold."""
    market = f.with_asset(f.hold(over_in_weth(), USDC=180_000), WBTC, buyable=False)
    result = planned(market)
    assert [route(swap) for swap in result.swaps] == [(WETH, USDC)]
    nav = sum(value_of(amount, px) for amount, px in zip(result.holdings_after, agree(market).px, strict=True))  # type: ignore[union-attr,arg-type]
    assert float(Fraction(result.holdings_after[USDC] * 10**12, nav)) == pytest.approx(0.2, abs=1e-6)
    assert any("WBTC" in note and "may not buy it" in note for note in result.notes)
    assert any("WETH" in note and "is kept: nothing to buy with it" in note for note in result.notes)


# -------------------------------------------------------------------------------------------------- exits


def leaving(amount: int | str, **rules: Any) -> Market:
    base = f.aim(f.hold(f.market(), WBTC=amount), WBTC=0, USDC=6_000)
    return f.with_policy(base, **(ANY_DRIFT | rules))


def test_an_exit_sells_the_whole_balance() -> None:
    market = leaving(10)
    result = planned(market)
    assert result.holdings_after[WBTC] == 0
    assert next(swap for swap in result.swaps if swap.asset_in == WBTC).amount_in == f.units(10, 8)


def test_the_last_slice_of_an_exit_is_sold_whatever_its_size() -> None:
    market = f.hold(leaving("0.00001"), USDC=500_000)
    assert planned(market).holdings_after[WBTC] == 0, "0.40 USD, below the minimum of 50"


def test_an_exit_goes_in_slices_when_it_is_large() -> None:
    result = planned(leaving(10, max_trade=f.usd(100_000)))
    assert result.holdings_after[WBTC] == f.units("7.5", 8)
    assert any("WBTC: 100,000.00 of 400,000.00 USD" in note for note in result.notes)


def test_dust_that_no_pool_pays_for_stays() -> None:
    market = f.with_asset(f.hold(leaving(1), USDC=500_000), WETH, target=0, balance=1)
    result = planned(market)
    assert result.holdings_after[WETH] == 1


# ------------------------------------------------------------------------------------------------- venues


def test_the_pool_with_the_better_output_is_used() -> None:
    market = over_in_weth()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    deeper = f.v2_pool(2, weth, hub, depth=40_000_000)
    cheaper_but_shallow = f.v2_pool(3, weth, hub, depth=50_000, fee_pips=500)
    with_choice = f.with_treasury(market, venues=(*market.treasury.venues, deeper, cheaper_but_shallow))
    assert planned(with_choice).swaps[0].venue == 2
    assert planned(f.with_venue(with_choice, 2, enabled=False)).swaps[0].venue == 0


def test_a_pair_is_preferred_to_a_router_to_the_same_pool() -> None:
    market = over_in_weth()
    pair = market.treasury.venues[0]
    router = f.venue(0, WETH, USDC, pair.state, kind=VenueKind.V2_ROUTER, pool=pair.pool)
    pair = f.venue(2, WETH, USDC, pair.state, pool=pair.pool)
    both = f.with_treasury(market, venues=(router, market.treasury.venues[1], pair))
    assert planned(both).swaps[0].venue == 2
    only_router = planned(f.with_venue(both, 2, enabled=False)).swaps[0]
    assert (only_router.venue, only_router.zero_for_one) == (0, True)


def test_an_asset_with_only_v3_venues_is_left_with_a_note() -> None:
    market = over_in_weth()
    state = V3State(sqrt_price_x96=3_543_191_142_285_914_205_922_034, tick=-200_312, liquidity=10**20)
    v3_only = f.with_venue(market, WETH, kind=VenueKind.V3_POOL, state=state)
    result = planned(v3_only)
    assert WETH not in {swap.asset_in for swap in result.swaps}
    assert any("WETH" in note and "only V3 venues" in note for note in result.notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"enabled": False}, "no enabled venue against the hub"), ({"state": None}, "did not answer or is empty")],
)
def test_an_asset_without_a_working_pool_is_left_with_a_note(change: dict[str, Any], words: str) -> None:
    market = f.with_venue(f.market(of=f.fund(hub=f.address(USDC + 1))), WETH, **change)
    result = planned(f.with_policy(f.hold(market, WETH=260), **ANY_DRIFT))
    assert any("WETH" in note and words in note for note in result.notes)
    assert WETH not in {swap.asset_in for swap in result.swaps}


def test_without_a_hub_there_is_no_plan() -> None:
    market = f.with_treasury(over_in_weth(), venues=())
    result = planned(market)
    assert (result.swaps, result.notes) == ((), ("no swap is possible: the fund has no hub",))
    assert result.holdings_after == tuple(asset.balance for asset in market.treasury.assets)


def test_the_same_market_gives_the_same_plan() -> None:
    assert planned(over_in_weth()) == planned(over_in_weth())


@pytest.mark.parametrize(("spot", "cut"), [("1999.9", True), ("1999.999", False), ("2000", False), ("2010", False)])
def test_a_pool_that_is_against_us_is_not_moved_by_more_than_its_fee(spot: str, cut: bool) -> None:
    """Whoever moved it there for this swap gains nothing by moving it back."""
    market = over_in_weth()
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    market = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=5_000_000, price=Decimal(spot)))
    result = planned(market)
    sale = next(swap for swap in result.swaps if swap.asset_in == WETH)
    state = market.treasury.venues[WETH].state
    assert isinstance(state, V2State)
    assert (sale.amount_in * 1_000 <= 3 * state.reserve0) is cut
    assert any(note.endswith("cut by what a sandwich would pay for; the rest waits") for note in result.notes) is cut


def test_a_pool_that_is_against_the_feeds_alone_is_against_us() -> None:
    """A fund that is valued by spot takes whatever spot is for the price; the feeds know better."""
    market = f.with_policy(over_in_weth(), price_source=f.PriceSource.ROUTER)
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    market = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=5_000_000, price=Decimal(1_980)))
    sale = next(swap for swap in planned(market).swaps if swap.asset_in == WETH)
    state = market.treasury.venues[WETH].state
    assert isinstance(state, V2State)
    assert sale.amount_in * 1_000 <= 3 * state.reserve0
