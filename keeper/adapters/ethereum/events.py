"""Logs as the node tells them, and the events in them by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.abi import Entry, artifact, topic
from keeper.core.ledger import RebalanceEvent
from keeper.core.units import Address, Hash32, UsdE18

TRANSFER: Final = keccak(text="Transfer(address,address,uint256)")


@dataclass(frozen=True, slots=True)
class Log:
    emitter: Address
    topics: tuple[bytes, ...]
    data: bytes


def read_log(value: object) -> Log:
    """Raises wire.Malformed."""
    log = wire.mapping(value)
    topics = wire.field(log, "topics")
    if not isinstance(topics, list):
        raise wire.Malformed("a log without topics")
    return Log(
        emitter=wire.address(wire.field(log, "address")),
        topics=tuple(bytes.fromhex(wire.hash32(item)[2:]) for item in topics),
        data=wire.data(wire.field(log, "data")),
    )


@cache
def event(name: str) -> tuple[Entry, bytes]:
    """A treasury's event and its first topic."""
    entry = artifact("Treasury").entry("event", name)
    return entry, topic(entry)


def decoded(name: str, logs: Sequence[Log]) -> list[dict[str, Any]]:
    """Arguments by name of every event `name` among a treasury's logs. Raises wire.Malformed."""
    entry, signature = event(name)
    return [arguments(entry, log) for log in logs if log.topics and log.topics[0] == signature]


def arguments(entry: Entry, log: Log) -> dict[str, Any]:
    """Of one event, by name. Raises wire.Malformed."""
    indexed = [argument for argument in entry["inputs"] if argument["indexed"]]
    plain = [argument for argument in entry["inputs"] if not argument["indexed"]]
    try:
        values = [decode([argument["type"]], word)[0] for argument, word in zip(indexed, log.topics[1:], strict=True)]
        values += decode([argument["type"] for argument in plain], log.data)
    except (ValueError, DecodingError):
        raise wire.Malformed(f"a log {entry['name']} that does not decode") from None
    return dict(zip([argument["name"] for argument in indexed + plain], values, strict=True))


def rebalance_event(event: dict[str, Any]) -> RebalanceEvent:
    """`Rebalanced` by its arguments."""
    return RebalanceEvent(
        id=event["id"],
        keeper=wire.address(event["keeper"]),
        decision=Hash32(wire.hexed(event["decision"])),
        nav_before=UsdE18(event["navBefore"]),
        nav_after=UsdE18(event["navAfter"]),
        turnover=UsdE18(event["turnover"]),
        loss=UsdE18(event["loss"]),
        te_before=UsdE18(event["teBefore"]),
        te_after=UsdE18(event["teAfter"]),
    )
