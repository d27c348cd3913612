"""A mined transaction: its status, its costs, and what the treasury and the tokens logged."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.abi import Entry, artifact, topic
from keeper.core.ledger import RebalanceEvent, Receipt, SwapFill, TransferLog
from keeper.core.units import Address, BaseUnits, Hash32, UsdE18, Wei

_TRANSFER: Final = keccak(text="Transfer(address,address,uint256)")
_FAILED, _SUCCEEDED = 0, 1


@dataclass(frozen=True, slots=True)
class _Log:
    emitter: Address
    topics: tuple[bytes, ...]
    data: bytes


def read_receipt(value: object, tx_hash: Hash32, treasury: Address) -> Receipt | None:
    """A node's receipt, or None where it has none. Raises wire.Malformed.

    A node may answer for another transaction (a cache, a proxy) or without a status: neither is taken.
    """
    if value is None:
        return None
    receipt = wire.mapping(value)
    if wire.hash32(wire.field(receipt, "transactionHash")) != tx_hash:
        raise wire.Malformed("the receipt of another transaction")
    status = wire.quantity(wire.field(receipt, "status"))
    if status not in (_FAILED, _SUCCEEDED):
        raise wire.Malformed(f"a receipt with status {status}")
    logs = wire.field(receipt, "logs")
    if not isinstance(logs, list):
        raise wire.Malformed("a receipt without logs")
    read = [_read_log(log) for log in logs] if status == _SUCCEEDED else []
    events = [log for log in read if log.emitter == treasury]
    rebalanced = _decoded("Rebalanced", events)
    return Receipt(
        tx_hash=tx_hash,
        succeeded=status == _SUCCEEDED,
        block_number=wire.quantity(wire.field(receipt, "blockNumber")),
        block_hash=wire.hash32(wire.field(receipt, "blockHash")),
        tx_index=wire.quantity(wire.field(receipt, "transactionIndex")),
        gas_used=wire.quantity(wire.field(receipt, "gasUsed")),
        effective_gas_price=Wei(wire.quantity(wire.field(receipt, "effectiveGasPrice"))),
        l1_fee=_l1_fee(receipt),
        fills=tuple(_fill(event) for event in _decoded("SwapExecuted", events)),
        event=_rebalance_event(rebalanced[0]) if rebalanced else None,
        transfers=tuple(_transfers(read, treasury)),
    )


def _l1_fee(receipt: Mapping[str, Any]) -> Wei | None:
    """What a rollup charges for its data besides gas (OP Stack's `l1Fee`)."""
    return Wei(wire.quantity(receipt["l1Fee"])) if receipt.get("l1Fee") is not None else None


def _read_log(value: object) -> _Log:
    log = wire.mapping(value)
    topics = wire.field(log, "topics")
    if not isinstance(topics, list):
        raise wire.Malformed("a log without topics")
    return _Log(
        emitter=wire.address(wire.field(log, "address")),
        topics=tuple(bytes.fromhex(wire.hash32(item)[2:]) for item in topics),
        data=wire.data(wire.field(log, "data")),
    )


@cache
def _event(name: str) -> tuple[Entry, bytes]:
    entry = artifact("Treasury").entry("event", name)
    return entry, topic(entry)


def _decoded(name: str, logs: list[_Log]) -> list[dict[str, Any]]:
    """Arguments by name of every event `name` among the treasury's logs."""
    entry, signature = _event(name)
    return [_arguments(entry, log) for log in logs if log.topics and log.topics[0] == signature]


def _arguments(entry: Entry, log: _Log) -> dict[str, Any]:
    indexed = [argument for argument in entry["inputs"] if argument["indexed"]]
    plain = [argument for argument in entry["inputs"] if not argument["indexed"]]
    try:
        values = [decode([argument["type"]], word)[0] for argument, word in zip(indexed, log.topics[1:], strict=True)]
        values += decode([argument["type"] for argument in plain], log.data)
    except (ValueError, DecodingError):
        raise wire.Malformed(f"a log {entry['name']} that does not decode") from None
    return dict(zip([argument["name"] for argument in indexed + plain], values, strict=True))


def _fill(event: dict[str, Any]) -> SwapFill:
    return SwapFill(
        venue=event["venue"],
        token_in=wire.address(event["tokenIn"]),
        token_out=wire.address(event["tokenOut"]),
        amount_in=BaseUnits(event["amountIn"]),
        amount_out=BaseUnits(event["amountOut"]),
        value_in=UsdE18(event["valueIn"]),
        value_out=UsdE18(event["valueOut"]),
    )


def _rebalance_event(event: dict[str, Any]) -> RebalanceEvent:
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


def _transfers(logs: list[_Log], treasury: Address) -> list[TransferLog]:
    """ERC-20 transfers from or to the treasury. Of an ERC-721, whose event has one more topic, there are none."""
    found = []
    for log in logs:
        if len(log.topics) != 3 or log.topics[0] != _TRANSFER or len(log.data) != 32:
            continue
        sender, recipient = (wire.checksummed(int.from_bytes(item[12:])) for item in log.topics[1:])
        if treasury in (sender, recipient):
            amount = BaseUnits(int.from_bytes(log.data))
            found.append(TransferLog(token=log.emitter, sender=sender, recipient=recipient, amount=amount))
    return found
