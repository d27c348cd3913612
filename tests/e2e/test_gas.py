"""Gas of whole transactions on the real contracts: as committed, within the limits, and of every entry there is."""

import pytest

from scripts.benchmarks.gas import measure
from scripts.benchmarks.gas_snapshot import Snapshot
from scripts.benchmarks.metering import functions

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("gas")]

UNMEASURED = {"uniswapV3SwapCallback"}
"""Part of a rebalance through a V3 pool; nobody else may call it."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return measure(tmp_path_factory.mktemp("gas"))


def test_gas_is_what_the_snapshot_says(measured: Snapshot) -> None:
    """To the unit: addresses, amounts and times are the same in every run."""
    if differences := measured.differences(Snapshot.read()):
        table = "\n  ".join(differences)
        pytest.fail(f"scripts/bench gas --write would change contracts/gas.json:\n  {table}", pytrace=False)


def test_gas_is_within_the_limits(measured: Snapshot) -> None:
    assert measured.broken_limits() == []


def test_every_entry_of_the_treasury_is_measured(measured: Snapshot) -> None:
    entries = {each["name"] for each in functions("Treasury") if each["stateMutability"] not in ("view", "pure")}
    named = {name.replace(",", " ").split()[0] for name in measured.gas}
    assert entries - named == UNMEASURED
