"""Gas beside its snapshot: what is said when a figure changes, appears, is gone, or breaks a limit."""

from pathlib import Path

import pytest

from scripts.benchmarks.gas_snapshot import LIMITS, RATIOS, Snapshot

pytestmark = pytest.mark.unit


def a_snapshot(**changed: int) -> Snapshot:
    """Everything that a limit speaks of, at 100,000 gas."""
    names = [*LIMITS, *[name for each in RATIOS for name in each[:2]]]
    return Snapshot(dict.fromkeys(names, 100_000) | changed)


def test_nothing_differs_from_itself_after_it_was_written(tmp_path: Path) -> None:
    found = a_snapshot()
    found.write(tmp_path / "gas.json")
    read = Snapshot.read(tmp_path / "gas.json")
    assert found.differences(read) == []
    assert read.gas == found.gas


def test_no_snapshot_is_an_empty_one(tmp_path: Path) -> None:
    assert Snapshot.read(tmp_path / "none.json").gas == {}


def test_each_difference_is_told_with_both_figures() -> None:
    committed, found = Snapshot({"seed": 1_000, "gone": 7, "same": 3}), Snapshot({"seed": 1_001, "same": 3, "new": 9})
    assert found.differences(committed) == [
        "seed: 1,000 -> 1,001 (+1)",
        "gone: 7 in the snapshot, not measured",
        "new: 9, not in the snapshot",
    ]


def test_limits_hold_to_the_unit() -> None:
    name, limit = next(iter(LIMITS.items()))
    assert a_snapshot(**{name: limit}).broken_limits() == []
    assert a_snapshot(**{name: limit + 1}).broken_limits() == [f"{name}: {limit + 1:,} gas, the limit is {limit:,}"]


@pytest.mark.parametrize(("name", "bare", "limit"), [each for each in RATIOS if each[2]])
def test_ratios_have_limits_too(name: str, bare: str, limit: float) -> None:
    assert a_snapshot(**{name: 110_000}).broken_limits() == []
    assert len(a_snapshot(**{name: 110_001}).broken_limits()) == 1


def test_the_table_shows_what_has_changed() -> None:
    name = next(iter(LIMITS))
    table = a_snapshot(**{name: 100_123}).as_table(a_snapshot())
    line = next(line for line in table.splitlines() if line.startswith(f"{name} "))
    assert line.split()[-4:] == ["100,123", "100,000", "+123", f"{LIMITS[name]:,}"]
