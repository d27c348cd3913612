"""What the chain says of tokens: of each its own answer, whatever the others are."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.token_answer import read_tokens
from keeper.adapters.ethereum.wire import Malformed
from keeper.core.index.candidates import Contract
from keeper.core.units import Address
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain

A, B, C = (Address("0x" + digit * 40) for digit in "123")
CODE = keccak(b"code")


def answer(*states: tuple[bool, int, bytes, bytes]) -> bytes:
    return encode(["(bool,uint8,bytes,bytes32)[]"], [states])


@pytest.mark.unit
def test_what_is_not_answered_is_none() -> None:
    raw = answer((True, 6, b"USDC", CODE), (False, 0, b"", keccak(b"")), (False, 9, b"\xff\x00 \n", bytes(32)))
    assert read_tokens(raw, [A, B, C]) == {
        A: Contract(A, has_code=True, decimals=6, symbol="USDC"),
        B: Contract(B, has_code=False, decimals=None, symbol=None),
        C: Contract(C, has_code=False, decimals=None, symbol="\ufffd"),
    }


@pytest.mark.unit
def test_a_symbol_is_one_line() -> None:
    (found,) = read_tokens(answer((True, 18, b"\x1b[2J" + b"x" * 500, CODE)), [A]).values()
    assert found.symbol is not None
    assert found.symbol.isprintable()
    assert len(found.symbol) == 64


@pytest.mark.unit
@pytest.mark.parametrize("raw", [b"", b"\x01", bytes(64), answer((True, 6, b"USDC", CODE))[:-32]])
def test_an_answer_that_is_off_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_tokens(raw, [A])
    with pytest.raises(Malformed):
        read_tokens(answer((True, 6, b"USDC", CODE)), [A, B])


@pytest.mark.adapter
@pytest.mark.xdist_group("ethereum")
async def test_tokens_contracts_accounts_and_nothing_in_one_request(local: LocalChain, chain: EthereumChain) -> None:
    tokens = {token.address: token for token in local.deployment.treasuries[0].tokens}
    feed, nothing = Address(local.deployment.native_feed), Address("0x00000000000000000000000000000000DeaDBeef")
    strangers = [Address(f"0x{number:040x}") for number in range(10**6, 10**6 + 60)]
    addresses = [*map(Address, tokens), feed, nothing, Address(accounts.KEEPER), *strangers]
    head = await chain.head()
    before = chain.requests
    found = await chain.tokens(head, addresses)
    assert chain.requests - before == 1, "more than one call's worth of addresses go in one batch"
    assert set(found) == set(addresses)
    for address, token in tokens.items():
        assert found[Address(address)] == Contract(Address(address), True, token.spec.decimals, token.symbol)
    assert found[feed].has_code
    assert found[feed].symbol is None
    for empty in (nothing, Address(accounts.KEEPER), *strangers):
        assert found[empty] == Contract(empty, has_code=False, decimals=None, symbol=None)
    assert await chain.tokens(head, []) == {}
    assert chain.requests - before == 1
