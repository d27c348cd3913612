"""`Node` of a set-up over JSON-RPC: estimates, batches of transactions, receipts."""

from collections.abc import Sequence
from typing import Any, Final

from keeper.adapters.ethereum import reverts, wire
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import Request, T
from keeper.core.model import Block
from keeper.core.setup.calls import Call, Mined, Sent
from keeper.core.units import Address, Hash32, Wei
from keeper.ports import Account, ChainUnavailable, SimulatedRevert

MOST: Final = 100
"""Requests of one batch: what every provider takes."""


class SetupNode:
    """The same node as the chain's, with what only a set-up asks of it."""

    def __init__(self, chain: EthereumChain) -> None:
        self.chain = chain
        self.rpc = chain.rpc

    async def head(self) -> Block:
        return await self.chain.head()

    async def account(self, signer: Address) -> Account:
        return await self.chain.account(signer)

    async def estimate(self, calls: Sequence[Call], sender: Address) -> list[int | SimulatedRevert]:
        answers = await self.ask_all(
            [Request("eth_estimateGas", [_parameters(call, sender)], wire.quantity) for call in calls]
        )
        return [self._revert(answer) or self.rpc.require(answer) for answer in answers]

    async def broadcast(self, raws: Sequence[bytes]) -> list[str]:
        """In one batch. A lost reply is not a lost transaction, so an outage here is a reply too."""
        requests = [Request("eth_sendRawTransaction", [wire.hexed(raw)], wire.hash32) for raw in raws]
        replies: list[str] = []
        for start in range(0, len(requests), MOST):
            chunk = requests[start : start + MOST]
            try:
                answers = await self.rpc.try_batch(chunk)
            except ChainUnavailable as outage:
                answers = [RpcError("eth_sendRawTransaction", 0, str(outage), None)] * len(chunk)
            replies += [f"error: {a.message}" if isinstance(a, RpcError) else "accepted" for a in answers]
        return replies

    async def outcomes(self, sent: Sequence[Sent]) -> list[Mined | None]:
        answers = await self.ask_all(
            [Request("eth_getTransactionReceipt", [one.hash], _mined_of(one.hash)) for one in sent]
        )
        return [self.rpc.require(answer) for answer in answers]

    async def nonce_at(self, signer: Address, block: int) -> int:
        return await self.rpc.ask(Request("eth_getTransactionCount", [signer, hex(block)], wire.quantity))

    async def why_reverted(self, sent: Sent) -> str | None:
        return await self.chain.revert_reason(sent.hash)

    async def genesis(self) -> Hash32 | None:
        """The hash of block 0: which of the chains with this id it is. None where a node does not keep it."""
        answer = await self.rpc.try_ask(Request("eth_getBlockByNumber", ["0x0", False], _block_hash))
        return None if isinstance(answer, RpcError) else answer

    async def ask_all(self, requests: Sequence[Request[T]]) -> list[T | RpcError]:
        """All of them, in batches that providers take."""
        answers: list[Any] = []
        for start in range(0, len(requests), MOST):
            answers += await self.rpc.try_batch(requests[start : start + MOST])
        return answers

    def _revert(self, answer: int | RpcError) -> SimulatedRevert | None:
        return reverts.revert_of(answer) if isinstance(answer, RpcError) else None


def _parameters(call: Call, sender: Address) -> dict[str, str]:
    to = {} if call.to is None else {"to": call.to}
    return {"from": sender, **to, "data": wire.hexed(call.data)}


def _block_hash(value: object) -> Hash32 | None:
    return None if value is None else wire.hash32(wire.field(wire.mapping(value), "hash"))


def _mined_of(tx_hash: Hash32) -> Any:
    def read(value: object) -> Mined | None:
        if value is None:
            return None
        receipt = wire.mapping(value)
        if wire.hash32(wire.field(receipt, "transactionHash")) != tx_hash:
            raise wire.Malformed("the receipt of another transaction")
        if receipt.get("blockNumber") is None:
            return None
        gas = wire.quantity(wire.field(receipt, "gasUsed"))
        l1_fee = receipt.get("l1Fee")
        created = receipt.get("contractAddress")
        return Mined(
            block=wire.quantity(receipt["blockNumber"]),
            succeeded=wire.quantity(wire.field(receipt, "status")) == 1,
            gas_used=gas,
            cost=Wei(
                gas * wire.quantity(wire.field(receipt, "effectiveGasPrice"))
                + (0 if l1_fee is None else wire.quantity(l1_fee))
            ),
            created=None if created is None else wire.address(created),
        )

    return read
