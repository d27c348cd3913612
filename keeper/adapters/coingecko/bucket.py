"""How many calls may be made: a bucket of tokens, each of which comes back a minute after it was taken."""

from collections import deque
from typing import Final

WINDOW_SECONDS: Final = 60.0


class Bucket:
    """At most `calls` in any 60 seconds, wherever they begin: a bucket that fills evenly would let twice as many pass.

    A third of them is for prices alone, so that no survey of the market leaves a fund without.
    """

    def __init__(self, calls: int) -> None:
        self._calls: Final = calls
        self._kept: Final = calls // 3
        self._taken: Final = deque[float]()

    def take(self, now: float, *, for_prices: bool) -> float:
        """0 when the call may be made, and it counts then. Otherwise the seconds until one may be; nothing is taken."""
        while self._taken and now - self._taken[0] >= WINDOW_SECONDS:
            self._taken.popleft()
        allowed = self._calls if for_prices else self._calls - self._kept
        if len(self._taken) < allowed:
            self._taken.append(now)
            return 0.0
        # The call that has to leave the window before there are fewer than are allowed.
        return self._taken[len(self._taken) - allowed] + WINDOW_SECONDS - now
