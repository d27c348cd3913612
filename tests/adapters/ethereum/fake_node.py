"""A node on a loopback port that answers as a test tells it to: well, wrongly, late or never."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answers = Mapping[str, Any]
"""Result by method; a `Refusal` is an error; a callable gets the parameters."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The node's error for one request."""

    code: int
    message: str
    data: Any = None


@dataclass(slots=True)
class FakeNode:
    """`bodies` are the requests that came, as JSON. `respond` may be replaced at any time."""

    respond: Callable[[web.Request, Any], Awaitable[web.StreamResponse]]
    port: int = 0
    bodies: list[Any] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextlib.asynccontextmanager
async def fake_node(
    respond: Callable[[web.Request, Any], Awaitable[web.StreamResponse]],
) -> AsyncIterator[FakeNode]:
    node = FakeNode(respond)

    async def handle(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        node.bodies.append(body)
        return await node.respond(request, body)

    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    node.port = runner.addresses[0][1]
    try:
        yield node
    finally:
        await runner.cleanup()


def answering(answers: Answers) -> Callable[[web.Request, Any], Awaitable[web.StreamResponse]]:
    """A node that behaves, and knows these methods only."""

    async def respond(_request: web.Request, body: Any) -> web.StreamResponse:
        reply = [reply_to(one, answers) for one in body] if isinstance(body, list) else reply_to(body, answers)
        return web.json_response(reply)

    return respond


class _Anything(dict[str, Any]):
    """Knows every method, and one answer."""

    def get(self, _key: str, _default: Any = None) -> Any:
        return "0x7a69"


def reply_to(body: Mapping[str, Any], answers: Answers) -> dict[str, Any]:
    answer = answers.get(body["method"], Refusal(-32601, f"the method {body['method']} does not exist"))
    if callable(answer):
        answer = answer(*body["params"])
    head = {"jsonrpc": "2.0", "id": body["id"]}
    if isinstance(answer, Refusal):
        return head | {"error": {"code": answer.code, "message": answer.message, "data": answer.data}}
    return head | {"result": answer}


async def hang(_request: web.Request, _body: Any) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def drop(request: web.Request, _body: Any) -> web.StreamResponse:
    """Close the connection without a word."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def reset(request: web.Request, _body: Any) -> web.StreamResponse:
    """Drop the connection with a reset, as a node does that was restarted."""
    assert request.transport is not None
    linger = struct.pack("ii", 1, 0)
    request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    request.transport.abort()
    return web.Response()


async def break_off(request: web.Request, _body: Any) -> web.StreamResponse:
    """Promise more bytes than are sent."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"jsonrpc":"2.0",')
    assert request.transport is not None
    request.transport.close()
    return response


def saying(text: str, status: int = 200) -> Callable[[web.Request, Any], Awaitable[web.StreamResponse]]:
    async def respond(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.Response(text=text, status=status)

    return respond


def replying(change: Callable[[Any], Any]) -> Callable[[web.Request, Any], Awaitable[web.StreamResponse]]:
    """A reply that would be right (`0x7a69` to everything), changed by the test."""

    async def respond(_request: web.Request, body: Any) -> web.StreamResponse:
        if isinstance(body, list):
            return web.json_response(change([reply_to(one, _Anything()) for one in body]))
        return web.json_response(change(reply_to(body, _Anything())))

    return respond
