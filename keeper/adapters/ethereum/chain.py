"""`Chain` over JSON-RPC: heads, observations, rehearsals, sending, receipts."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

from keeper.adapters.ethereum import reverts, sending, wire
from keeper.adapters.ethereum.endpoints import CHAIN_ID, Endpoints
from keeper.adapters.ethereum.lens import Lens
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.quorum import says_spent
from keeper.adapters.ethereum.receipts import read_receipt
from keeper.adapters.ethereum.rehearsal import rehearsal
from keeper.adapters.ethereum.relay import RelayStatus
from keeper.adapters.ethereum.rpc import Request, Rpc
from keeper.core.index.candidates import Contract
from keeper.core.ledger import Call, Receipt
from keeper.core.model import Block, Fund
from keeper.core.units import Address, Hash32, Wei
from keeper.ports import Account, ChainUnavailable, Observation, Reply, Simulated, SimulatedRevert

_METHOD_NOT_FOUND: Final = -32601
_NO_SUCH_METHOD: Final = ("not found", "not supported", "does not exist", "not available", "unknown method")


class EthereumChain:
    """The chain by one HTTP endpoint, or by several as one. Use as a context manager, or `close` at the end.

    `fallback_urls` answer what `url` does not. With `private_url` transactions go there and nowhere else, and
    `status_url` is where its relay tells of them. `finality` is how many blocks deep a block is final; None leaves it
    to the node's word. With `v2_router` the wrapped native coin is known too, with `native_feed` its price.
    """

    def __init__(
        self,
        url: str,
        chain_id: int,
        *,
        fallback_urls: Sequence[str] = (),
        private_url: str | None = None,
        status_url: str | None = None,
        finality: int | None = None,
        timeout_seconds: float = 8.0,
        native_feed: Address | None = None,
        v2_router: Address | None = None,
    ) -> None:
        self._rpc = Endpoints([url, *fallback_urls], chain_id, timeout_seconds)
        self._private = Rpc(private_url, timeout_seconds) if private_url else None
        self._relay = RelayStatus(status_url, timeout_seconds) if status_url else None
        self._chain_id = chain_id
        self._finality = finality
        self._lens = Lens(self._rpc, chain_id, native_feed=native_feed, v2_router=v2_router)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._rpc.close()
        if self._private is not None:
            await self._private.close()

    @property
    def rpc(self) -> Endpoints:
        """The way to the nodes, for adapters that ask more of them. What is sent here is not private."""
        return self._rpc

    @property
    def requests(self) -> int:
        """HTTP requests made so far; a batch is one."""
        return self._rpc.requests + (self._private.requests if self._private else 0)

    # ---------------------------------------------------------------------------------------------- reading

    async def chain_id(self) -> int:
        return await self._rpc.ask(CHAIN_ID)

    async def chain_ids(self) -> list[tuple[str, int | ChainUnavailable]]:
        """What each endpoint says by itself, by its origin and as configured. The private one comes last, where it
        answers such a question."""
        said = await self._rpc.chain_ids()
        if self._private is not None:
            with contextlib.suppress(ChainUnavailable):
                found = await self._private.ask(CHAIN_ID)
                said.append((self._private.origin, found))
        return said

    async def code_at(self, address: Address) -> bytes:
        """Runtime code at the newest block; empty when there is no contract."""
        return await self._rpc.ask(Request("eth_getCode", [address, "latest"], wire.data))

    async def head(self) -> Block:
        return await self._rpc.head()

    async def block(self, number: int) -> Block | None:
        """The canonical block at that height, None when there is none yet."""
        return await self._rpc.ask(_block_request(number))

    async def blocks_at(self, numbers: Collection[int]) -> dict[int, Block | None]:
        """The canonical blocks at those heights, in one request; None where there is none yet."""
        wanted = sorted(set(numbers))
        answers = await self._rpc.try_batch([_block_request(number) for number in wanted]) if wanted else []
        return {number: self._rpc.require(each) for number, each in zip(wanted, answers, strict=True)}

    async def finalized(self) -> int:
        """Height of the newest block that cannot go any more, as configured."""
        if self._finality is not None:
            return max(0, (await self.head()).number - self._finality)
        return (await self._rpc.ask(Request("eth_getBlockByNumber", ["finalized", False], wire.block))).number

    def learn_symbols(self, symbols: Mapping[Address, str]) -> None:
        """Those that the database knows; what is missing is asked of the tokens once, in a request more."""
        self._lens.learn(symbols)

    async def observe(self, block: Block, funds: Sequence[Fund]) -> Observation:
        return await self._lens.observe(block, funds)

    async def tokens(self, block: Block, addresses: Collection[Address]) -> Mapping[Address, Contract]:
        return await self._lens.tokens(block, addresses)

    async def account(self, signer: Address) -> Account:
        (account,) = await self.accounts([signer])
        return account

    async def accounts(self, signers: Sequence[Address]) -> list[Account]:
        """Of each, in one request."""
        asked = [_account_requests(signer) for signer in signers]
        answers = await self._rpc.try_batch([request for each in asked for request in each]) if asked else []
        return [
            await self._account(answers[first : first + len(asked[0])])
            for first in range(0, len(answers), len(asked[0]) if asked else 1)
        ]

    async def receipts(self, tx_hashes: Sequence[Hash32], treasury: Address) -> list[Receipt | None]:
        """Of each hash, in one request, and one or two more for each that reverted. None while it is not mined, and
        while a node that shows the block has not indexed it yet."""
        if not tx_hashes:
            return []
        answers = await self._rpc.try_batch([_receipt_request(tx_hash, treasury) for tx_hash in tx_hashes])
        return [await self._explained(self._rpc.require(answer)) for answer in answers]

    async def spent_elsewhere(self, signer: Address, nonce: int, tx_hashes: Sequence[Hash32]) -> bool:
        """Asked of every endpoint at once. One that does not answer, or not without an error, makes it False."""
        said = await self._rpc.every(
            lambda rpc: says_spent(rpc, self._chain_id, signer, nonce, tx_hashes, self._finality),
            "eth_getTransactionCount",
        )
        return all(answer is True for _, answer in said)

    async def relay_status(self, tx_hash: Hash32) -> str | None:
        return None if self._relay is None else await self._relay.of(tx_hash)

    async def revert_reason(self, tx_hash: Hash32) -> str | None:
        """What the call of a mined transaction says one block earlier.

        Best effort: what came before it in its block is not replayed, and None when the node does not say.
        """
        try:
            block, call = await self._rpc.ask(Request("eth_getTransactionByHash", [tx_hash], _as_call))
            again = await self._rpc.try_ask(Request("eth_call", [call, hex(block - 1)], wire.data))
        except ChainUnavailable:
            return None
        revert = reverts.revert_of(again) if isinstance(again, RpcError) else None
        return None if revert is None else revert.detail

    # ---------------------------------------------------------------------------------------------- acting

    async def rehearse(self, call: Call, signer: Address, at: Block) -> tuple[Simulated | SimulatedRevert, Account]:
        """Run `call` as the signer on top of block `at`, and look at the signer. One request."""
        gas, *account = await self._rpc.try_batch([rehearsal(call, signer, at), *_account_requests(signer)])
        revert = reverts.revert_of(gas) if isinstance(gas, RpcError) else None
        return revert or Simulated(gas=self._rpc.require(gas)), await self._account(account)

    async def send(self, raw: bytes) -> Reply:
        """To the private endpoint alone where there is one, else as `Endpoints.send` does."""
        if self._private is None:
            return await self._rpc.send(raw)
        try:
            return await sending.hand_over(self._private, raw)
        except ChainUnavailable as outage:
            return sending.lost(outage)

    # ---------------------------------------------------------------------------------------------- details

    async def _explained(self, receipt: Receipt | None) -> Receipt | None:
        if receipt is None or receipt.succeeded:
            return receipt
        return replace(receipt, revert_reason=await self.revert_reason(receipt.tx_hash))

    async def _account(self, answers: Sequence[Any]) -> Account:
        """From the answers to `_account_requests`. Only the tip has a substitute where a node lacks the method."""
        nonce, pending, balance, tip = answers
        if isinstance(tip, RpcError) and _lacks_method(tip):
            tip = await self._tip_by_gas_price()
        return Account(
            nonce=self._rpc.require(nonce),
            pending_nonce=self._rpc.require(pending),
            balance=Wei(self._rpc.require(balance)),
            tip=Wei(self._rpc.require(tip)),
        )

    async def _tip_by_gas_price(self) -> int:
        """What the node's all-in price leaves above the base fee."""
        price, head = await self._rpc.try_batch(
            [
                Request("eth_gasPrice", [], wire.quantity),
                Request("eth_getBlockByNumber", ["latest", False], wire.block),
            ]
        )
        head_block: Block = self._rpc.require(head)
        return max(0, int(self._rpc.require(price)) - head_block.base_fee)


def _account_requests(signer: Address) -> list[Request[Any]]:
    return [
        Request("eth_getTransactionCount", [signer, "latest"], wire.quantity),
        Request("eth_getTransactionCount", [signer, "pending"], wire.quantity),
        Request("eth_getBalance", [signer, "latest"], wire.quantity),
        Request("eth_maxPriorityFeePerGas", [], wire.quantity),
    ]


def _receipt_request(tx_hash: Hash32, treasury: Address) -> Request[Receipt | None]:
    return Request("eth_getTransactionReceipt", [tx_hash], lambda value: read_receipt(value, tx_hash, treasury))


def _block_request(number: int) -> Request[Block | None]:
    return Request("eth_getBlockByNumber", [hex(number), False], lambda value: _block_at(number, value))


def _block_at(number: int, value: object) -> Block | None:
    if value is None:
        return None
    block = wire.block(value)
    if block.number != number:
        raise wire.Malformed(f"block {block.number}, not {number}")
    return block


def _as_call(value: object) -> tuple[int, dict[str, Any]]:
    """The block of a mined transaction, and the parameters of an `eth_call` that repeats it."""
    sent = wire.mapping(value)
    to = sent.get("to")  # of a creation: none
    return wire.quantity(wire.field(sent, "blockNumber")), {
        "from": wire.address(wire.field(sent, "from")),
        **({} if to is None else {"to": wire.address(to)}),
        "data": wire.hexed(wire.data(wire.field(sent, "input"))),
        "gas": hex(wire.quantity(wire.field(sent, "gas"))),
        "value": hex(wire.quantity(wire.field(sent, "value"))),
    }


def _lacks_method(error: RpcError) -> bool:
    return error.code == _METHOD_NOT_FOUND or any(words in error.message.lower() for words in _NO_SUCH_METHOD)
