"""A config that cannot stand on a chain is refused when it is made."""

from dataclasses import replace
from decimal import Decimal

import pytest

from scripts.localchain.config import DevnetConfig, PoolSpec, default_config

pytestmark = pytest.mark.unit

GOOD = default_config()
FUND = GOOD.funds[0]


def test_the_default_has_eight_assets_and_pools_at_most_fifty_times_the_fund() -> None:
    depths = [pool.depth for pool in GOOD.pools]
    assert len(GOOD.assets) >= 8
    assert max(depths) <= 50
    assert max(depths) >= 100 * min(depths)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"assets": (*GOOD.assets, GOOD.assets[0])}, "same symbol"),
        ({"pools": (PoolSpec(2, "WETH", "SHIB", 3000, Decimal(1)),)}, "WETH and SHIB"),
        ({"funds": (replace(FUND, targets={"WETH": 9_999}),)}, "sum to 10,000"),
        ({"funds": (replace(FUND, targets={"SHIB": 10_000}),)}, "listed assets"),
        ({"funds": (replace(FUND, holdings={"WETH": 1}),)}, "sum to 10,000"),
        ({"funds": (FUND, replace(FUND, name="Other"))}, "same name or symbol"),
        ({"funds": (FUND, replace(FUND, symbol="OTH"))}, "same name or symbol"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(GOOD, **change)  # type: ignore[arg-type]


def test_other_prices_leave_the_rest_alone() -> None:
    moved = GOOD.with_prices({"WETH": Decimal(1)})
    assert moved.asset("WETH").price == 1
    assert moved.with_prices({"WETH": GOOD.asset("WETH").price}) == GOOD
    assert isinstance(moved, DevnetConfig)
