"""A mined transaction: its status, its costs, and what the treasury and the tokens logged."""

from collections.abc import Mapping
from typing import Any

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.events import TRANSFER, Log, decoded, read_log, rebalance_event
from keeper.core.ledger import Receipt, SwapFill, TransferLog
from keeper.core.units import Address, BaseUnits, Bps, Hash32, UsdE18, Wei

_FAILED, _SUCCEEDED = 0, 1


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
    read = [read_log(log) for log in logs] if status == _SUCCEEDED else []
    events = [log for log in read if log.emitter == treasury]
    rebalanced = decoded("Rebalanced", events)
    return Receipt(
        tx_hash=tx_hash,
        succeeded=status == _SUCCEEDED,
        block_number=wire.quantity(wire.field(receipt, "blockNumber")),
        block_hash=wire.hash32(wire.field(receipt, "blockHash")),
        tx_index=wire.quantity(wire.field(receipt, "transactionIndex")),
        gas_used=wire.quantity(wire.field(receipt, "gasUsed")),
        effective_gas_price=Wei(wire.quantity(wire.field(receipt, "effectiveGasPrice"))),
        l1_fee=_l1_fee(receipt),
        fills=tuple(_fill(event) for event in decoded("SwapExecuted", events)),
        event=rebalance_event(rebalanced[0]) if rebalanced else None,
        transfers=tuple(_transfers(read, treasury)),
        targets=_targets(events),
    )


def _targets(events: list[Log]) -> tuple[Bps, ...] | None:
    """The last ones that the treasury took in this transaction."""
    found = decoded("TargetsSet", events)
    return tuple(map(Bps, found[-1]["targetBps"])) if found else None


def _l1_fee(receipt: Mapping[str, Any]) -> Wei | None:
    """What a rollup charges for its data besides gas (OP Stack's `l1Fee`)."""
    return Wei(wire.quantity(receipt["l1Fee"])) if receipt.get("l1Fee") is not None else None


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


def _transfers(logs: list[Log], treasury: Address) -> list[TransferLog]:
    """ERC-20 transfers from or to the treasury. Of an ERC-721, whose event has one more topic, there are none."""
    found = []
    for log in logs:
        if len(log.topics) != 3 or log.topics[0] != TRANSFER or len(log.data) != 32:
            continue
        sender, recipient = (wire.checksummed(int.from_bytes(item[12:])) for item in log.topics[1:])
        if treasury in (sender, recipient):
            amount = BaseUnits(int.from_bytes(log.data))
            found.append(TransferLog(token=log.emitter, sender=sender, recipient=recipient, amount=amount))
    return found
