"""Answers that are still good."""

from dataclasses import dataclass
from typing import Any, Final

_MOST: Final = 256
"""Answers that are kept: more than the questions of a survey of the whole market."""


@dataclass(frozen=True, slots=True)
class Kept:
    value: Any
    until: float


class Cache:
    """By the monotonic clock. When it is full the oldest answer goes."""

    def __init__(self, most: int = _MOST) -> None:
        self._most: Final = most
        self._answers: Final = dict[str, Kept]()

    def get(self, key: str, now: float) -> Kept | None:
        kept = self._answers.get(key)
        return kept if kept is not None and now < kept.until else None

    def put(self, key: str, value: Any, now: float, seconds: float) -> None:
        self._answers.pop(key, None)
        for other in [other for other, kept in self._answers.items() if kept.until <= now]:
            del self._answers[other]
        while len(self._answers) >= self._most:
            del self._answers[next(iter(self._answers))]
        if seconds > 0:
            self._answers[key] = Kept(value, now + seconds)
