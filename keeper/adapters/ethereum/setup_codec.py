"""A treasury's creation and configuration as bytes, and the addresses that follow from them."""

from typing import Any, Final

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_utils.crypto import keccak

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.abi import artifact, input_types, selector
from keeper.core.setup.config import FundConfig
from keeper.core.units import ZERO_ADDRESS, Address

PROXY: Final = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
"""The deterministic deployment proxy, at this address on most chains: CREATE2 of what follows 32 bytes of salt."""


def constructor_arguments(config: FundConfig, owner: Address) -> tuple[Any, ...]:
    """In the constructor's order. The zero address stands for a version of Uniswap, or a feed, that is not used."""
    return (
        config.name,
        config.symbol,
        owner,
        config.uniswap.v2_factory or ZERO_ADDRESS,
        config.uniswap.v3_factory or ZERO_ADDRESS,
        config.sequencer_feed or ZERO_ADDRESS,
    )


def creation_code(config: FundConfig, owner: Address) -> bytes:
    """The treasury's creation code with its arguments."""
    treasury = artifact("Treasury")
    (constructor,) = treasury.entries("constructor")
    return treasury.bytecode + encode(input_types(constructor), constructor_arguments(config, owner))


def create2_address(salt: bytes, code: bytes) -> Address:
    """EIP-1014, through the proxy."""
    preimage = b"\xff" + bytes.fromhex(PROXY[2:]) + salt + keccak(code)
    return wire.checksummed(int.from_bytes(keccak(preimage)[12:]))


def create_address(deployer: Address, nonce: int) -> Address:
    """Of a plain creation: the last 20 bytes of the hash of RLP(deployer, nonce)."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8)
    coded = number if len(number) == 1 and nonce < 0x80 else bytes([0x80 + len(number)]) + number
    body = b"\x94" + bytes.fromhex(deployer[2:]) + coded
    return wire.checksummed(int.from_bytes(keccak(bytes([0xC0 + len(body)]) + body)[12:]))


def encode_call(function: str, arguments: tuple[Any, ...]) -> bytes:
    """Calldata of one of the treasury's functions. Raises ValueError for what does not fit its type."""
    entry = artifact("Treasury").entry("function", function)
    try:
        return selector(entry) + encode(input_types(entry), arguments)
    except EncodingError as error:
        raise ValueError(f"{function} cannot be encoded: {error}") from None
