"""Why a call reverts: the treasury's errors by name, measured value and limit; other errors as they are told."""

import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_address

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.abi import Entry, artifact, input_names, input_types, selector
from keeper.adapters.ethereum.provider import RpcError
from keeper.core.units import E18, UsdE18, in_bps, usd
from keeper.core.words import plain
from keeper.ports import SimulatedRevert

_ERROR: Final[Entry] = {"type": "error", "name": "Error", "inputs": [{"name": "", "type": "string"}]}
_PANIC: Final[Entry] = {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]}
_PANICS: Final = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "no such enum value",
    0x31: "pop of an empty array",
    0x32: "index out of bounds",
    0x41: "out of memory",
    0x51: "call of an unset function",
}


def _usd(value: int) -> str:
    return f"{usd(UsdE18(value)):.6f} USD"


def _of_nav(value: int) -> str:
    return f"{plain(in_bps(Fraction(value, E18)))} bps of NAV"


def _of_weight(value: int) -> str:
    return f"{plain(in_bps(Fraction(value, E18)))} bps of the whole weight"


def _bps(value: int) -> str:
    return f"{value} bps"


def _seconds(value: int) -> str:
    return f"{value} s"


_UNITS: Final[dict[str, dict[str, Callable[[int], str]]]] = {
    "Slippage": {"valueOut": _usd, "minimum": _usd},
    "TradeTooBig": {"valueIn": _usd, "maximum": _usd},
    "NoDrift": {"te": _usd, "minimum": _usd},
    "NoProgress": {"teBefore": _usd, "teAfter": _usd, "loss": _usd, "maximum": _usd},
    "LossBudget": {"wanted": _of_nav, "left": _of_nav},
    "TurnoverBudget": {"wanted": _of_nav, "left": _of_nav},
    "ShiftBudget": {"wanted": _of_weight, "left": _of_weight},
    "WeightTooBig": {"bps": _bps, "maximum": _bps},
    "BadTargets": {"sumBps": _bps},
    "BadWindow": {"given": _seconds, "minimum": _seconds, "maximum": _seconds},
}
"""What the arguments are counted in, which the ABI does not say (`ITreasury`); all others are told as they are."""

_REVERT_CODES: Final = frozenset({3, -32015})
"""EIP-1474's successor in geth, anvil, reth, erigon; and OpenEthereum's, which Nethermind kept."""
_EVM_WORDS: Final = ("revert", "invalid opcode", "gas required exceeds", "evm error")
_OUT_OF_GAS: Final = ("out of gas", "outofgas")
_HEX_TAIL: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*$")


def revert_of(error: RpcError) -> SimulatedRevert | None:
    """The revert that a node's error tells of, or None when the node failed for a reason of its own."""
    raw = _revert_data(error.data)
    if raw:
        return explain(raw)
    message = error.message.lower()
    if any(words in message for words in _OUT_OF_GAS):
        return SimulatedRevert(guard="OutOfGas", detail="OutOfGas: the call needs more gas than it was given")
    if error.code in _REVERT_CODES or any(words in message for words in _EVM_WORDS):
        return SimulatedRevert(guard="Reverted", detail=wire.printable(error.message))
    return None


def explain(raw: bytes) -> SimulatedRevert:
    """Revert bytes in words. `guard` is the error's name, `detail` a line that stands for itself:
    `Slippage: venue 3, valueOut 990.000000 USD, minimum 995.000000 USD`.
    """
    entry = _known_errors().get(raw[:4])
    if entry is None:
        return SimulatedRevert(guard="UnknownError", detail=f"unknown error {wire.cut(wire.hexed(raw))}")
    name = str(entry["name"])
    try:
        values = decode(input_types(entry), raw[4:])
    except (DecodingError, UnicodeDecodeError):
        return SimulatedRevert(
            guard=name, detail=f"{name} with arguments that do not decode: {wire.cut(wire.hexed(raw))}"
        )
    if entry is _ERROR:
        told = wire.printable(values[0]) or "no reason"
    elif entry is _PANIC:
        told = _PANICS.get(values[0], f"code {values[0]:#x}")
    else:
        arguments = zip(input_names(entry), values, strict=True)
        told = ", ".join(f"{argument} {_value(name, argument, value)}" for argument, value in arguments)
    return SimulatedRevert(guard=name, detail=f"{name}: {told}" if told else name)


@cache
def _known_errors() -> dict[bytes, Entry]:
    entries = [_ERROR, _PANIC, *artifact("Lens").entries("error"), *artifact("Treasury").entries("error")]
    return {selector(entry): entry for entry in entries}


def _value(error: str, argument: str, value: Any) -> str:
    if in_unit := _UNITS.get(error, {}).get(argument):
        return in_unit(value)
    if isinstance(value, bytes):
        return wire.hexed(value)
    if isinstance(value, str) and is_address(value):
        return wire.address(value)
    return str(value)


def _revert_data(found: object) -> bytes:
    """The bytes, wherever the node put them: as text, after a word (`Reverted 0x`), or inside an object."""
    if isinstance(found, dict):
        return _revert_data(found.get("data") or found.get("result") or found.get("output"))
    match = _HEX_TAIL.search(found) if isinstance(found, str) else None
    return bytes.fromhex(match[0][2:]) if match else b""
