"""Transactions that are sent one to a block at fixed times, and the gas that their receipts name."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from scripts.localchain.anvil import ROOT
from scripts.localchain.node import Node, Tx


class Meter:
    """Sends and notes down. Every block's time follows from the one before, so that no clock has a say."""

    def __init__(self, node: Node, now: int) -> None:
        self._node = node
        self.now = now
        self.gas: dict[str, int] = {}
        self.hashes: dict[str, str] = {}

    def measure(self, name: str, *txs: Tx) -> None:
        """The sum over `txs`, each in a block of its own: what one warms, the next one finds cold."""
        if name in self.gas:
            raise ValueError(f"{name} was measured already")
        receipts = [self.send(tx)[0] for tx in txs]
        self.gas[name] = sum(int(receipt["gasUsed"], 16) for receipt in receipts)
        self.hashes[name] = receipts[-1]["transactionHash"]

    def send(self, *txs: Tx) -> list[dict[str, Any]]:
        """In one block, a second after the newest."""
        self.now += 1
        return self._node.execute(txs, timestamp=self.now)

    def wait(self, seconds: int) -> None:
        self.now += seconds


def call(label: str, sender: str, to: str, contract: str, function: str, *args: object) -> Tx:
    """A call of a function of an artifact in `abis/`, with the types that stand there."""
    return Tx.call(label, sender, to, signature(contract, function), *args)


@cache
def signature(contract: str, function: str) -> str:
    """`name(inputs)(outputs)` as the artifact says."""
    entries = [e for e in functions(contract) if e["name"] == function]
    if len(entries) != 1:
        raise ValueError(f"{contract} has {len(entries)} functions {function}")
    return function + _types(entries[0]["inputs"]) + _types(entries[0]["outputs"])


@cache
def functions(contract: str) -> list[dict[str, Any]]:
    abi = json.loads((ROOT / "abis" / f"{contract}.json").read_text())["abi"]
    return [entry for entry in abi if entry["type"] == "function"]


def _types(parameters: Sequence[dict[str, Any]]) -> str:
    return "(" + ",".join(map(_type, parameters)) + ")"


def _type(parameter: dict[str, Any]) -> str:
    kind: str = parameter["type"]
    return _types(parameter["components"]) + kind.removeprefix("tuple") if kind.startswith("tuple") else kind
