"""CoinGecko on a loopback port, as a test tells it to be: well, limited, wrong, late or never there."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

UPDATED = 1_779_092_258
PRICES = (
    f'{{"alpha":{{"usd":76975,"usd_market_cap":1542226908349.8406,"last_updated_at":{UPDATED}}},'
    f'"beta":{{"usd":0.000012345678901234567890123,"usd_market_cap":7.2e9,"last_updated_at":{UPDATED - 30}}}}}'
)


@dataclass(slots=True)
class FakeGecko:
    """`asked` are the requests that came. `respond` may be replaced at any time."""

    respond: Respond
    port: int = 0
    asked: list[web.Request] = field(default_factory=list)

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextlib.asynccontextmanager
async def fake_gecko(respond: Respond) -> AsyncIterator[FakeGecko]:
    gecko = FakeGecko(respond)

    async def handle(request: web.Request) -> web.StreamResponse:
        gecko.asked.append(request)
        return await gecko.respond(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gecko.port = runner.addresses[0][1]
    try:
        yield gecko
    finally:
        await runner.cleanup()


def saying(body: str | bytes, status: int = 200, **headers: str) -> Respond:
    raw = body.encode() if isinstance(body, str) else body

    async def respond(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=raw, status=status, headers={"Content-Type": "application/json"} | named)

    return respond


async def hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def trickle(status: int = 200) -> Respond:
    """A byte now and then, for ever: each of them comes well within any time between two."""

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    return respond


async def flood(request: web.Request) -> web.StreamResponse:
    """More than anybody wants, without saying so before."""
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b" " * 65_536)
    return response


async def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without a word."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    linger = struct.pack("ii", 1, 0)
    request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.transport.abort()
    return web.Response()


async def break_off(request: web.Request) -> web.StreamResponse:
    """Promise more bytes than are sent."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(PRICES[:60].encode())
    assert request.transport is not None
    request.transport.close()
    return response


async def gibberish(request: web.Request) -> web.StreamResponse:
    """What is no HTTP."""
    assert request.transport is not None
    request.transport.write(b"\x00\x01\x02 hello\r\n\r\n")
    request.transport.close()
    return web.Response()
