"""Typed questions to the node: what is asked, how its answer is read, one at a time or in a batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from web3.types import RPCEndpoint, RPCResponse

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.provider import RpcError, StrictHTTPProvider
from keeper.ports import ChainUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One question and the reader of its answer; the reader raises wire.Malformed."""

    method: str
    params: Sequence[Any]
    read: Callable[[object], T]


class JsonRpc(Protocol):
    """Whom adapters ask: one endpoint, or several as one."""

    async def ask(self, request: Request[T]) -> T:
        """The answer. An error of the node is an outage here."""
        ...

    async def try_ask(self, request: Request[T]) -> T | RpcError:
        """The answer, or the node's error as a value, where the caller has a use for it."""
        ...

    async def try_batch(self, requests: Sequence[Request[Any]]) -> list[Any]:
        """One HTTP request. Each item is its request's answer, or the RpcError that the node gave to it alone."""
        ...

    def require(self, item: T | RpcError) -> T:
        """The answer itself; the node's error as an outage."""
        ...

    def unavailable(self, what: str) -> ChainUnavailable:
        """An outage in one line, without secrets, that begins with where it was."""
        ...


class Rpc:
    """Typed questions to one endpoint, over the provider."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._provider: Final = StrictHTTPProvider(url, timeout_seconds)

    @property
    def requests(self) -> int:
        """HTTP requests made so far; a batch is one."""
        return self._provider.requests

    @property
    def origin(self) -> str:
        """Scheme, host and port: all that may be shown of the URL."""
        return self._provider.origin

    async def ask(self, request: Request[T]) -> T:
        answer = await self.try_ask(request)
        return self.require(answer)

    async def try_ask(self, request: Request[T]) -> T | RpcError:
        reply = await self._provider.make_request(RPCEndpoint(request.method), request.params)
        return self._read(request, reply)

    async def try_batch(self, requests: Sequence[Request[Any]]) -> list[Any]:
        replies = await self._provider.make_batch_request(
            [(RPCEndpoint(request.method), request.params) for request in requests]
        )
        return [self._read(request, reply) for request, reply in zip(requests, replies, strict=True)]

    def require(self, item: T | RpcError) -> T:
        if isinstance(item, RpcError):
            raise self.unavailable(f"{item.method}: {item.message} (code {item.code})")
        return item

    def unavailable(self, what: str) -> ChainUnavailable:
        return self._provider.unavailable(what)

    async def close(self) -> None:
        await self._provider.disconnect()

    def _read(self, request: Request[T], reply: RPCResponse) -> T | RpcError:
        if reply.get("error") is not None:
            return self._provider.error_of(reply["error"], request.method)
        try:
            return request.read(reply["result"])
        except wire.Malformed as fault:
            raise self.unavailable(f"{request.method}: answered {fault}") from None
