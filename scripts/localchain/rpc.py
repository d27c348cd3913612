"""A small synchronous JSON-RPC client, and contract calls by their signature in words.

Signatures are written as `name(inputs)(outputs)`, for instance `balanceOf(address)(uint256)`; tuples nest.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import httpx
from eth_abi import abi
from eth_abi.grammar import parse
from eth_utils.crypto import keccak

Request = tuple[str, Sequence[Any]]


class RpcError(Exception):
    """The node refused a request; the message names the method."""


class Rpc:
    """One HTTP connection to one node."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        self.url = url
        self._http = httpx.Client(timeout=timeout)

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, *params: Any) -> Any:
        return self.batch([(method, params)])[0]

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Results in the order asked. Raises RpcError for the first request that was refused."""
        replies = self.try_batch(requests)
        for (method, _), reply in zip(requests, replies, strict=True):
            if isinstance(reply, RpcError):
                raise RpcError(f"{method}: {reply}")
        return replies

    def try_batch(self, requests: Sequence[Request]) -> list[Any]:
        """As `batch`, but a refusal is returned in its place as an RpcError."""
        if not requests:
            return []
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
            for number, (method, params) in enumerate(requests)
        ]
        try:
            replies = self._http.post(self.url, json=body).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise RpcError(f"{requests[0][0]}: no answer from {self.url} ({type(error).__name__})") from error
        if not isinstance(replies, list):  # one refusal of the whole, as of a request that is too large
            raise RpcError(f"{requests[0][0]} and {len(requests) - 1} more: {_result(replies)}")
        by_id = {reply["id"]: reply for reply in replies}
        return [_result(by_id[number]) for number in range(len(requests))]

    def view(self, to: str, signature: str, *args: Any, block: str = "latest") -> Any:
        """One `eth_call`; a single output comes bare, several as a tuple. A revert raises RpcError."""
        return self.views([(to, signature, args)], block)[0]

    def views(self, calls: Sequence[tuple[str, str, Sequence[Any]]], block: str = "latest") -> list[Any]:
        """Many `eth_call`s at one block in one round trip."""
        requests = [("eth_call", ({"to": to, "data": encode(sig, *args)}, block)) for to, sig, args in calls]
        return [decode(call[1], data) for call, data in zip(calls, self.batch(requests), strict=True)]


def _result(reply: dict[str, Any]) -> Any:
    if "error" in reply:
        error = reply["error"]
        return RpcError(f"{error.get('message', error)} {error.get('data') or ''}".strip())
    return reply.get("result")


def encode(signature: str, *args: Any) -> str:
    """Calldata as 0x-hex: selector and arguments."""
    name, inputs, _ = _parts(signature)
    types = _components(inputs)
    return "0x" + (keccak(text=name + inputs)[:4] + abi.encode(types, args)).hex()


def encode_arguments(types: str, *args: Any) -> bytes:
    """Arguments alone, as a constructor takes them: `types` is `(string,uint8)`."""
    return abi.encode(_components(types), args)


def decode(signature: str, data: str) -> Any:
    outputs = _components(_parts(signature)[2])
    values = abi.decode(outputs, bytes.fromhex(data[2:]))
    return values[0] if len(values) == 1 else values


@lru_cache(maxsize=256)
def _parts(signature: str) -> tuple[str, str, str]:
    """`f(uint8)(bool)` -> `f`, `(uint8)`, `(bool)`."""
    start = signature.index("(")
    depth = 0
    for end in range(start, len(signature)):
        depth += {"(": 1, ")": -1}.get(signature[end], 0)
        if depth == 0:
            return signature[:start], signature[start : end + 1], signature[end + 1 :] or "()"
    raise ValueError(f"unbalanced signature: {signature}")


@lru_cache(maxsize=256)
def _components(types: str) -> tuple[str, ...]:
    if types == "()":  # which the grammar does not know
        return ()
    return tuple(part.to_type_str() for part in parse(types).components)
