"""Batches as bytes: their addresses follow from the whole list, the treasury and who pays."""

from dataclasses import replace

import pytest
from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.adapters.ethereum.abi import artifact
from keeper.adapters.ethereum.airdrop import AirdropCodec, approve
from keeper.adapters.ethereum.setup_codec import PROXY, create2_address
from keeper.core.setup.airdrop import batches
from keeper.core.setup.investors import Investor, InvestorList
from keeper.core.units import Address, BaseUnits

pytestmark = pytest.mark.unit

TREASURY = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
PAYER = Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
PEOPLE = tuple(
    Investor(Address(to_checksum_address(f"0x{number:040x}")), BaseUnits(10**18 + number)) for number in range(1, 6)
)
LISTED = InvestorList(PEOPLE)


def addresses(listed: InvestorList = LISTED, treasury: Address = TREASURY, payer: Address = PAYER) -> list[Address]:
    drops = AirdropCodec(treasury, payer, listed).drops(batches(listed, 2))
    return [drop.address for drop in drops]


def test_create2_as_its_standard_has_it() -> None:
    """An example of EIP-1014 has another deployer: this one's is worked out as the standard says."""
    code = bytes.fromhex("00")
    expected = keccak(b"\xff" + bytes.fromhex(PROXY[2:]) + b"\x07" * 32 + keccak(code))[12:]
    assert create2_address(b"\x07" * 32, code) == to_checksum_address(expected)


def test_what_is_created_is_the_list() -> None:
    codec = AirdropCodec(TREASURY, PAYER, LISTED)
    (first, *_) = codec.drops(batches(LISTED, 2))
    call = codec.create(first, "pay", "batch 1")
    salt, code = call.data[:32], call.data[32:]
    built = artifact("Airdrop").bytecode
    assert call.to == PROXY
    assert salt.hex() == LISTED.digest[2:]
    assert code[: len(built)] == built
    assert create2_address(salt, code) == first.address
    token, payer, receivers, amounts = decode(["address", "address", "address[]", "uint256[]"], code[len(built) :])
    assert (to_checksum_address(token), to_checksum_address(payer)) == (TREASURY, PAYER)
    assert [to_checksum_address(receiver) for receiver in receivers] == [person.address for person in PEOPLE[:2]]
    assert list(amounts) == [person.shares for person in PEOPLE[:2]]


@pytest.mark.parametrize("changed", [0, 4])
def test_one_line_changed_moves_every_batch(changed: int) -> None:
    people = list(PEOPLE)
    people[changed] = replace(people[changed], shares=BaseUnits(people[changed].shares + 1))
    assert not set(addresses(InvestorList(tuple(people)))) & set(addresses())


def test_other_treasuries_and_other_payers_have_other_batches() -> None:
    assert len({*addresses(), *addresses(treasury=PAYER), *addresses(payer=TREASURY)}) == 9


def test_an_allowance() -> None:
    call = approve(TREASURY, PAYER, BaseUnits(7), "allow", "allow batch 1")
    assert call.data[:4] == keccak(text="approve(address,uint256)")[:4]
    assert decode(["address", "uint256"], call.data[4:]) == (PAYER.lower(), 7)
