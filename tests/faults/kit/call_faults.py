"""Faults of a single call: the rest of its batch is answered as ever."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.kit.fault import OfCall, OneCall
from tests.faults.kit.jsonrpc import Reply


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
