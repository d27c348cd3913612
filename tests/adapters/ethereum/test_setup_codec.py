"""Addresses of contracts to be, against the RLP library and the vectors of EIP-1014."""

import pytest
import rlp  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.ethereum import setup_codec
from keeper.adapters.ethereum.abi import artifact
from keeper.adapters.ethereum.setup_codec import PROXY, create2_address, create_address, creation_code, encode_call
from keeper.core.units import ZERO_ADDRESS, Address
from tests.setup_factories import DEPLOYER, V2_FACTORY, V3_FACTORY, fund

pytestmark = pytest.mark.unit


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**64 - 2))
def test_plain_creation(deployer: bytes, nonce: int) -> None:
    expected = to_checksum_address(keccak(rlp.encode([deployer, nonce]))[12:])
    assert create_address(Address(to_checksum_address(deployer)), nonce) == expected


@pytest.mark.parametrize(
    ("proxy", "salt", "code", "expected"),
    [
        ("0x" + "00" * 20, "00" * 32, "00", "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"),
        ("0xdeadbeef" + "00" * 16, "00" * 32, "00", "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3"),
        ("0x" + "00" * 20, "00" * 32, "", "0xE33C0C7F7df4809055C3ebA6c09CFe4BaF1BD9e0"),
    ],
)
def test_create2(monkeypatch: pytest.MonkeyPatch, proxy: str, salt: str, code: str, expected: str) -> None:
    monkeypatch.setattr(setup_codec, "PROXY", proxy)
    assert create2_address(bytes.fromhex(salt), bytes.fromhex(code)) == expected


def test_constructor_arguments_follow_the_code() -> None:
    config = fund()
    code = creation_code(config, DEPLOYER)
    assert code.startswith(artifact("Treasury").bytecode)
    words = code[len(artifact("Treasury").bytecode) :]
    assert [words[32 * index + 12 : 32 * index + 32].hex() for index in range(2, 6)] == [
        one[2:].lower() for one in (DEPLOYER, V2_FACTORY, V3_FACTORY, ZERO_ADDRESS)
    ]
    assert b"Test Index" in words
    assert creation_code(config, V2_FACTORY) != code
    assert PROXY == "0x4e59b44847b379578588920cA78FbF26c0B4956C"


def test_what_does_not_fit_its_type_is_refused() -> None:
    with pytest.raises(ValueError, match="setTargets cannot be encoded"):
        encode_call("setTargets", ([2**16],))
