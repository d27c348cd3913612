"""JSON-RPC as it passes by: what is asked, in which exchange, and the way on to a node."""

import contextlib
import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.faults.kit.front import Response

Reply = dict[str, Any]
"""An object with `id` and either `result` or `error`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `batched`: it came in a list, maybe alone."""

    method: str
    params: Any
    id: Any
    batched: bool = False

    def body(self) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": self.id, "method": self.method, "params": self.params}

    def result(self, value: Any) -> Reply:
        return {"jsonrpc": "2.0", "id": self.id, "result": value}

    def error(self, code: int, message: str, data: Any = None) -> Reply:
        told = {"code": code, "message": message} | ({} if data is None else {"data": data})
        return {"jsonrpc": "2.0", "id": self.id, "error": told}


class Unreadable(ValueError):
    """Not a JSON-RPC request."""


def read_calls(body: bytes) -> list[Call]:
    """Raises Unreadable."""
    try:
        asked = json.loads(body)
        batched = isinstance(asked, list)
        return [
            Call(str(one["method"]), one.get("params", []), one.get("id"), batched)
            for one in (asked if batched else [asked])
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unreadable(str(error)) from None


def as_body(calls: Sequence[Call], batched: bool) -> bytes:
    bodies = [call.body() for call in calls]
    return json.dumps(bodies if batched else bodies[0]).encode()


class NodeError(Exception):
    """The node behind refused a question of our own; the message is the node's."""


class Upstream:
    """A node by its URL, which may be changed while it is used: the node was replaced. Each request is a connection."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self.url = url
        self._timeout = timeout

    def post(self, body: bytes) -> Response:
        """Raises OSError when nobody answers there."""
        where = urlsplit(self.url)
        node = http.client.HTTPConnection(where.hostname or "", where.port, timeout=self._timeout)
        with contextlib.closing(node):
            try:
                node.request("POST", where.path or "/", body, {"Content-Type": "application/json"})
                reply = node.getresponse()
                return Response(reply.read(), reply.status, reply.headers.get("Content-Type", "application/json"))
            except http.client.HTTPException as error:
                raise OSError(f"{self.url}: {type(error).__name__}") from None

    def ask(self, method: str, *params: Any) -> Any:
        """A question of our own. Raises NodeError, OSError."""
        reply = json.loads(self.post(as_body([Call(method, list(params), 1)], batched=False)).body)
        if "error" in reply:
            raise NodeError(f"{method}: {reply['error'].get('message')}")
        return reply["result"]
