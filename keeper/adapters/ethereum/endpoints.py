"""Several endpoints of one chain as if they were one: what one of them does not answer is asked of the next."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from keeper.adapters.ethereum import sending, wire
from keeper.adapters.ethereum.elsewhere import is_elsewhere
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import Request, Rpc
from keeper.core.model import Block
from keeper.core.replies import ReplyKind
from keeper.ports import ChainUnavailable, Reply

log = structlog.get_logger()

T = TypeVar("T")

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
"""Seconds for which an endpoint that failed is avoided: doubled at each failure, forgotten at an answer."""
MOST_BEHIND: Final = 3
"""Blocks that a head may be older than the newest one seen. Nodes behind one load balancer differ by one or two."""
STANDS_STILL: Final = 45.0
"""Seconds without a newer head after which the other endpoints are asked for theirs, and again after as long."""
CHAIN_ID: Final = Request("eth_chainId", [], wire.quantity)

_LATEST: Final = Request("eth_getBlockByNumber", ["latest", False], wire.block)
_HANDED_ON: Final = frozenset({ReplyKind.UNKNOWN, ReplyKind.FATAL})
_NO_TIME: Final = 0.001


@dataclass(slots=True, eq=False)
class _Endpoint:
    """`counted_at` is when its last failure was counted, and until `avoided_until` others are asked first. `verified`:
    it has said that it is of the right chain."""

    rpc: Rpc
    failures: int = 0
    counted_at: float = float("-inf")
    avoided_until: float = float("-inf")
    verified: bool = False


class Endpoints:
    """`JsonRpc` over one endpoint or more.

    A question goes to the current endpoint. Where that does not answer as the protocol promises, or says that it does
    not have what was asked for (`elsewhere`), the next is asked and becomes the current one; the one that failed is
    avoided for a while, unless all have failed. A node's error is an answer otherwise.

    `timeout_seconds` bounds a question whole: of what is left of it an endpoint may take half while another that is
    not avoided can still be asked, and the last one all of it.

    An endpoint is believed only once it has said that it is of chain `chain_id`; a single one is left to those who ask.
    `monotonic` is the clock of the pauses, in seconds.
    """

    def __init__(
        self,
        urls: Sequence[str],
        chain_id: int,
        timeout_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._all: Final = [_Endpoint(Rpc(url, timeout_seconds)) for url in urls]
        self._chain_id = chain_id
        self._timeout = timeout_seconds
        self._monotonic = monotonic
        self._current = self._all[0]
        self._newest = 0
        self._advanced_at = monotonic()

    @property
    def requests(self) -> int:
        """HTTP requests made so far, to all of them; a batch is one."""
        return sum(endpoint.rpc.requests for endpoint in self._all)

    async def close(self) -> None:
        for endpoint in self._all:
            await endpoint.rpc.close()

    def unavailable(self, what: str) -> ChainUnavailable:
        return self._current.rpc.unavailable(what)

    def require(self, item: T | RpcError) -> T:
        return self._current.rpc.require(item)

    async def ask(self, request: Request[T]) -> T:
        answer = await self.try_ask(request)
        return self.require(answer)

    async def try_ask(self, request: Request[T]) -> T | RpcError:
        async def put(rpc: Rpc) -> T | RpcError:
            return await rpc.try_ask(request)

        answer, _ = await self._first(put, _is_here, request.method, verify=request is not CHAIN_ID)
        return answer

    async def try_batch(self, requests: Sequence[Request[Any]]) -> list[Any]:
        """All of it from one endpoint, so that the answers belong together."""
        methods = ", ".join(dict.fromkeys(request.method for request in requests))
        answers, _ = await self._first(
            lambda rpc: rpc.try_batch(requests), lambda items: all(map(_is_here, items)), methods
        )
        return answers

    async def head(self) -> Block:
        """The newest block. One that is more than MOST_BEHIND older than the newest seen is an endpoint that lags, and
        refused; when every endpoint says so it is the chain that went back, which is for others to judge. One that
        stands still is left when another has a newer block."""
        oldest = self._newest - MOST_BEHIND
        block, everywhere = await self._first(_latest, lambda answer: answer.number >= oldest, _LATEST.method)
        if block.number < oldest and not everywhere:
            raise self.unavailable(f"{_LATEST.method}: head {block.number} is old, {self._newest} was seen before")
        if not oldest <= block.number <= self._newest:
            self._advanced_at = self._monotonic()
        elif self._monotonic() - self._advanced_at >= STANDS_STILL:
            block = await self._newest_of_all(block)
        self._newest = block.number if block.number < oldest else max(self._newest, block.number)
        return block

    async def send(self, raw: bytes) -> Reply:
        """Hand signed bytes over. Where nothing is known of them after that, or an endpoint calls them invalid, the
        next gets them too: they are the same bytes, and the nonce sees to it that they count once."""
        said: list[tuple[str, Reply]] = []
        started, outages = self._current, list[ChainUnavailable]()
        for endpoint, seconds in self._turns():
            began = self._monotonic()
            try:
                reply = await self._within(seconds, endpoint, lambda rpc: sending.hand_over(rpc, raw), sending.METHOD)
            except ChainUnavailable as outage:
                self._fail(endpoint, began)
                outages.append(outage)
                reply = sending.lost(outage)
            else:
                if len(outages) == len(said):
                    self._choose(endpoint, started, outages)
            said.append((endpoint.rpc.origin, reply))
            if reply.kind not in _HANDED_ON:
                break
        return sending.combined(said)

    async def chain_ids(self) -> list[tuple[str, int | ChainUnavailable]]:
        """What each endpoint says by itself, by its origin and in the configured order."""

        async def ask(rpc: Rpc) -> int:
            return await rpc.ask(CHAIN_ID)

        said = await self.every(ask, CHAIN_ID.method, verify=False)
        for endpoint, (_, found) in zip(self._all, said, strict=True):
            endpoint.verified = found == self._chain_id
        return said

    async def every(
        self, ask: Callable[[Rpc], Awaitable[T]], method: str, *, verify: bool = True
    ) -> list[tuple[str, T | ChainUnavailable]]:
        """What each endpoint says, at once, by its origin and in the configured order."""

        async def one(endpoint: _Endpoint) -> T | ChainUnavailable:
            try:
                return await self._within(self._timeout, endpoint, ask, method, verify=verify)
            except ChainUnavailable as outage:
                return outage

        answers = await asyncio.gather(*map(one, self._all))
        return [(endpoint.rpc.origin, answer) for endpoint, answer in zip(self._all, answers, strict=True)]

    # ---------------------------------------------------------------------------------------------- details

    async def _newest_of_all(self, seen: Block) -> Block:
        """`seen`, or a newer block that another endpoint has: that one becomes the current one."""
        self._advanced_at = began = self._monotonic()
        started, newest, best = self._current, seen, self._current
        if len(self._all) > 1:
            for endpoint, (_, found) in zip(self._all, await self.every(_latest, _LATEST.method), strict=True):
                if isinstance(found, Block) and found.number > newest.number:
                    newest, best = found, endpoint
        if best is not started:
            self._fail(started, began)
            why = started.rpc.unavailable(f"{_LATEST.method}: stands still at {seen.number}, {newest.number} is out")
            self._choose(best, started, [why])
        return newest

    async def _first(
        self, ask: Callable[[Rpc], Awaitable[T]], is_here: Callable[[T], bool], method: str, *, verify: bool = True
    ) -> tuple[T, bool]:
        """The first answer that says something. When none does, the first one that says that it is not here, and
        whether every endpoint said so."""
        started = self._current
        lacking: list[tuple[_Endpoint, float, T]] = []
        outages: list[ChainUnavailable] = []
        for endpoint, seconds in self._turns():
            began = self._monotonic()
            try:
                answer = await self._within(seconds, endpoint, ask, method, verify=verify)
            except ChainUnavailable as outage:
                self._fail(endpoint, began)
                outages.append(outage)
                continue
            if is_here(answer):
                for other, asked_at, _ in lacking:
                    self._fail(other, asked_at)
                self._choose(endpoint, started, outages)
                return answer, False
            lacking.append((endpoint, began, answer))
        if lacking:
            return lacking[0][2], len(lacking) == len(self._all)
        raise outages[0] if len(outages) == 1 else ChainUnavailable("; ".join(map(str, outages)))

    def _turns(self) -> Iterator[tuple[_Endpoint, float]]:
        """Whom to ask, one after another, and for how many seconds: the current one first, those that are to be
        avoided last and only in the time that the others left."""
        clock, now = asyncio.get_running_loop().time, self._monotonic()
        deadline = clock() + self._timeout
        at = self._all.index(self._current)
        ring = [*self._all[at:], *self._all[:at]]
        groups = (
            [endpoint for endpoint in ring if endpoint.avoided_until <= now],
            [endpoint for endpoint in ring if endpoint.avoided_until > now],
        )
        for group in groups:
            for endpoint in group:
                left = deadline - clock()
                if left > _NO_TIME:
                    yield endpoint, left if endpoint is group[-1] else left / 2

    async def _within(
        self,
        seconds: float,
        endpoint: _Endpoint,
        ask: Callable[[Rpc], Awaitable[T]],
        method: str,
        *,
        verify: bool = True,
    ) -> T:
        """Raises ChainUnavailable, also when the endpoint is of another chain."""
        if len(self._all) == 1:
            return await ask(endpoint.rpc)
        try:
            async with asyncio.timeout(seconds):
                if verify and not endpoint.verified:
                    await self._verify(endpoint)
                return await ask(endpoint.rpc)
        except TimeoutError:
            raise endpoint.rpc.unavailable(f"{method}: no answer within {seconds:.2g} s") from None

    async def _verify(self, endpoint: _Endpoint) -> None:
        found = await endpoint.rpc.ask(CHAIN_ID)
        if found != self._chain_id:
            raise endpoint.rpc.unavailable(f"is of chain {found}, not of {self._chain_id}")
        endpoint.verified = True

    def _fail(self, endpoint: _Endpoint, began: float) -> None:
        """Counted once for all questions that were under way together."""
        if began <= endpoint.counted_at:
            return
        endpoint.failures += 1
        endpoint.counted_at = self._monotonic()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(endpoint.failures - 1, 16))
        endpoint.avoided_until = endpoint.counted_at + pause

    def _choose(self, endpoint: _Endpoint, started: _Endpoint, outages: Sequence[ChainUnavailable]) -> None:
        """It answered. It becomes the current one, unless that changed since the question was asked."""
        endpoint.failures, endpoint.avoided_until = 0, float("-inf")
        if endpoint is not started and self._current is started:
            self._current = endpoint
            why = str(outages[0]) if outages else f"RPC {started.rpc.origin}: lags, is limited, or failed before"
            log.warning("rpc endpoint changed", was=started.rpc.origin, now=endpoint.rpc.origin, reason=why)


async def _latest(rpc: Rpc) -> Block:
    return await rpc.ask(_LATEST)


def _is_here(answer: object) -> bool:
    return not (isinstance(answer, RpcError) and is_elsewhere(answer))
