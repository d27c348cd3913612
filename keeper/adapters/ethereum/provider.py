"""The way to the node: JSON-RPC over HTTP that trusts nothing, each foreign error mapped once to ChainUnavailable."""

import asyncio
import os
from dataclasses import dataclass
from typing import Any, Final, cast

import aiohttp
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint, RPCRequest, RPCResponse

from keeper.adapters.ethereum import wire
from keeper.adapters.foreign import loads, not_json
from keeper.core.redact import Redactor, origin
from keeper.ports import ChainUnavailable

_TEXT_LIMIT: Final = 300
_LONGEST: Final = 64 << 20
"""Bytes of an answer, unpacked. A hundred funds of eight assets take one million; without an end it is the memory's."""
_ONCE_ONLY: Final = "eth_sendRawTransaction"


@dataclass(frozen=True, slots=True)
class RpcError:
    """The node's own refusal of one request. `data` is whatever the node put there; of a revert, its bytes in hex."""

    method: str
    code: int
    message: str
    data: object


class StrictHTTPProvider(AsyncHTTPProvider):
    """web3's HTTP provider with a transport that believes nothing. Serves `AsyncWeb3(provider)` as well.

    Its own transport is gone around for four reasons: it does not compare ids; it takes a thread and a lock per
    request, which a cancelled cycle would leave locked for good; its batches sort replies but do not miss one; its
    DEBUG lines print the URL. What is kept are its request counter and its encoding.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        super().__init__(url, exception_retry_configuration=None)
        self._url = url
        self._redacted = Redactor([url])
        self._timeout = timeout_seconds
        self._session: aiohttp.ClientSession | None = None
        self.origin: Final = origin(url)
        self.requests = 0
        """HTTP requests made so far; a batch is one."""

    def __str__(self) -> str:
        return f"RPC {self.origin}"

    __repr__ = __str__

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One reply, whose id and shape are right. It may hold an error of the node."""
        asked = self.form_request(method, params)
        reply = await self._post(self.encode_rpc_dict(asked), method)
        return self._checked(reply, asked)

    async def make_batch_request(self, batch_requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Replies in the order of the questions, none missing. Each may hold an error of the node."""
        if not batch_requests:
            return []
        asked = [self.form_request(method, params) for method, params in batch_requests]
        methods = ", ".join(dict.fromkeys(method for method, _ in batch_requests))
        replies = await self._post(self.encode_batch_request_dicts(asked), methods)
        if isinstance(replies, dict) and "error" in replies:
            raise self.unavailable(f"refuses batches: {self.error_of(replies['error'], methods).message}")
        if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
            raise self.unavailable(f"{methods}: answered a batch with {wire.shown(replies)}")
        by_id = {reply.get("id"): reply for reply in replies if isinstance(reply.get("id"), int)}
        if len(replies) != len(asked) or len(by_id) != len(asked):
            raise self.unavailable(f"{methods}: {len(replies)} replies to a batch of {len(asked)}, or wrong ids")
        return [self._checked(by_id.get(question["id"]), question) for question in asked]

    async def disconnect(self) -> None:
        """Close the session. A later request opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def unavailable(self, what: str) -> ChainUnavailable:
        """The outage in one line that an operator may see."""
        text = wire.printable(self._redacted(" ".join(what.split())), _TEXT_LIMIT)
        return ChainUnavailable(f"RPC {self.origin}: {text}")

    def error_of(self, error: object, method: str) -> RpcError:
        """The `error` of a reply as ours. Its message may quote the URL, and may be a page long."""
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            raise self.unavailable(f"{method}: the error is malformed: {wire.shown(error)}")
        code = error.get("code")
        message = wire.printable(self._redacted(error["message"]), _TEXT_LIMIT)
        return RpcError(method, code if isinstance(code, int) else 0, message, error.get("data"))

    async def _post(self, body: bytes, methods: str) -> Any:
        """The decoded body of a 200. Raises ChainUnavailable and nothing else.

        A kept-alive connection may have been closed by the node while it was idle, which shows only when it is used.
        A question is then asked once more; a transaction is not, because nobody knows whether it got through.
        """
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    raw = await self._exchange(body, methods)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if _ONCE_ONLY in methods or isinstance(error, aiohttp.ClientConnectorError):
                        raise
                    raw = await self._exchange(body, methods)
        except TimeoutError:
            raise self.unavailable(f"{methods}: no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self.unavailable(f"{methods}: {_trouble(error)}") from None
        try:
            return loads(raw)
        except ValueError:
            raise self.unavailable(f"{methods}: {not_json(raw)}") from None

    async def _exchange(self, body: bytes, methods: str) -> bytes:
        self.requests += 1
        session = self._open_session()
        # A redirect would carry signed bytes to a host that nobody configured.
        async with session.post(self._url, data=body, allow_redirects=False) as response:
            if response.status != 200:
                hint = " (rate limit)" if response.status == 429 else ""
                raise self.unavailable(f"{methods}: HTTP status {response.status}{hint}")
            answer = bytearray()
            async for chunk in response.content.iter_any():
                answer += chunk
                if len(answer) > _LONGEST:
                    raise self.unavailable(f"{methods}: an answer of more than {_LONGEST >> 20} MiB")
            return bytes(answer)

    def _open_session(self) -> aiohttp.ClientSession:
        # aiohttp binds a session to the running loop, so it cannot be made in __init__.
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                headers={"Content-Type": "application/json"}, timeout=aiohttp.ClientTimeout(total=None)
            )
        return self._session

    def _checked(self, reply: Any, asked: RPCRequest) -> RPCResponse:
        method = str(asked["method"])
        if not isinstance(reply, dict):
            raise self.unavailable(f"{method}: answered {wire.shown(reply)} instead of an object")
        # Some nodes refuse a request that they could not read without its id; that is an error either way.
        if reply.get("id") != asked["id"] and not (reply.get("id") is None and reply.get("error") is not None):
            raise self.unavailable(f"{method}: the reply has id {wire.shown(reply.get('id'))}, not the request's")
        if reply.get("jsonrpc") != "2.0":
            raise self.unavailable(f"{method}: the reply is not JSON-RPC 2.0")
        if reply.get("error") is None and "result" not in reply:
            raise self.unavailable(f"{method}: the reply has neither result nor error")
        return cast(RPCResponse, reply)


def _trouble(error: Exception) -> str:
    """What went wrong on the way, without the words of the error: those may quote the URL."""
    match error:
        case aiohttp.InvalidURL():
            return "the URL is not valid"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "the TLS handshake failed"
        case aiohttp.ClientConnectorDNSError():
            return "the host name does not resolve"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer came"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case OSError() if error.errno:
            return f"no connection ({os.strerror(error.errno)})"
        case _:
            return f"the request failed ({type(error).__name__})"
