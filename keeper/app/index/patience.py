"""How a provider is asked: at once, or waiting out its limits, for a survey has more questions than a minute allows."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import structlog

from keeper.core.quotes import FaultKind
from keeper.market_ports import MarketDataUnavailable
from keeper.ports import Clock

log = structlog.get_logger()

T = TypeVar("T")

_SHORTEST: Final = 1.0
"""Seconds: a limit that is over in no time is asked about once, not a thousand times."""


class Asking(Protocol):
    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """The answer. Raises MarketDataUnavailable."""
        ...


class AtOnce:
    """Waits for nothing."""

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        return await question()


class Patience:
    """Puts a question again when its provider says that it had too many and when to come back, for at most `seconds` of
    waiting in all. Whatever else goes wrong is not waited for."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock: Final = clock
        self._left = seconds

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await question()
            except MarketDataUnavailable as outage:
                if outage.kind is not FaultKind.LIMITED or outage.retry_seconds is None:
                    raise
                wait = max(_SHORTEST, outage.retry_seconds)
                if wait > self._left:
                    raise
                self._left -= wait
                log.info("waiting for the provider", seconds=round(wait), reason=str(outage))
                await self._clock.sleep(wait)
