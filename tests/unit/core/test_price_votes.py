"""Three sources: what is dropped when one is off, what holds the fund, and where no swap goes any more."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from keeper.core.deliberation import deliberate
from keeper.core.ledger import Action
from keeper.core.model import Market, PriceSource, PriceVote, Verdict
from keeper.core.prices import PriceBook, PricesRefused, agree
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote
from keeper.core.units import E18, Px, Timestamp
from tests import factories as f

pytestmark = pytest.mark.unit

WETH, WBTC, USDC = 0, 1, 2
FEED, ROUTER, ORACLE, MEDIAN = PriceSource.FEED, PriceSource.ROUTER, PriceSource.ORACLE, PriceSource.MEDIAN
TWAP = PriceSource.TWAP
MAINNET = 1


def quote(usd: str | int, at: int = f.NOW) -> Quote:
    return Quote(CoinId("weth"), "coingecko", Decimal(usd), None, Timestamp(at))


def priced(
    feed: str | int = 2_000,
    spot: str | int = 2_000,
    oracle: str | int | None = 2_000,
    source: PriceSource = MEDIAN,
    chain: int = MAINNET,
) -> Market:
    """WETH at these prices, the others at 40,000 and 1 by all that speak."""
    market = replace(f.with_policy(f.market(), price_source=source), chain_id=chain)
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    market = f.with_asset(market, WETH, answer=f.answer(Decimal(feed)))
    market = f.with_venue(market, WETH, state=f.v2_state(weth, hub, depth=20_000_000, price=Decimal(spot)))
    quotes: dict[int, Quote | Fault] = {WBTC: quote(40_000), USDC: quote(1)}
    if oracle is not None:
        quotes[WETH] = quote(oracle)
    return replace(market, quotes=quotes)


def weth_px(market: Market) -> Px | None:
    book = agree(market)
    assert isinstance(book, PriceBook), book
    return book.px[WETH]


def weth_fault(market: Market) -> str:
    refused = agree(market)
    assert isinstance(refused, PricesRefused), refused
    (guard,) = refused.refusals
    assert guard.name == "price_agreement"
    return guard.detail


def vote(market: Market, source: PriceSource) -> PriceVote:
    return next(each for each in agree(market).votes if (each.asset, each.source) == (WETH, source))


def usd(price: str | int) -> int:
    return int(Decimal(price) * E18)


# ------------------------------------------------------------------------------------------------- MEDIAN


def test_the_middle_one_of_three_that_agree() -> None:
    market = priced(feed=2_010, spot=2_000, oracle=1_990)
    assert weth_px(market) == usd(2_000)
    assert all(each.used for each in agree(market).votes if each.source is not TWAP)
    book = agree(market)
    assert isinstance(book, PriceBook)
    assert book.spot_off == {}


@pytest.mark.parametrize(
    ("market", "off", "left"),
    [
        (priced(spot=2_400), ROUTER, 2_000),
        (priced(spot=1_600, oracle=2_020), ROUTER, 2_010),
        (priced(feed=2_400), FEED, 2_000),
        (priced(oracle=1_000), ORACLE, 2_000),
    ],
)
def test_the_one_that_is_off_is_dropped(market: Market, off: PriceSource, left: int) -> None:
    book = agree(market)
    assert isinstance(book, PriceBook)
    assert book.px[WETH] == usd(left)
    assert [each.source for each in book.votes if each.asset == WETH and not each.used] == [off, TWAP]
    assert vote(market, off).reason.endswith("% off the others")
    assert book.spot_off.get(WETH) == (Fraction(2, 100) if off is ROUTER else None)
    (guard,) = [each for each in book.guards if each.name == "price_agreement"]
    assert guard.verdict is Verdict.PASS
    assert f"WETH: without {off}, which is " in guard.detail


def test_exactly_at_the_limit_is_not_off() -> None:
    assert weth_px(priced(spot=2_040)) == usd(2_000)
    assert vote(priced(spot=2_040), ROUTER).used
    assert not vote(priced(spot="2040.01"), ROUTER).used


def test_when_no_two_agree_the_fund_holds() -> None:
    market = priced(feed=2_000, spot=2_200, oracle=2_500)
    assert weth_fault(market).startswith("WETH: sources are 13.64 % apart, at most 2 %")
    assert not any(each.used for each in agree(market).votes if each.asset == WETH)


def test_a_silent_one_leaves_two_which_have_to_agree() -> None:
    stale = Fault(CoinId("weth"), "coingecko", FaultKind.STALE, "the price is 500 s old, at most 180 s")
    assert weth_px(_with(priced(), stale)) == usd(2_000)
    assert weth_fault(_with(priced(spot=2_400), stale)).startswith("WETH: sources are 20 % apart")
    assert vote(_with(priced(), stale), ORACLE).reason == "coingecko: the price is 500 s old, at most 180 s"


def test_one_voice_of_three_is_not_enough() -> None:
    gone = Fault(CoinId("weth"), "coingecko", FaultKind.LIMITED, "too many calls")
    market = f.with_venue(_with(priced(), gone), WETH, enabled=False)
    said = weth_fault(market)
    assert "only one of three sources speaks (ORACLE: coingecko: too many calls; ROUTER: no pool with depth" in said


def test_an_asset_without_a_coin_has_no_oracle() -> None:
    assert [each.source for each in agree(priced(oracle=None)).votes if each.asset == WETH] == [FEED, ROUTER, TWAP]
    assert weth_fault(priced(spot=2_400, oracle=None)).startswith("WETH: sources are 20 % apart")


def test_a_feed_that_the_treasury_would_refuse_stops_the_fund_all_the_same() -> None:
    market = f.with_asset(priced(), WETH, answer=None)
    refused = agree(market)
    assert isinstance(refused, PricesRefused)
    assert "price_bounds" in [guard.name for guard in refused.refusals]


def _with(market: Market, answer: Quote | Fault) -> Market:
    return replace(market, quotes=market.quotes | {WETH: answer})


# ---------------------------------------------------------------------------------------- ORACLE and ROUTER


def test_oracle_values_alone() -> None:
    assert weth_px(priced(oracle=2_100, source=ORACLE)) == usd(2_100)
    assert vote(priced(oracle=2_100, source=ORACLE), FEED).reason == "PRICE_SOURCE is ORACLE"


def test_oracle_that_says_nothing_good_holds_the_fund() -> None:
    gone = Fault(CoinId("weth"), "coingecko", FaultKind.UNAVAILABLE, "no answer within 10 s")
    assert weth_fault(_with(priced(source=ORACLE), gone)) == "WETH: coingecko: no answer within 10 s"


@pytest.mark.parametrize(("feed", "oracle"), [(2_000, 2_300), (2_300, 2_000)])
def test_spot_needs_one_other_that_agrees(feed: int, oracle: int) -> None:
    assert weth_px(priced(feed=feed, spot=2_010, oracle=oracle, source=ROUTER)) == usd(2_010)


def test_spot_that_is_the_one_that_is_off_values_nothing() -> None:
    said = weth_fault(priced(spot=2_400, source=ROUTER))
    assert said == "WETH: PRICE_SOURCE is ROUTER, and ROUTER is 20 % off the others"


def test_spot_alone_values_on_a_test_chain() -> None:
    assert weth_px(priced(spot=2_400, source=ROUTER, chain=31_337)) == usd(2_400)


# ----------------------------------------------------------------------------------------------- pools


@pytest.mark.parametrize("spot", [1_600, 2_400])
def test_no_swap_goes_through_a_pool_that_is_off_in_either_direction(spot: int) -> None:
    """20 % too cheap to buy at is a bargain that somebody has laid out."""
    market = priced(spot=spot)
    market = f.with_asset(market, WETH, balance=f.units(100, 18))
    thought = deliberate(market)
    assert isinstance(thought.prices, PriceBook)
    assert thought.prices.px[WETH] == usd(2_000)
    assert thought.plan is not None
    assert WETH not in {index for swap in thought.plan.swaps for index in (swap.asset_in, swap.asset_out)}
    assert any("% off the price that the other sources agree on" in note for note in thought.plan.notes)


def test_a_pool_that_is_right_is_traded_through_beside_one_that_is_off() -> None:
    market = f.with_asset(priced(spot=1_600), WETH, balance=f.units(100, 18))
    weth, hub = market.treasury.assets[WETH], market.treasury.assets[USDC]
    sound = f.v2_pool(len(market.treasury.venues), weth, hub, depth=15_000_000, price=2_000)
    market = f.with_treasury(market, venues=(*market.treasury.venues, sound))
    thought = deliberate(market)
    assert thought.action is Action.PLANNED, thought.reason
    assert thought.plan is not None
    assert {swap.venue for swap in thought.plan.swaps if WETH in (swap.asset_in, swap.asset_out)} == {sound.index}
