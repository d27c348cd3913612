"""Everything a cycle needs of the chain in one request: the Lens, put where it is not by a state override."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.adapters.ethereum import reverts, wire
from keeper.adapters.ethereum.abi import artifact, input_types, selector
from keeper.adapters.ethereum.lens_answer import LensAnswer, read_observation, read_symbols
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import JsonRpc, Request
from keeper.adapters.ethereum.token_answer import read_tokens
from keeper.core.index.candidates import Contract
from keeper.core.model import Block, Fund
from keeper.core.units import ZERO_ADDRESS, Address
from keeper.ports import AnotherBlock, Observation

T = TypeVar("T")

LENS_ADDRESS: Final = wire.checksummed(int.from_bytes(keccak(text="keeper.lens")[12:]))
"""Nobody has its key and nothing is deployed there."""

_FUNDS_PER_CALL: Final = 128
"""At first; fewer until the node runs them. A fund of 8 assets takes about 0.5 million gas, the largest 8 million;
nodes end a call at 30 to 50 million."""

_TOKENS_PER_CALL: Final = 48
"""Each read of a token is cut off at 0.3 million gas; there are two."""

_REFUSED_PARAMS: Final = frozenset({-32600, -32601, -32602})
_WETH: Final = keccak(text="WETH()")[:4]
_NO_CODE: Final = "answers as if state overrides were ignored: the Lens needs a provider that supports them"


class Lens:
    """Observes funds at a block. Remembers what never changes: symbols, and the router's wrapped coin."""

    def __init__(
        self,
        rpc: JsonRpc,
        chain_id: int,
        *,
        native_feed: Address | None = None,
        v2_router: Address | None = None,
    ) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._native_feed = native_feed or ZERO_ADDRESS
        self._v2_router = v2_router
        self._wrapped_native: Address | None = None
        self._symbols: dict[Address, str] = {}
        self._funds_per_call = _FUNDS_PER_CALL
        self._override: Final = {LENS_ADDRESS: {"code": wire.hexed(artifact("Lens").runtime)}}

    def learn(self, symbols: Mapping[Address, str]) -> None:
        """What tokens call themselves, so that it need not be asked."""
        self._symbols |= symbols

    async def observe(self, block: Block, funds: Sequence[Fund]) -> Observation:
        """One request, besides a second one in which tokens that were never met are asked for their symbols."""
        raws, groups = await self._look(block, funds)
        answers = self._read(block, raws, groups)
        unknown = {a.token for answer in answers for t in answer.treasuries if t for a in t.assets if not a.symbol}
        if unknown:
            self._symbols |= await self._ask_symbols(block, sorted(unknown))
            answers = self._read(block, raws, groups)
        return Observation(
            chain_id=self._chain_id,
            block=block,
            native=answers[0].native,
            wrapped_native=self._wrapped_native,
            treasuries=tuple(treasury for answer in answers for treasury in answer.treasuries),
        )

    async def tokens(self, block: Block, tokens: Collection[Address]) -> dict[Address, Contract]:
        """What is at each of these addresses, in one request; none for no addresses."""
        return await self._ask_tokens(block, sorted(set(tokens)), read_tokens) if tokens else {}

    async def _look(self, block: Block, funds: Sequence[Fund]) -> tuple[list[bytes], list[Sequence[Fund]]]:
        """Raw answers, one for each group of funds, all in one batch."""
        router = self._v2_router if self._wrapped_native is None else None
        while True:
            size = min(self._funds_per_call, max(1, len(funds)))
            groups = [funds[i : i + size] for i in range(0, len(funds), size)] or [funds]
            requests = [self._call(block, self._observation(group)) for group in groups]
            if router is not None:
                requests.append(_wrapped_native_request(router, block))
            items = await self._rpc.try_batch(requests)
            if size > 1 and any(_starved(item) for item in items):
                # Uncommonly long lists of assets, or a node with a low limit. Remembered, so it costs one cycle.
                # One call more, all of like size: so the first that works are the fewest that this node runs.
                calls = -(-len(funds) // size) + 1
                self._funds_per_call = min(size - 1, -(-len(funds) // calls))
                continue
            raws = [self._answer(item) for item in items[: len(groups)]]
            if router is not None:
                self._wrapped_native = self._router_answer(router, items[-1])
            return raws, groups

    def _read(self, block: Block, raws: list[bytes], groups: list[Sequence[Fund]]) -> list[LensAnswer]:
        try:
            answers = [
                read_observation(raw, [fund.treasury for fund in group], self._symbols)
                for raw, group in zip(raws, groups, strict=True)
            ]
        except wire.Malformed as fault:
            raise self._rpc.unavailable(f"eth_call: {fault}") from None
        for answer in answers:
            self._check_place(answer, block)
        return answers

    def _check_place(self, answer: LensAnswer, block: Block) -> None:
        """Behind a load balancer the block may come from one node and the call be run by another, elsewhere."""
        if answer.chain_id != self._chain_id:
            raise self._rpc.unavailable(f"the node is on chain {answer.chain_id}, not on {self._chain_id}")
        if (answer.block_number, answer.timestamp) != (block.number, block.timestamp):
            outage = self._rpc.unavailable(
                f"eth_call: ran at block {answer.block_number} (time {answer.timestamp}), "
                f"not at the block asked for, {block.number} (time {block.timestamp})"
            )
            raise AnotherBlock(str(outage))

    async def _ask_symbols(self, block: Block, tokens: Sequence[Address]) -> dict[Address, str]:
        return await self._ask_tokens(block, tokens, read_symbols)

    async def _ask_tokens(
        self, block: Block, tokens: Sequence[Address], read: Callable[[bytes, Sequence[Address]], dict[Address, T]]
    ) -> dict[Address, T]:
        """In one request; a call in it for each group of tokens."""
        groups = [tokens[i : i + _TOKENS_PER_CALL] for i in range(0, len(tokens), _TOKENS_PER_CALL)]
        items = await self._rpc.try_batch([self._call(block, _tokens_calldata(group)) for group in groups])
        found: dict[Address, T] = {}
        for item, group in zip(items, groups, strict=True):
            try:
                found |= read(self._answer(item), group)
            except wire.Malformed as fault:
                raise self._rpc.unavailable(f"eth_call: {fault}") from None
        return found

    def _call(self, block: Block, calldata: str) -> Request[bytes]:
        call = {"to": LENS_ADDRESS, "data": calldata}
        return Request("eth_call", [call, wire.at_hash(block.hash), self._override], wire.data)

    def _observation(self, funds: Sequence[Fund]) -> str:
        return _observe_calldata(tuple((fund.treasury, fund.signer) for fund in funds), self._native_feed)

    def _answer(self, item: bytes | RpcError) -> bytes:
        if isinstance(item, bytes):
            if not item:
                raise self._rpc.unavailable(f"eth_call: {_NO_CODE}")
            return item
        if item.code in _REFUSED_PARAMS:
            raise self._rpc.unavailable(f"eth_call with a state override was refused: {item.message}")
        revert = reverts.revert_of(item)
        raise self._rpc.unavailable(f"eth_call of the Lens: {item.message if revert is None else revert.detail}")

    def _router_answer(self, router: Address, item: bytes | RpcError) -> Address:
        if isinstance(item, bytes) and len(item) == 32 and not any(item[:12]):
            return wire.checksummed(int.from_bytes(item))
        raise self._rpc.unavailable(f"UNISWAP_V2_ROUTER {router} does not answer WETH() as a router would")


@lru_cache(maxsize=64)
def _observe_calldata(queries: tuple[tuple[Address, Address], ...], native_feed: Address) -> str:
    """Encoded once for each set of funds: the same question is asked at every block."""
    entry = artifact("Lens").entry("function", "observe")
    return wire.hexed(selector(entry) + encode(input_types(entry), (queries, native_feed)))


def _tokens_calldata(tokens: Sequence[Address]) -> str:
    entry = artifact("Lens").entry("function", "tokens")
    return wire.hexed(selector(entry) + encode(input_types(entry), (tokens,)))


def _wrapped_native_request(router: Address, block: Block) -> Request[bytes]:
    return Request("eth_call", [{"to": router, "data": wire.hexed(_WETH)}, wire.at_hash(block.hash)], wire.data)


def _starved(item: bytes | RpcError) -> bool:
    if not isinstance(item, RpcError):
        return False
    revert = reverts.revert_of(item)
    return revert is not None and revert.guard in ("Starved", "OutOfGas")
