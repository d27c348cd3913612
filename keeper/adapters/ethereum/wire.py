"""Values as JSON-RPC spells them: hex in, our types out, and nothing taken on trust."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from eth_utils.address import to_checksum_address

from keeper.adapters.foreign import cut as cut
from keeper.adapters.foreign import printable as printable
from keeper.adapters.foreign import shown as shown
from keeper.core.model import Block
from keeper.core.units import Address, Hash32, Timestamp, Wei

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


class Malformed(ValueError):
    """A reply that is JSON but not what the method promises. The text says which part."""


def quantity(value: object) -> int:
    """A number. Leading zeros pass: some nodes write them."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise Malformed(f"{shown(value)} where a number belongs")
    return int(value, 16)


def data(value: object) -> bytes:
    # A regular expression takes 80 ms for the megabyte of an observation, fromhex 1; but it lets blanks pass.
    if isinstance(value, str) and value.startswith("0x"):
        try:
            raw = bytes.fromhex(value[2:])
        except ValueError:
            raw = None
        if raw is not None and 2 * len(raw) + 2 == len(value):
            return raw
    raise Malformed(f"{shown(value)} where bytes belong")


def hash32(value: object) -> Hash32:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise Malformed(f"{shown(value)} where a hash belongs")
    return Hash32(value.lower())


def address(value: object) -> Address:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise Malformed(f"{shown(value)} where an address belongs")
    return checksummed(int(value, 16))


@lru_cache(maxsize=65_536)
def checksummed(number: int) -> Address:
    """EIP-55 of 160 bits; OverflowError of more. Remembered: each costs a hash, an observation repeats thousands."""
    return Address(to_checksum_address(number.to_bytes(20)))


def mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{shown(value)} where an object belongs")
    return value


def field(value: Mapping[str, Any], name: str) -> object:
    if name not in value:
        raise Malformed(f"no {name}")
    return value[name]


def block(value: object) -> Block:
    """A block's header. A `null`, or one without number, hash or base fee, is refused."""
    header = mapping(value)
    if header.get("baseFeePerGas") is None:
        raise Malformed("a block without baseFeePerGas (EIP-1559 is needed)")
    return Block(
        number=quantity(field(header, "number")),
        hash=hash32(field(header, "hash")),
        parent_hash=hash32(field(header, "parentHash")),
        timestamp=Timestamp(quantity(field(header, "timestamp"))),
        base_fee=Wei(quantity(header["baseFeePerGas"])),
    )


def at_hash(block_hash: Hash32) -> dict[str, Any]:
    """EIP-1898: that very block, and an error once it is not on the canonical chain any more."""
    return {"blockHash": block_hash, "requireCanonical": True}


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()
