"""Which asset is the hub, and what the holdings are worth."""

from decimal import Decimal

import pytest

from keeper.core.hub import hub_of, venues_between
from keeper.core.model import VenueKind
from keeper.core.prices import PriceBook, agree
from keeper.core.units import E18
from keeper.core.valuation import BalanceUnknown, readable, value
from tests import factories as f

pytestmark = pytest.mark.unit


def test_the_hub_is_the_one_the_fund_names() -> None:
    assert hub_of(f.market(of=f.fund(hub=f.address(1)))) == 0


def test_a_named_hub_that_is_not_listed_is_none() -> None:
    assert hub_of(f.market(of=f.fund(hub=f.address(99)))) is None


def test_else_the_asset_in_most_enabled_pools() -> None:
    assert hub_of(f.market()) == 2


def test_ties_go_to_the_lowest_index() -> None:
    assert hub_of(f.with_venue(f.market(), 1, enabled=False)) == 0


def test_a_pair_listed_twice_is_one_pool() -> None:
    base = f.market()
    weth, wbtc, _ = base.treasury.assets
    pair = f.v2_pool(2, weth, wbtc, depth=10**6)
    router = f.v2_pool(3, weth, wbtc, depth=10**6, kind=VenueKind.V2_ROUTER, pool=pair.pool)
    venues = (pair, router, *base.treasury.venues)
    assert hub_of(f.with_treasury(base, venues=venues)) == 0, "two pools each: the lowest index, not three for WETH"
    assert hub_of(f.with_treasury(base, venues=venues[2:])) == 2


def test_a_retired_asset_is_no_hub_and_its_pools_are_not_used() -> None:
    base = f.market()
    assert hub_of(f.with_asset(base, 2, retired=True)) is None, "every pool leads to it"
    assert hub_of(f.with_asset(f.market(of=f.fund(hub=f.address(3))), 2, retired=True)) is None
    assert hub_of(f.retire(base, 0)) == 1, "WBTC and USDC share the one pool that is left: the lowest index"
    assert venues_between(base.treasury, 0, 2)
    assert not venues_between(f.retire(base, 0).treasury, 0, 2)


def test_without_pools_there_is_no_hub() -> None:
    assert hub_of(f.market(venues=())) is None


def book_of(market: f.Market) -> PriceBook:
    book = agree(market)
    assert isinstance(book, PriceBook)
    return book


def test_values_are_floored_one_by_one_as_in_the_treasury() -> None:
    market = f.with_asset(f.market(), 0, balance=3, answer=f.answer("0.5"))
    valuation = value(market, book_of(market))
    assert valuation.values[0] == 1, "3 units at half a dollar per 1e18 are 1.5e-18 dollars: 1"
    assert valuation.nav == sum(valuation.values)


@pytest.mark.parametrize("balance", [None, 0, 5])
def test_a_retired_asset_counts_nothing_whatever_is_held_of_it(balance: int | None) -> None:
    market = f.retire(f.market(), 1, balance=balance)
    valuation = value(market, book_of(market))
    assert readable(market)
    assert valuation.values[1] == valuation.weights_bps[1] == 0
    assert valuation.nav == f.usd(600_000)


def test_weights_in_bps() -> None:
    valuation = value(f.market(), book_of(f.market()))
    assert valuation.nav == 1_000_000 * E18
    assert valuation.weights_bps == (Decimal(4_000), Decimal(4_000), Decimal(2_000))


def test_an_empty_treasury_has_no_weights() -> None:
    market = f.hold(f.market(), WETH=0, WBTC=0, USDC=0)
    valuation = value(market, book_of(market))
    assert (valuation.nav, valuation.weights_bps) == (0, (Decimal(0),) * 3)


def test_an_unknown_balance_is_never_zero() -> None:
    market = f.hold(f.market(), WETH=None)
    assert not readable(market)
    with pytest.raises(BalanceUnknown, match="WETH"):
        value(market, book_of(market))


def test_a_book_without_the_price_of_something_held_is_a_mistake() -> None:
    book = book_of(f.market())
    with pytest.raises(ValueError, match="WBTC: held or wanted"):
        value(f.market(), PriceBook((book.px[0], None, book.px[2]), book.treasury_px, (), None, ()))
