"""Faults of a whole HTTP exchange: of one call, or of the batch that it is in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.faults.kit.fault import Exchange, OfExchange
from tests.faults.kit.front import CLOSED, Response


@dataclass(frozen=True, slots=True)
class Drop(OfExchange):
    """The request is lost: never forwarded, the connection closed."""

    def exchange(self, it: Exchange) -> Response:
        return CLOSED


@dataclass(frozen=True, slots=True)
class LoseReply(OfExchange):
    """The reply is lost: forwarded, then the connection is closed."""

    def exchange(self, it: Exchange) -> Response:
        it.forward()
        return CLOSED


@dataclass(frozen=True, slots=True)
class Delay(OfExchange):
    """Late by so many seconds: on the way to the node, or with `reply` on the way back. What was late is forwarded even
    if nobody waits for it any more."""

    seconds: float
    reply: bool = False

    def exchange(self, it: Exchange) -> Response:
        if self.reply:
            answer = it.forward()
            it.wait(self.seconds)
            return answer
        it.wait(self.seconds)
        return it.forward()


@dataclass(frozen=True, slots=True)
class Hold(OfExchange):
    """Held until a later call of the method `until` has passed, or without it until the rule is released or removed:
    on the way to the node, or with `reply` on the way back. This is how requests change places."""

    until: str | None = None
    reply: bool = False

    def exchange(self, it: Exchange) -> Response:
        answer = it.forward() if self.reply else None
        if self.until is None:
            it.wait()
        else:
            it.wait_for(self.until)
        return answer or it.forward()


@dataclass(frozen=True, slots=True)
class Hang(OfExchange):
    """Never forwarded, never answered; the connection stays open until the rule is removed."""

    def exchange(self, it: Exchange) -> Response:
        it.wait()
        return CLOSED


@dataclass(frozen=True, slots=True)
class Say(OfExchange):
    """That body and status instead of the node's. With `forward` the node gets the request all the same."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    forward: bool = False

    def exchange(self, it: Exchange) -> Response:
        if self.forward:
            it.forward()
        return Response(self.body, self.status, self.kind, self.headers)


HTML: Final = Say(b"<!DOCTYPE html><html><body>upstream unavailable</body></html>", kind="text/html")
SERVER_ERROR: Final = Say(b"internal server error", status=500, kind="text/plain")
BAD_GATEWAY: Final = Say(b"bad gateway", status=502, kind="text/plain")
UNAVAILABLE: Final = Say(b"service unavailable", status=503, kind="text/plain")
EMPTY: Final = Say(b"")


def too_many_requests(retry_after: int = 1) -> Say:
    return Say(b"too many requests", status=429, kind="text/plain", headers={"Retry-After": str(retry_after)})


@dataclass(frozen=True, slots=True)
class Truncate(OfExchange):
    """The first half of the answer. With `broken` its length was promised whole, and the connection breaks."""

    broken: bool = False

    def exchange(self, it: Exchange) -> Response:
        answer = it.forward()
        half = answer.body[: len(answer.body) // 2]
        return Response(half, answer.status, answer.kind, promised=len(answer.body) if self.broken else None)


@dataclass(frozen=True, slots=True)
class Backwards(OfExchange):
    """A batch's replies in the opposite order, as JSON-RPC allows."""

    def exchange(self, it: Exchange) -> Response:
        answer = it.forward()
        return Response(json.dumps(json.loads(answer.body)[::-1]).encode(), answer.status)
