"""Built contracts by name: ABI and bytecode, from the wheel or from a checkout."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from eth_typing import ABIElement, ABIEvent
from eth_utils.abi import event_abi_to_log_topic, function_abi_to_4byte_selector, get_abi_input_types

import keeper

Entry = dict[str, Any]
"""One function, event or error of an ABI, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What the compiler made of one contract. `runtime` is the code that sits at its address."""

    name: str
    abi: tuple[Entry, ...]
    bytecode: bytes
    runtime: bytes

    def entry(self, kind: str, name: str) -> Entry:
        """The only function, event or error of that name. KeyError when there is none or more than one."""
        found = [entry for entry in self.abi if entry["type"] == kind and entry.get("name") == name]
        if len(found) != 1:
            raise KeyError(f"{self.name} has {len(found)} of {kind} {name}")
        return found[0]

    def entries(self, kind: str) -> list[Entry]:
        return [entry for entry in self.abi if entry["type"] == kind]


@cache
def artifact(name: str) -> Artifact:
    """Read once per process. FileNotFoundError when the contract was not built."""
    document = json.loads((_folder() / f"{name}.json").read_text(encoding="utf-8"))
    return Artifact(
        name=document["contract"],
        abi=tuple(document["abi"]),
        bytecode=bytes.fromhex(document["bytecode"].removeprefix("0x")),
        runtime=bytes.fromhex(document["deployedBytecode"].removeprefix("0x")),
    )


def selector(entry: Entry) -> bytes:
    """First 4 bytes of the signature's hash: of a function or an error."""
    return bytes(function_abi_to_4byte_selector(cast(ABIElement, entry)))


def topic(event: Entry) -> bytes:
    """Hash of an event's signature: its first topic."""
    return bytes(event_abi_to_log_topic(cast(ABIEvent, event)))


def input_types(entry: Entry) -> Sequence[str]:
    """Canonical types of the arguments, tuples spelled out."""
    return get_abi_input_types(cast(ABIElement, entry))


def input_names(entry: Entry) -> list[str]:
    return [str(argument["name"]) for argument in entry["inputs"]]


def _folder() -> Traversable:
    """`abis` inside the installed package; beside the package in a checkout, where nothing copies it."""
    packaged = files(keeper) / "abis"
    return packaged if packaged.is_dir() else Path(keeper.__file__).parents[1] / "abis"
