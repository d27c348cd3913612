"""Questions to CoinGecko under its limits: answered from memory, asked once, or refused at once and by name."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import structlog

from keeper.adapters.coingecko import refusals
from keeper.adapters.coingecko.brake import Brake, Pause
from keeper.adapters.coingecko.bucket import Bucket
from keeper.adapters.coingecko.cache import Cache
from keeper.adapters.coingecko.plans import Plan
from keeper.adapters.coingecko.question import Malformed, Question
from keeper.adapters.coingecko.refusals import Refusal
from keeper.adapters.coingecko.retry_after import seconds_of
from keeper.adapters.coingecko.transport import Broken, Reply, Transport
from keeper.adapters.foreign import exact, not_json, printable
from keeper.core.quotes import FaultKind
from keeper.core.redact import Redactor, origin
from keeper.market_ports import MarketDataUnavailable
from keeper.ports import Clock

log = structlog.get_logger()

T = TypeVar("T")

LIMITED_PAUSE: Final = 60.0
"""Seconds without a question when CoinGecko says "too many" and not for how long: its limits are per minute."""
FORBIDDEN_PAUSE: Final = 300.0
"""Seconds without a question when key or firewall forbid them all: a person has to act first."""
_TEXT_LIMIT: Final = 300


@dataclass(frozen=True, slots=True)
class Limits:
    """What `CoinGecko` is held to. `calls` is per minute."""

    calls: int = 30
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Any


@dataclass(frozen=True, slots=True)
class _Outage:
    kind: FaultKind
    reason: str
    retry_seconds: float | None


class Client:
    """Takes at most `timeout_seconds` for a question, whatever the other side does, and no time at all for one that is
    not to be put now. Questions that are the same and under way together are put once. Key and URL are never shown."""

    def __init__(
        self,
        plan: Plan,
        key: str | None,
        clock: Clock,
        limits: Limits,
        *,
        url: str | None = None,
        connections: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        base = url or plan.url
        self._origin: Final = origin(base)
        self._redacted: Final = Redactor([secret for secret in (key, url) if secret])
        self._transport: Final = Transport(base, plan.headers(key), limits.timeout_seconds, connections)
        self._clock: Final = clock
        self._calls: Final = limits.calls
        self._bucket: Final = Bucket(limits.calls)
        self._brake: Final = Brake()
        self._cache: Final = Cache()
        self._flights: Final = dict[str, asyncio.Task[_Answer | _Outage]]()
        self.requests = 0
        """HTTP requests made so far."""

    def __repr__(self) -> str:
        return f"CoinGecko {self._origin}"

    async def ask(self, question: Question[T]) -> T:
        """Raises MarketDataUnavailable."""
        key = question.target
        if (kept := self._cache.get(key, self._clock.monotonic())) is not None:
            known: T = kept.value
            return known
        flight = self._flights.get(key)
        if flight is None:
            if (outage := self._not_now(question)) is not None:
                raise self._unavailable(question, outage)
            flight = asyncio.create_task(self._fly(question))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # Shielded: who asked first may be cut off, and others wait for the same answer.
        try:
            outcome = await asyncio.shield(flight)
        except asyncio.CancelledError:
            if not flight.cancelled():
                raise
            outcome = _Outage(FaultKind.UNAVAILABLE, "the keeper stopped asking", None)
        if isinstance(outcome, _Outage):
            raise self._unavailable(question, outcome)
        value: T = outcome.value
        return value

    async def close(self) -> None:
        """Ends what is under way: who waits for it is refused."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._transport.close()

    # ---------------------------------------------------------------------------------------------- details

    def _not_now(self, question: Question[Any]) -> _Outage | None:
        now = self._clock.monotonic()
        if (pause := self._brake.pause(question.topic, now)) is not None:
            left = pause.until - now
            return _Outage(pause.kind, f"not asked for another {left:.0f} s: {pause.reason}", left)
        if (wait := self._bucket.take(now, for_prices=question.for_prices)) > 0:
            reason = f"{self._calls} calls a minute are used up, the next may be made in {wait:.0f} s"
            return _Outage(FaultKind.LIMITED, f"{reason} (COINGECKO_CALLS_PER_MINUTE)", wait)
        return None

    async def _fly(self, question: Question[T]) -> _Answer | _Outage:
        began = self._clock.monotonic()
        self.requests += 1
        try:
            reply = await self._transport.get(question.target, question.longest)
        except Broken as fault:
            return self._failed(question, began, FaultKind.UNAVAILABLE, self._shown(str(fault)))
        found = self._read(question, reply)
        if isinstance(found, Refusal):
            return self._refused(question, began, found, reply.retry_after)
        now = self._clock.monotonic()
        self._brake.answered(question.topic)
        self._cache.put(question.target, found.value, now, question.keep_seconds)
        return found

    def _read(self, question: Question[T], reply: Reply) -> _Answer | Refusal:
        if reply.status == 404 and question.absent is not None:
            return _Answer(question.absent)
        if reply.status != 200:
            return refusals.of_status(reply.status, reply.body)
        try:
            document = exact(reply.body)
        except ValueError:
            return Refusal(FaultKind.UNAVAILABLE, not_json(reply.body))
        if (refusal := refusals.of_document(document)) is not None:
            return refusal
        try:
            return _Answer(question.read(document))
        except Malformed as fault:
            return Refusal(FaultKind.UNAVAILABLE, f"answered {fault}")

    def _refused(self, question: Question[Any], began: float, refusal: Refusal, retry_after: str | None) -> _Outage:
        """Pauses as the refusal demands it: everything, this kind of question, or nothing."""
        reason, forbidden = self._shown(refusal.reason), refusal.kind is FaultKind.FORBIDDEN
        if refusal.kind is FaultKind.REFUSED:
            self._log(question, reason, 0)
            return _Outage(refusal.kind, reason, None)
        asked = None if forbidden else seconds_of(retry_after, self._clock.now())
        if not refusal.whole and asked is None:
            return self._failed(question, began, refusal.kind, reason)
        seconds = asked or (FORBIDDEN_PAUSE if forbidden else LIMITED_PAUSE)
        self._brake.stop(Pause(self._clock.monotonic() + seconds, refusal.kind, reason))
        self._log(question, reason, seconds)
        return _Outage(refusal.kind, reason, seconds)

    def _failed(self, question: Question[Any], began: float, kind: FaultKind, reason: str) -> _Outage:
        now = self._clock.monotonic()
        seconds = self._brake.fail(question.topic, began, now, kind, reason).until - now
        self._log(question, reason, seconds)
        return _Outage(kind, reason, seconds)

    def _unavailable(self, question: Question[Any], outage: _Outage) -> MarketDataUnavailable:
        text = f"CoinGecko {self._origin}: {question.topic}: {outage.reason}"
        return MarketDataUnavailable(text, outage.kind, outage.retry_seconds)

    def _log(self, question: Question[Any], reason: str, seconds: float) -> None:
        log.warning("coingecko refused", topic=question.topic, reason=reason, pause_seconds=seconds)

    def _shown(self, reason: str) -> str:
        return printable(self._redacted(" ".join(reason.split())), _TEXT_LIMIT)
