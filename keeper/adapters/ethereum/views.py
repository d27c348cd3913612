"""Questions to contracts by their signature in words, whose answers may be missing."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_abi.grammar import parse
from eth_utils.abi import function_signature_to_4byte_selector

from keeper.adapters.ethereum import reverts, wire
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import Request
from keeper.core.units import Address


def view(to: Address, signature: str, outputs: str, *arguments: Any, at: Any = "latest") -> Request[Any]:
    """`eth_call` at the newest block, or `at` another. The answer is the first output, a tuple of all when there are
    more, or None when what came does not decode: there is no such function, or no contract."""
    data = function_signature_to_4byte_selector(signature) + encode(
        _types(signature[signature.index("(") :]), arguments
    )
    types = _types(outputs)
    return Request("eth_call", [{"to": to, "data": wire.hexed(data)}, at], lambda value: _decoded(types, value))


def code(address: Address) -> Request[bytes]:
    return Request("eth_getCode", [address, "latest"], wire.data)


def said(answer: Any) -> Any:
    """An answer of a batch; None where the contract refused, or is none."""
    return None if isinstance(answer, RpcError) else answer


def reverted(answer: Any) -> bool:
    """The contract refused. An error of the node itself is something else."""
    return isinstance(answer, RpcError) and reverts.revert_of(answer) is not None


def _decoded(types: Sequence[str], value: object) -> Any:
    try:
        values = decode(types, wire.data(value))
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return None
    return values[0] if len(values) == 1 else values


@lru_cache(maxsize=64)
def _types(types: str) -> tuple[str, ...]:
    """`(address,uint24)` as its parts."""
    return () if types == "()" else tuple(part.to_type_str() for part in parse(types).components)
