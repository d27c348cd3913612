"""A transaction tried out in one `eth_call`: whether it goes through, and the gas it needs.

`eth_estimateGas` runs a call a dozen times to find the lowest limit; of a batch of seven swaps that takes Anvil 12 ms,
this takes 1. Like the Lens it needs a provider that supports state overrides.
"""

from functools import cache
from typing import Any, Final

from eth_abi.abi import encode

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.abi import artifact, input_types, selector
from keeper.adapters.ethereum.rpc import Request
from keeper.core.ledger import Call
from keeper.core.model import Block
from keeper.core.units import Address

_LARGEST: Final = 16_777_216
"""EIP-7825: the gas that a transaction may have. What needs more is refused here, before it is signed."""

_BASE: Final = 21_000
_ZERO_BYTE, _BYTE = 4, 16
_FLOOR_ZERO_BYTE, _FLOOR_BYTE = 10, 40


def rehearsal(call: Call, sender: Address, at: Block) -> Request[int]:
    """Runs `call` as `sender` on top of block `at`; the answer is the gas it needs, before refunds, as its transaction.

    A revert is the call's own.
    """
    entry = artifact("Rehearsal").entry("function", "rehearse")
    data = selector(entry) + encode(input_types(entry), (call.to, call.data))
    # Sent from nowhere to the sender itself, whose code for this moment is the Rehearsal's.
    return Request(
        "eth_call",
        [
            {"to": sender, "data": wire.hexed(data), "gas": hex(_LARGEST)},
            wire.at_hash(at.hash),
            {sender: {"code": _runtime()}},
        ],
        lambda answer: needed_gas(call.data, _executed(answer)),
    )


def needed_gas(data: bytes, executed: int) -> int:
    """What a transaction with that calldata is charged before refunds when its execution takes `executed` gas.

    EIP-2028 for the calldata, and EIP-7623 for the least that a transaction costs.
    """
    zeros = data.count(0)
    others = len(data) - zeros
    return _BASE + max(
        zeros * _ZERO_BYTE + others * _BYTE + executed,
        zeros * _FLOOR_ZERO_BYTE + others * _FLOOR_BYTE,
    )


def _executed(answer: object) -> int:
    """The address has no code of its own: a node that ignores overrides answers nothing."""
    data = wire.data(answer)
    if len(data) != 32:
        raise wire.Malformed(
            f"{len(data)} bytes where a gas amount belongs: state overrides seem to be ignored, and are needed"
        )
    return int.from_bytes(data)


@cache
def _runtime() -> Any:
    return wire.hexed(artifact("Rehearsal").runtime)
