"""Simulated time: an event loop that jumps to its next timer instead of waiting for it, and the clock that goes by it.

Timeouts, pauses and the chain's blocks all follow the loop, so hours pass in milliseconds, always in the same order.
"""

import asyncio
import selectors
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.factories import NOW

HORIZON_SECONDS = 10 * 86_400.0
"""Nobody simulates more: what is still running then would run for ever."""


class NothingLeftToHappen(AssertionError):
    """Everybody waits for something that nobody will do."""


class _JumpingSelector(selectors.BaseSelector):
    """Asks the real selector without waiting, and moves the time by what the loop was ready to wait."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise NothingLeftToHappen("every task waits, and no timer is set")
        self.elapsed += max(0.0, timeout)
        if self.elapsed > HORIZON_SECONDS:
            raise NothingLeftToHappen(f"still running after {HORIZON_SECONDS:g} simulated seconds")
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class SimulatedLoop(asyncio.SelectorEventLoop):
    """For tests without threads or sockets: those take real time, of which this loop knows nothing."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed


class FakeClock:
    """Begins at `factories.NOW` when it is made. `skew_seconds` sets the wall clock off from the chain's."""

    def __init__(self, skew_seconds: int = 0) -> None:
        self.skew_seconds = skew_seconds
        self._began = asyncio.get_running_loop().time()

    def timestamp(self) -> float:
        return NOW + self.monotonic()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp() + self.skew_seconds, UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
