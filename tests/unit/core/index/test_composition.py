"""What stands behind one index token: by hand, with a price missing, a balance unread, and before the seed."""

from dataclasses import replace
from fractions import Fraction

import pytest

from keeper.core.index.composition import composition
from tests import factories as f

pytestmark = pytest.mark.unit


def test_components_and_price_by_hand() -> None:
    """200 WETH, 10 WBTC and 200,000 USDC, a million dollars, of a million tokens; WBTC is to be 25 %."""
    market = f.with_treasury(f.aim(f.market(), WETH=5_500, WBTC=2_500), total_supply=10**24)
    found = composition(market)
    assert (found.supply, found.nav, found.index_price) == (10**24, f.usd(1_000_000), f.usd(1))
    assert [each.units for each in found.components] == [f.units("0.0002"), f.units("0.00001", 8), f.units("0.2", 6)]
    targets = [Fraction(550_000, 2_000) / 10**6, Fraction(250_000, 40_000) / 10**6, Fraction(200_000) / 10**6]
    decimals = (18, 8, 6)
    assert [each.target_units for each in found.components] == [
        int(part * 10**places) for part, places in zip(targets, decimals, strict=True)
    ]
    assert [each.value for each in found.components] == [f.usd(400_000), f.usd(400_000), f.usd(200_000)]
    assert {each.fault for each in found.components} == {""}


def test_a_price_or_a_balance_that_is_missing_leaves_no_price_of_the_token_and_says_why() -> None:
    market = f.with_asset(f.hold(f.market(), WBTC=None), 0, answer=None)
    found = composition(market)
    weth, wbtc, usdc = found.components
    assert (found.nav, found.index_price) == (None, None)
    assert (weth.value, weth.fault) == (None, "the feed did not answer")
    assert (wbtc.units, wbtc.value, wbtc.fault) == (None, None, "its balance cannot be read")
    assert (usdc.value, usdc.target_units, usdc.fault) == (f.usd(200_000), None, "")


def test_a_retired_asset_has_units_and_no_value() -> None:
    found = composition(f.retire(f.market(), 0))
    assert found.nav == f.usd(600_000)
    assert found.components[0].units
    assert (found.components[0].px, found.components[0].value, found.components[0].fault) == (None, 0, "")


def test_before_the_seed_nothing_stands_behind_a_token() -> None:
    market = f.market()
    found = composition(replace(market, treasury=replace(market.treasury, total_supply=0)))
    assert found.index_price == 0
    assert {each.units for each in found.components} == {0}
    assert {each.target_units for each in found.components} == {None}
