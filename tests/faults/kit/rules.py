"""When a proxy does what to which requests: rules, and every fault there is, by one import."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.faults.kit.call_faults import (
    NULL,
    Change,
    Duplicate,
    Last,
    Omit,
    OmitReply,
    Refuse,
    Result,
    Stale,
    WrongId,
)
from tests.faults.kit.exchange_faults import (
    BAD_GATEWAY,
    EMPTY,
    HTML,
    SERVER_ERROR,
    UNAVAILABLE,
    Backwards,
    Delay,
    Drop,
    Hang,
    Hold,
    LoseReply,
    Say,
    Truncate,
    too_many_requests,
)
from tests.faults.kit.fault import Exchange, OfCall, OfExchange, OneCall
from tests.faults.kit.jsonrpc import Call

__all__ = [
    "ANY",
    "BAD_GATEWAY",
    "BATCH",
    "EMPTY",
    "HTML",
    "NULL",
    "SERVER_ERROR",
    "UNAVAILABLE",
    "Backwards",
    "Change",
    "Delay",
    "Drop",
    "Duplicate",
    "Exchange",
    "Fault",
    "Hang",
    "Hold",
    "Last",
    "LoseReply",
    "OfCall",
    "OfExchange",
    "Omit",
    "OmitReply",
    "OneCall",
    "Refuse",
    "Result",
    "Rule",
    "Say",
    "Stale",
    "Truncate",
    "WrongId",
    "too_many_requests",
]

ANY: Final = "*"
"""As a rule's method: every call, whatever it asks."""
BATCH: Final = "[]"
"""As a rule's method: a batch, as a whole."""

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
