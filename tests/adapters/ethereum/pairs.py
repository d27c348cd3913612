"""Two providers of one chain, for tests of what asks the second when the first does not answer."""

from dataclasses import dataclass
from typing import Any

import pytest

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.endpoints import Endpoints
from keeper.adapters.ethereum.rpc import Request
from keeper.core.units import Address
from keeper.ports import ChainUnavailable
from tests.adapters.ethereum.fake_node import (
    Answers,
    FakeNode,
    answering,
    saying,
)

KEY = "Zr7s3cretApiKey9"
TIMEOUT = 1.6
SIGNER = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
BALANCE: Request[int] = Request("eth_getBalance", [SIGNER, "latest"], wire.quantity)
LOGS: Request[object] = Request("eth_getLogs", [{}], lambda value: value)


def header(number: int) -> dict[str, str]:
    return {
        "number": hex(number),
        "hash": f"0x{number:064x}",
        "parentHash": f"0x{number - 1:064x}",
        "timestamp": hex(1_000 + 12 * number),
        "baseFeePerGas": "0x7",
    }


def well(balance: int, head: int = 100, **more: Any) -> Answers:
    return {
        "eth_chainId": "0x1",
        "eth_getBalance": hex(balance),
        "eth_getBlockByNumber": lambda number, _: header(head if number == "latest" else int(number, 16)),
        **more,
    }


@dataclass(slots=True)
class Pair:
    """Two providers of one chain; `first` is RPC_URL. They differ in what they say the balance is: 1 and 2."""

    first: FakeNode
    second: FakeNode
    chain: EthereumChain

    async def balance(self) -> int:
        return await self.chain.rpc.ask(BALANCE)

    def asked(self, node: FakeNode, method: str = "eth_getBalance") -> int:
        flat = [one for body in node.bodies for one in (body if isinstance(body, list) else [body])]
        return sum(one["method"] == method for one in flat)


@dataclass(slots=True)
class Clock:
    """Of the pauses; what takes time on the wire runs on the event loop's."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Paused:
    """The same two providers, and a clock that a test moves."""

    pair: Pair
    clock: Clock
    endpoints: Endpoints

    async def balance(self) -> int:
        return await self.endpoints.ask(BALANCE)

    async def fails(self) -> bool:
        """Nobody answers. Whether the first was asked at all."""
        self.pair.first.respond = self.pair.second.respond = saying("", 500)
        before = len(self.pair.first.bodies)
        with pytest.raises(ChainUnavailable):
            await self.balance()
        self.pair.second.respond = answering(well(2))
        return len(self.pair.first.bodies) > before
