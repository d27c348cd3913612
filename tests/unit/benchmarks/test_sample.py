"""What is said of durations: the round least disturbed, its median, its 95th percentile."""

import pytest

from scripts.benchmarks.sample import Sample, percentile

pytestmark = pytest.mark.unit


def test_the_round_with_the_smallest_median_stands_for_the_sample() -> None:
    sample = Sample([[0.009, 0.010, 0.011], [0.001, 0.004, 0.900], [], [0.005, 0.005]])
    assert sample.best == [0.001, 0.004, 0.900]
    assert (sample.median, sample.p95, sample.count) == (0.004, 0.900, 8)
    assert sample.as_dict() == {
        "median_ms": 4.0,
        "p95_ms": 900.0,
        "count": 8,
        "medians_of_rounds_ms": [10.0, 4.0, 5.0],
    }


def test_a_new_round_collects_on_its_own() -> None:
    sample = Sample()
    sample.new_round().append(2.0)
    sample.new_round().extend([1.0, 3.0])
    assert sample.rounds == [[2.0], [1.0, 3.0]]


@pytest.mark.parametrize(
    ("count", "percent", "expected"), [(1, 95, 1), (10, 95, 10), (20, 95, 19), (100, 95, 95), (4, 50, 2), (3, 0, 1)]
)
def test_a_percentile_is_a_duration_that_was_measured(count: int, percent: int, expected: int) -> None:
    assert percentile([float(n) for n in range(count, 0, -1)], percent) == expected
