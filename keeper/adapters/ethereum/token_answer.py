"""The Lens's answer about tokens, as the index wants it: what each contract says of itself, or that it says nothing."""

from collections.abc import Sequence
from typing import Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from keeper.adapters.ethereum.wire import Malformed
from keeper.adapters.foreign import printable
from keeper.core.index.candidates import Contract
from keeper.core.units import Address

_NO_CODE: Final = frozenset({bytes(32), keccak(b"")})
"""Code hashes of an address that does not exist, and of an account."""
_SYMBOL_LENGTH: Final = 64


def read_tokens(raw: bytes, tokens: Sequence[Address]) -> dict[Address, Contract]:
    """Of each token that was asked about. Raises Malformed."""
    try:
        # `bytes` where the ABI says `string`: one token whose symbol is no UTF-8 must not cost the others their answer.
        (states,) = decode(["(bool,uint8,bytes,bytes32)[]"], raw)
    except DecodingError:
        raise Malformed("tokens that do not decode") from None
    if len(states) != len(tokens):
        raise Malformed("an answer about other tokens")
    return {
        token: Contract(
            address=token,
            has_code=codehash not in _NO_CODE,
            decimals=decimals if ok else None,
            symbol=printable(symbol.decode(errors="replace"), _SYMBOL_LENGTH) or None,
        )
        for token, (ok, decimals, symbol, codehash) in zip(tokens, states, strict=True)
    }
