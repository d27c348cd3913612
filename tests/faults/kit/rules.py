"""What a proxy does to requests: faults of a whole HTTP exchange, faults of one call in it, and rules for when.

A fault is a value with one method. `OfExchange.exchange` gets the exchange and answers it, `forward()` being the way to
the node; `OfCall.call` gets one call of it and answers that, and the rest of a batch is left in peace. Faults of your
own are made the same way.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tests.faults.kit.front import CLOSED, Response
from tests.faults.kit.jsonrpc import Call, Reply

ANY: Final = "*"
"""As a rule's method: every call, whatever it asks."""
BATCH: Final = "[]"
"""As a rule's method: a batch, as a whole."""


class Exchange(Protocol):
    """A request over HTTP, of one call or of a batch, in the hands of its fault."""

    @property
    def calls(self) -> list[Call]: ...

    def forward(self) -> Response:
        """The node's answer, with whatever faults of single calls there are."""
        ...

    def wait(self, seconds: float | None = None) -> None:
        """So long, or until the rule is removed or released; None: until then."""
        ...

    def wait_for(self, method: str) -> None:
        """Until a call of that method, which came later, has been answered by the node; or as `wait`."""
        ...


class OneCall(Protocol):
    """A call in the hands of its fault."""

    @property
    def call(self) -> Call: ...

    def forward(self) -> Reply:
        """The node's reply to this call alone."""
        ...

    def earlier(self, back: int) -> Reply | None:
        """What the node said to the same question before the rule was there; `back` answers before the last."""
        ...


class OfExchange(ABC):
    @abstractmethod
    def exchange(self, it: Exchange) -> Response: ...


class OfCall(ABC):
    """The call that it concerns is taken out of its batch, and asked alone once the rest has been answered."""

    @abstractmethod
    def call(self, it: OneCall) -> Reply | None:
        """None: no reply, which in a batch is one too few, and otherwise a connection that is closed."""
        ...

    def applies(self, it: OneCall) -> bool:
        """Whether there is anything that it could do to this call; if not, the rule does not count."""
        return True


Fault = OfExchange | OfCall


@dataclass(frozen=True, eq=False)
class Rule:
    """`fault` happens to calls of `method` (or ANY, or BATCH) for which `when` holds: `times` times, None without end.

    Two rules are two, even if they say the same: each is counted for itself.
    """

    method: str
    fault: Fault
    times: int | None = 1
    when: Callable[[Call], bool] | None = None

    def matches(self, call: Call) -> bool:
        return self.method in (ANY, call.method) and (self.when is None or self.when(call))


# ------------------------------------------------------------------------------------------- of a whole exchange


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


# ------------------------------------------------------------------------------------------------ of a single call


@dataclass(frozen=True, slots=True)
class Omit(OfCall):
    """The call is lost: never forwarded, no reply to it. The rest of its batch is answered."""

    def call(self, it: OneCall) -> Reply | None:
        return None


@dataclass(frozen=True, slots=True)
class OmitReply(OfCall):
    """Forwarded, but its reply is missing among its batch's."""

    def call(self, it: OneCall) -> Reply | None:
        it.forward()
        return None


@dataclass(frozen=True, slots=True)
class Last(OfCall):
    """Asked after the rest of its batch, whatever its place in it."""

    def call(self, it: OneCall) -> Reply | None:
        return it.forward()


@dataclass(frozen=True, slots=True)
class Duplicate(OfCall):
    """Forwarded twice, as by a gateway that tries again. The reply is the second one's, or with `first` the first's."""

    first: bool = False

    def call(self, it: OneCall) -> Reply | None:
        replies = it.forward(), it.forward()
        return replies[0 if self.first else 1]


@dataclass(frozen=True, slots=True)
class Result(OfCall):
    """That result, such as null, whatever the node says. It is not asked unless `forward`."""

    value: Any
    forward: bool = False

    def call(self, it: OneCall) -> Reply | None:
        if self.forward:
            it.forward()
        return it.call.result(self.value)


NULL: Final = Result(None)


@dataclass(frozen=True, slots=True)
class Change(OfCall):
    """The node's result, changed by a function."""

    by: Callable[[Any], Any]

    def call(self, it: OneCall) -> Reply | None:
        reply = it.forward()
        return reply if "result" not in reply else it.call.result(self.by(reply["result"]))


@dataclass(frozen=True, slots=True)
class Refuse(OfCall):
    """A JSON-RPC error instead. With `forward` the node gets the request all the same."""

    code: int
    message: str
    data: Any = None
    forward: bool = False

    def call(self, it: OneCall) -> Reply | None:
        if self.forward:
            it.forward()
        return it.call.error(self.code, self.message, self.data)


@dataclass(frozen=True, slots=True)
class WrongId(OfCall):
    """The reply belongs to another request."""

    id: Any = 987_654_321

    def call(self, it: OneCall) -> Reply | None:
        return it.forward() | {"id": self.id}


@dataclass(frozen=True, slots=True)
class Stale(OfCall):
    """What the node said to the same question before the rule was installed: the last answer then, or `back` answers
    before it. A question that was not asked before passes, and does not count."""

    back: int = 0

    def applies(self, it: OneCall) -> bool:
        return it.earlier(self.back) is not None

    def call(self, it: OneCall) -> Reply | None:
        return {**(it.earlier(self.back) or {}), "id": it.call.id}
