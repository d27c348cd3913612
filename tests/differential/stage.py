"""The stage on a chain: scripts of calls with what each must answer, played many at a time and compared to the unit."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from eth_utils.crypto import keccak

from scripts.localchain.anvil import ROOT
from tests.differential.terms import WORD, Refused


def words(*numbers: int) -> bytes:
    """Each as a word of 32 bytes; negative ones as two's complement. What does not fit raises, nothing is cut."""
    if any(not -WORD // 2 <= number < WORD for number in numbers):
        raise ValueError(f"a number of {numbers} does not fit a word")
    return b"".join((number % WORD).to_bytes(32, "big") for number in numbers)


def row(numbers: Sequence[int]) -> bytes:
    """A dynamic array: its length, then its items."""
    return words(len(numbers), *numbers)


@cache
def selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


@cache
def _errors() -> dict[str, bytes]:
    """Selectors of the treasury's errors by name, and of Solidity's own."""
    abi = json.loads((ROOT / "abis/Treasury.json").read_text())["abi"]
    errors = {
        e["name"]: selector(f"{e['name']}({','.join(i['type'] for i in e['inputs'])})")
        for e in abi
        if e["type"] == "error"
    }
    return errors | {"Panic": selector("Panic(uint256)")}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call gave: whether it succeeded, and the bytes."""

    success: bool
    data: bytes

    def words(self) -> list[int]:
        data = self.data if self.success else self.data[4:]
        return [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]

    def __str__(self) -> str:
        if self.success:
            return str(self.words())
        name = next((name for name, code in _errors().items() if code == self.data[:4]), self.data[:4].hex())
        return f"refused: {name}{tuple(self.words())}"


def returned(*numbers: int) -> Reply:
    return Reply(True, words(*numbers))


def listed(numbers: Sequence[int]) -> Reply:
    return Reply(True, words(32) + row(numbers))


def refused(error: Refused) -> Reply:
    return Reply(False, _errors()[error.name] + words(*error.arguments))


def expected(question: Callable[[], Reply]) -> Reply:
    """What the reference says, its refusals included."""
    try:
        return question()
    except Refused as error:
        return refused(error)


DONE = Reply(True, b"")


@dataclass(slots=True)
class Script:
    """Calls, each with a name and the reply that it must give. `story` is for the reader of a failure."""

    story: str
    calls: list[bytes] = field(default_factory=list)
    wanted: list[tuple[str, Reply | None]] = field(default_factory=list)

    def call(self, name: str, target: int, signature: str, arguments: bytes, wanted: Reply | None) -> None:
        """`wanted` None: it must succeed, whatever it returns."""
        self.calls.append(packed(target, selector(signature) + arguments))
        self.wanted.append((name, wanted))

    def data(self) -> bytes:
        return b"".join(self.calls)

    def differences(self, results: bytes) -> list[str]:
        """One line for each call that did not give what it must."""
        replies = list(unpacked(results))
        if len(replies) != len(self.wanted):
            return [f"{len(replies)} replies to {len(self.wanted)} calls"]
        return [
            difference
            for (name, wanted), found in zip(self.wanted, replies, strict=True)
            if (difference := _difference(name, wanted, found))
        ]


def _difference(name: str, wanted: Reply | None, found: Reply) -> str | None:
    if wanted is None:
        return None if found.success else f"{name}: {found}"
    if wanted == found:
        return None
    if wanted.success != found.success or len(wanted.data) != len(found.data) or not wanted.success:
        return f"{name}: the contract gave {found}, the reference {wanted}"
    pairs = enumerate(zip(found.words(), wanted.words(), strict=True))
    units = [f"word {at}: contract {f}, reference {w}, off by {f - w}" for at, (f, w) in pairs if f != w]
    return f"{name}: {'; '.join(units)}"


def packed(target: int, data: bytes) -> bytes:
    """One call of a script, as `DevStage` reads it."""
    return target.to_bytes(20, "big") + len(data).to_bytes(3, "big") + data


def unpacked(results: bytes) -> Iterator[Reply]:
    at = 0
    while at < len(results):
        length = int.from_bytes(results[at + 1 : at + 4], "big")
        yield Reply(results[at] == 1, results[at + 4 : at + 4 + length])
        at += 4 + length


def as_argument(data: bytes) -> bytes:
    """`bytes` as the only argument of a function, and as its only result."""
    return words(32, len(data)) + data + bytes(-len(data) % 32)


def from_result(data: bytes) -> bytes:
    length = int.from_bytes(data[32:64], "big")
    return data[64 : 64 + length]
