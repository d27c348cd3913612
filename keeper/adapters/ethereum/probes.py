"""Every function of a treasury that changes something, tried as somebody without sending anything."""

from collections.abc import Sequence
from typing import Any, Final

from eth_abi.abi import encode

from keeper.adapters.ethereum import reverts, wire
from keeper.adapters.ethereum.abi import Artifact, Entry, artifact, input_types, selector
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import Request
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.core.model import Block
from keeper.core.setup.handover import Probe
from keeper.core.units import ZERO_ADDRESS, Address

_READ_ONLY: Final = ("view", "pure")


def changing_functions(built: Artifact | None = None) -> list[Entry]:
    """From the ABI itself, so that none is forgotten: a function that comes with a new version is among them."""
    found = (built or artifact("Treasury")).entries("function")
    return [entry for entry in found if entry["stateMutability"] not in _READ_ONLY]


async def probe(node: SetupNode, treasury: Address, caller: Address, block: Block) -> tuple[Probe, ...]:
    """Each called with zeros and empty lists: who may not is refused before they are looked at."""
    entries = changing_functions()
    answers = await node.ask_all([_attempt(entry, treasury, caller, block) for entry in entries])
    return tuple(_probe(node, entry, answer) for entry, answer in zip(entries, answers, strict=True))


def _attempt(entry: Entry, treasury: Address, caller: Address, block: Block) -> Request[bytes]:
    data = selector(entry) + encode(input_types(entry), [_empty(argument) for argument in entry["inputs"]])
    call = {"from": caller, "to": treasury, "data": wire.hexed(data)}
    return Request("eth_call", [call, wire.at_hash(block.hash)], wire.data)


def _probe(node: SetupNode, entry: Entry, answer: bytes | RpcError) -> Probe:
    if not isinstance(answer, RpcError):
        return Probe(entry["name"], None, "the call would go through")
    revert = reverts.revert_of(answer)
    if revert is None:
        raise node.rpc.unavailable(f"{entry['name']} could not be tried: {answer.message}")
    return Probe(entry["name"], revert.guard, revert.detail)


def _empty(argument: Entry) -> Any:
    """Zero of an ABI type."""
    kind: str = argument["type"]
    if kind.endswith("[]"):
        return []
    if kind.endswith("]"):
        base, _, size = kind[:-1].rpartition("[")
        return [_empty({**argument, "type": base})] * int(size)
    return _zero(kind, argument.get("components", ()))


def _zero(kind: str, components: Sequence[Entry]) -> Any:
    if kind == "tuple":
        return tuple(_empty(component) for component in components)
    if kind == "address":
        return ZERO_ADDRESS
    if kind == "bool":
        return False
    if kind == "string":
        return ""
    return b"" if kind.startswith("bytes") else 0
