"""Durations and what is said of them: median, 95th percentile, and the best of several rounds."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sample:
    """Durations in seconds, by round.

    Other work on the machine only ever adds time, so the round with the smallest median is the one least disturbed:
    it stands for the sample, its 95th percentile with it.
    """

    rounds: list[list[float]] = field(default_factory=list)

    def new_round(self) -> list[float]:
        """Where the next round's durations go."""
        self.rounds.append([])
        return self.rounds[-1]

    @property
    def best(self) -> list[float]:
        return min((durations for durations in self.rounds if durations), key=statistics.median)

    @property
    def count(self) -> int:
        return sum(len(durations) for durations in self.rounds)

    @property
    def median(self) -> float:
        return statistics.median(self.best)

    @property
    def p95(self) -> float:
        return percentile(self.best, 95)

    def as_dict(self) -> dict[str, float | int | list[float]]:
        """For JSON, in milliseconds."""
        return {
            "median_ms": _ms(self.median),
            "p95_ms": _ms(self.p95),
            "count": self.count,
            "medians_of_rounds_ms": [_ms(statistics.median(each)) for each in self.rounds if each],
        }


def percentile(durations: Sequence[float], percent: int) -> float:
    """Nearest rank: the smallest duration that at least `percent` of them do not exceed."""
    ordered = sorted(durations)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
