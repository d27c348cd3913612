"""When nobody is asked: after a refusal for as long as the provider wants, after failures for longer each time."""

from dataclasses import dataclass
from typing import Final

from keeper.core.quotes import FaultKind

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
"""Seconds for which a question that failed is not asked again: doubled at each failure, forgotten at an answer."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Until when, by the monotonic clock, and why."""

    until: float
    kind: FaultKind
    reason: str


@dataclass(slots=True)
class _Failures:
    count: int = 0
    counted_at: float = float("-inf")


class Brake:
    """`topic` is a kind of question, such as `simple/price`: that one list is broken stops no prices."""

    def __init__(self) -> None:
        self._everything: Pause | None = None
        self._topics: Final = dict[str, Pause]()
        self._failures: Final = dict[str, _Failures]()

    def pause(self, topic: str, now: float) -> Pause | None:
        """Why that is not to be asked now, or None."""
        both = (self._everything, self._topics.get(topic))
        return max((p for p in both if p is not None and p.until > now), key=lambda p: p.until, default=None)

    def stop(self, pause: Pause) -> None:
        """Nothing is asked until then. A longer pause that stands is kept."""
        if self._everything is None or pause.until > self._everything.until:
            self._everything = pause

    def fail(self, topic: str, began: float, now: float, kind: FaultKind, reason: str) -> Pause:
        """A question that began then has failed. Counted once for all that were under way together."""
        failures = self._failures.setdefault(topic, _Failures())
        if began > failures.counted_at or topic not in self._topics:
            failures.count += 1
            failures.counted_at = now
            length = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures.count - 1, 16))
            self._topics[topic] = Pause(now + length, kind, reason)
        return self._topics[topic]

    def answered(self, topic: str) -> None:
        self._failures.pop(topic, None)
        self._topics.pop(topic, None)
