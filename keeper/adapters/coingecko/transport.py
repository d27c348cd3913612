"""One GET over HTTP that believes nothing: bounded in time and size, no redirects, no encoding but gzip.

httpx's client is gone around: it logs URLs, keeps cookies, takes proxies from the environment, and unpacks whatever
comes.
"""

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

_ERROR_BODY: Final = 64 << 10
"""Bytes that are read of an answer that is an error: what is said in it is a courtesy."""
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_WINDOW: Final = 31
"""zlib's word for gzip with any window."""


class Broken(Exception):
    """No answer that can be used. One line, without any part of the URL."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` of an error is empty when it could not be had."""

    status: int
    retry_after: str | None
    body: bytes


class Transport:
    """`base_url` and `headers` may be secret: neither is ever in what is raised or logged here."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        timeout_seconds: float,
        connections: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "keeper", **headers}
        self._timeout = timeout_seconds
        self._connections = connections

    async def get(self, target: str, longest: int) -> Reply:
        """The whole answer to `/target`, of at most `longest` bytes unpacked, within the time. Raises Broken."""
        head: httpx.Response | None = None
        try:
            async with asyncio.timeout(self._timeout):
                head = await self._open().handle_async_request(self._request(target))
                try:
                    return await self._whole(head, longest)
                finally:
                    await head.aclose()
        except (TimeoutError, httpx.TimeoutException):
            fault = f"no answer within {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            fault = _trouble(error)
        except Broken as broken:
            fault = str(broken)
        if head is not None and head.status_code != 200:
            return _reply(head, b"")
        raise Broken(fault)

    async def close(self) -> None:
        """A later question opens connections anew."""
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.aclose()

    def _open(self) -> httpx.AsyncBaseTransport:
        # Not in __init__: it reads certificates, and a keeper that never asks does not need them.
        if self._connections is None:
            self._connections = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=4))
        return self._connections

    def _request(self, target: str) -> httpx.Request:
        phases = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        return httpx.Request("GET", f"{self._base}/{target}", headers=self._headers, extensions={"timeout": phases})

    async def _whole(self, head: httpx.Response, longest: int) -> Reply:
        encoding = head.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in _GZIP and encoding != "identity":
            raise Broken("answered in an encoding that was not asked for")
        limit = longest if head.status_code == 200 else _ERROR_BODY
        body = bytearray()
        async for chunk in head.aiter_raw():
            body += chunk
            if len(body) > limit:
                raise Broken(f"an answer of more than {limit} bytes")
        return _reply(head, _unpacked(bytes(body), limit) if encoding in _GZIP else bytes(body))


def _reply(head: httpx.Response, body: bytes) -> Reply:
    return Reply(head.status_code, head.headers.get("retry-after"), body)


def _unpacked(packed: bytes, limit: int) -> bytes:
    """A kilobyte can unpack to a megabyte: not a byte more than `limit` is made of it."""
    stream = zlib.decompressobj(_WINDOW)
    try:
        body = stream.decompress(packed, limit + 1)
    except zlib.error:
        raise Broken("answered what is not gzip, though it says so") from None
    if len(body) > limit:
        raise Broken(f"an answer of more than {limit} bytes")
    if not stream.eof:
        raise Broken("the answer broke off")
    return body


def _trouble(error: Exception) -> str:
    """What went wrong on the way, without the words of the error: those may quote the URL."""
    for cause in _causes(error):
        match cause:
            case ssl.SSLError():
                return "the TLS handshake failed"
            case socket.gaierror():
                return "the host name does not resolve"
            case OSError() if cause.errno:
                return f"no connection ({os.strerror(cause.errno)})"
    match error:
        case httpx.ConnectError():
            return "no connection"
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return "the answer broke off, or is no HTTP"
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return "the URL is not valid"
        case _:
            return f"the request failed ({type(error).__name__})"


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it came from, outermost first."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and len(chain) < 10:
        chain.append(inner)
    return chain
