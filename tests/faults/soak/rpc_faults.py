"""What can go wrong between keeper and node in a soak: every kind of rule of the proxy, and for which calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.faults.kit import rules
from tests.faults.kit.jsonrpc import Call
from tests.faults.kit.rules import ANY, BATCH, Rule

SEND: Final = "eth_sendRawTransaction"
HEAD: Final = "eth_getBlockByNumber"
RECEIPT: Final = "eth_getTransactionReceipt"
COUNT: Final = "eth_getTransactionCount"
TIP: Final = "eth_maxPriorityFeePerGas"
VIEW: Final = "eth_call"

SKIPPED: Final = {SEND: 0, HEAD: 12, RECEIPT: 4, COUNT: 2, TIP: 1, VIEW: 2, BATCH: 3, ANY: 20}
"""By method: as many calls at most pass before the fault begins."""
LONGER_THAN_ANYBODY_WAITS: Final = 1.3
"""Seconds; the soak's keeper gives up after one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`make` gives the fault; `times` is how often it happens, from the least to the most."""

    make: Callable[[], rules.Fault]
    methods: tuple[str, ...] = (SEND, HEAD, RECEIPT, VIEW)
    times: tuple[int, int] = (1, 2)


_SENDING = (SEND,)
_BATCHED = (COUNT, RECEIPT)

KINDS: Final[dict[str, Kind]] = {
    "request dropped": Kind(rules.Drop, (SEND, SEND, HEAD, RECEIPT, VIEW)),
    "reply lost": Kind(rules.LoseReply, (SEND, SEND, HEAD, RECEIPT)),
    "request delayed": Kind(lambda: rules.Delay(0.2), (SEND, HEAD, RECEIPT, VIEW)),
    "reply delayed": Kind(lambda: rules.Delay(0.2, reply=True), (SEND, HEAD, RECEIPT, VIEW)),
    "request late": Kind(lambda: rules.Delay(LONGER_THAN_ANYBODY_WAITS), _SENDING, (1, 1)),
    "reply late": Kind(lambda: rules.Delay(LONGER_THAN_ANYBODY_WAITS, reply=True), _SENDING, (1, 1)),
    "request reordered": Kind(lambda: rules.Hold(until=HEAD), _SENDING, (1, 1)),
    "reply reordered": Kind(lambda: rules.Hold(until=HEAD, reply=True), _SENDING, (1, 1)),
    "hang": Kind(rules.Hang, (SEND, HEAD, RECEIPT), (1, 1)),
    "html": Kind(lambda: rules.HTML),
    "empty": Kind(lambda: rules.EMPTY),
    "429": Kind(rules.too_many_requests),
    "500": Kind(lambda: rules.SERVER_ERROR),
    "502": Kind(lambda: rules.BAD_GATEWAY),
    "502 though the node got it": Kind(lambda: rules.Say(b"bad gateway", 502, forward=True), _SENDING),
    "503": Kind(lambda: rules.UNAVAILABLE),
    "503 for everything": Kind(lambda: rules.UNAVAILABLE, (ANY,), (3, 10)),
    "truncated": Kind(rules.Truncate),
    "broken off": Kind(lambda: rules.Truncate(broken=True)),
    "batch backwards": Kind(rules.Backwards, (BATCH,)),
    "call omitted": Kind(rules.Omit, _BATCHED),
    "reply omitted": Kind(rules.OmitReply, _BATCHED),
    "asked last": Kind(rules.Last, _BATCHED),
    "duplicated": Kind(rules.Duplicate, _SENDING),
    "duplicated, first reply": Kind(lambda: rules.Duplicate(first=True), _SENDING),
    "null": Kind(lambda: rules.NULL, (SEND, HEAD, RECEIPT, COUNT, VIEW)),
    "changed": Kind(lambda: rules.Change(lambda tip: hex(int(tip, 16) * 2)), (TIP,)),
    "refused": Kind(lambda: rules.Refuse(-32603, "internal error"), (SEND, HEAD, COUNT, VIEW)),
    "refused though the node got it": Kind(lambda: rules.Refuse(-32603, "internal error", forward=True), _SENDING),
    "wrong id": Kind(rules.WrongId, (SEND, HEAD, RECEIPT)),
    "stale head": Kind(rules.Stale, (HEAD,), (3, 12)),
    "stale nonce": Kind(rules.Stale, (COUNT,), (1, 2)),
}


def rule(kind: str, method: str, times: int, skip: int) -> Rule:
    """The first `skip` calls of `method` pass."""
    passed = 0

    def due(call: Call) -> bool:
        nonlocal passed
        if kind == "stale head" and call.params[:1] != ["latest"]:
            return False
        passed += 1
        return passed > skip

    return Rule(method, KINDS[kind].make(), times, due)
