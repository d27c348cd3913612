"""A small chain: blocks by simulated time, a pool, nonces, receipts, and treasuries that change when a block says so.

Tests change the world (a deposit arrives, the node falls silent, blocks are reorganised), not the answers to calls.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256

from keeper.core.index.candidates import Contract
from keeper.core.ledger import Call, Receipt
from keeper.core.model import Block, FeedAnswer, Fund, Treasury
from keeper.core.replies import ReplyKind
from keeper.core.units import ZERO_ADDRESS, Address, Hash32, Timestamp, Wei
from keeper.ports import Account, ChainUnavailable, Observation, Reply, Simulated, SimulatedRevert
from tests import factories
from tests.fakes import treasury as contract
from tests.fakes.blocks import GAS_USED, Mined, State, run
from tests.fakes.clock import FakeClock
from tests.fakes.moments import Moments, never
from tests.fakes.pool import Sending, refusal, take
from tests.fakes.signer import Transaction

CHAIN_ID = 31_337
GENESIS = 100
BLOCK_SECONDS = 12
FINALITY = 4
BASE_FEE, TIP = Wei(10**10), Wei(10**9)


@dataclass
class FakeChain:
    """`requests` counts what was asked, by method; `wire` is every byte string that reached the node.

    `down` is why the node does not answer, `silent` holds methods and treasuries about which it never says anything.
    `stalled`: no blocks come. `congested`: they come without transactions. `hides_receipts`: the index lags behind
    the blocks. `refusing` are treasuries that revert for a reason no keeper can see, by the error's name. `relay` is
    what a private relay says of every transaction.
    """

    clock: FakeClock
    treasuries: Iterable[Treasury]
    moments: Moments = field(default_factory=Moments)
    base_fee: Wei = BASE_FEE
    tip: Wei = TIP
    down: str | None = None
    silent: set[str] = field(default_factory=set)
    stalled: bool = False
    congested: bool = False
    hides_receipts: bool = False
    refusing: dict[Address, str] = field(default_factory=dict)
    relay: str | None = None
    contracts: dict[Address, Contract] = field(default_factory=dict)
    feeds_stopped_at: Timestamp | None = None
    state_kept_from: int = 0
    sending: deque[Sending] = field(default_factory=deque)
    witness: Callable[[bytes], None] | None = None
    requests: Counter[str] = field(default_factory=Counter)
    wire: list[bytes] = field(default_factory=list)
    pool: dict[tuple[Address, int], Transaction] = field(default_factory=dict)
    blocks: list[Mined] = field(default_factory=list)
    forks: int = 0
    _coming: list[Callable[[Treasury], Treasury]] = field(default_factory=list)

    def __post_init__(self) -> None:
        genesis = factories.block(number=GENESIS, hash=factories.hash32(GENESIS))
        self.blocks.append(Mined(genesis, State({item.address: item for item in self.treasuries})))

    # ------------------------------------------------------------------------------ what the world does

    def alter(self, address: Address, change: Callable[[Treasury], Treasury]) -> None:
        """Somebody else changes a treasury, its pools or its feeds, in the next block before any transaction."""
        self._coming.append(lambda item: change(item) if item.address == address else item)

    def drain(self, account: Address, left: int = 0) -> None:
        """At once: the newest block is as if it had happened in it."""
        state = replace(self.state, balances={**self.state.balances, account: left})
        self.blocks[-1] = replace(self.blocks[-1], state=state)

    def foreign(self, sender: Address) -> Transaction:
        """Another program with the same key takes its next nonce, and outbids what waits there."""
        nonce = self.state.nonce(sender)
        other = Transaction(sender, nonce, 21_000, Wei(10**12), Wei(10**11), CHAIN_ID, None)
        self.pool[sender, nonce] = other
        return other

    def forget(self) -> None:
        """The pool is evicted."""
        self.pool.clear()

    def mine(self, count: int = 1) -> None:
        """Blocks ahead of their time."""
        for _ in range(count):
            self._mine(self.blocks[-1].block.timestamp + BLOCK_SECONDS)

    def reorganise(self, depth: int, *, included_again: bool = False) -> None:
        """The newest `depth` blocks are replaced. Their transactions wait in the pool, or are in the last new one."""
        undone = self.blocks[-depth:]
        del self.blocks[-depth:]
        self.forks += 1
        for mined in undone:
            for transaction in mined.transactions:
                self.pool[transaction.sender, transaction.nonce] = transaction
        for mined in undone:
            self._mine(mined.block.timestamp, empty=not (included_again and mined is undone[-1]))

    @property
    def state(self) -> State:
        return self.blocks[-1].state

    def treasury(self, address: Address) -> Treasury:
        self._catch_up()
        return self.state.treasuries[address]

    def mined(self, sender: Address) -> list[Transaction]:
        """Everything of that sender in the canonical chain."""
        self._catch_up()
        return [item for mined in self.blocks for item in mined.transactions if item.sender == sender]

    # ---------------------------------------------------------------------------------------- the port

    async def chain_id(self) -> int:
        async with self._asked("chain_id"):
            return CHAIN_ID

    async def code_at(self, address: Address) -> bytes:
        async with self._asked("code_at"):
            return b"code" if address in self.state.treasuries else b""

    async def head(self) -> Block:
        async with self._asked("head"):
            return self.blocks[-1].block

    async def block(self, number: int) -> Block | None:
        async with self._asked("block"):
            return next((mined.block for mined in self.blocks if mined.block.number == number), None)

    async def blocks_at(self, numbers: Collection[int]) -> dict[int, Block | None]:
        async with self._asked("blocks_at"):
            found = {mined.block.number: mined.block for mined in self.blocks}
            return {number: found.get(number) for number in numbers}

    async def finalized(self) -> int:
        async with self._asked("finalized"):
            return max(GENESIS, self.blocks[-1].block.number - FINALITY)

    async def observe(self, block: Block, funds: Sequence[Fund]) -> Observation:
        async with self._asked("observe"):
            mined = self._at(block)
            return Observation(
                chain_id=CHAIN_ID,
                block=block,
                native=self._fresh(factories.answer(3_000), block.timestamp),
                wrapped_native=ZERO_ADDRESS,
                treasuries=tuple(self._seen(mined, fund) for fund in funds),
            )

    async def tokens(self, block: Block, addresses: Collection[Address]) -> dict[Address, Contract]:
        async with self._asked("tokens"):
            self._at(block)
            nothing = Contract(ZERO_ADDRESS, has_code=False, decimals=None, symbol=None)
            return {at: self.contracts.get(at, replace(nothing, address=at)) for at in addresses}

    async def rehearse(self, call: Call, signer: Address, at: Block) -> tuple[Simulated | SimulatedRevert, Account]:
        async with self._asked("rehearse", call.to):
            try:
                self._execute(call, signer, self._at(at).state, at.timestamp)
            except contract.Reverted as revert:
                return SimulatedRevert(revert.guard, revert.detail), self._account(signer)
            return Simulated(GAS_USED), self._account(signer)

    async def account(self, signer: Address) -> Account:
        async with self._asked("account"):
            return self._account(signer)

    async def accounts(self, signers: Sequence[Address]) -> list[Account]:
        async with self._asked("accounts"):
            return [self._account(signer) for signer in signers]

    async def send(self, raw: bytes) -> Reply:
        try:
            async with self._asked("send"):
                return self._sent(raw)
        except ChainUnavailable as outage:
            return Reply(f"no reply: {outage}", ReplyKind.UNKNOWN)

    async def receipts(self, tx_hashes: Sequence[Hash32], treasury: Address) -> list[Receipt | None]:
        async with self._asked("receipts"):
            return [self._receipt(tx_hash) for tx_hash in tx_hashes]

    async def spent_elsewhere(self, signer: Address, nonce: int, tx_hashes: Sequence[Hash32]) -> bool:
        async with self._asked("spent_elsewhere"):
            final = max(0, len(self.blocks) - 1 - FINALITY)
            spent = self.blocks[final].state.nonce(signer) > nonce
            return spent and not any(self._receipt(tx_hash) for tx_hash in tx_hashes)

    async def relay_status(self, tx_hash: Hash32) -> str | None:
        return self.relay

    # ----------------------------------------------------------------------------------------- details

    @asynccontextmanager
    async def _asked(self, method: str, about: str = "") -> AsyncIterator[None]:
        await self.moments.pass_(f"before {method}")
        self.requests[method] += 1
        if self.silent & {method, about}:
            await never()
        if self.down is not None:
            raise ChainUnavailable(self.down)
        self._catch_up()
        yield
        await self.moments.pass_(f"after {method}")

    def _catch_up(self) -> None:
        while not self.stalled and (due := self.blocks[-1].block.timestamp + BLOCK_SECONDS) <= self.clock.timestamp():
            self._mine(due)

    def _at(self, block: Block) -> Mined:
        found = next((mined for mined in self.blocks if mined.block.hash == block.hash), None)
        if found is None:
            raise ChainUnavailable(f"the node does not know block {block.hash}")
        if block.number < self.state_kept_from:
            raise ChainUnavailable(f"the node no longer has the state of block {block.number}")
        return found

    def _seen(self, mined: Mined, fund: Fund) -> Treasury | None:
        found = mined.state.treasuries.get(fund.treasury)
        if found is None:
            return None
        assets = tuple(
            replace(asset, answer=asset.answer and self._fresh(asset.answer, mined.block.timestamp))
            for asset in found.assets
        )
        return replace(
            found,
            assets=assets,
            keeper_balance=Wei(mined.state.balance(fund.signer)),
            budgets=contract.budgets_at(found, mined.block.timestamp),
        )

    def _fresh(self, answer: FeedAnswer, now: int) -> FeedAnswer:
        """Feeds are updated all the time, until they stop."""
        newest = now - 30 if self.feeds_stopped_at is None else min(now - 30, self.feeds_stopped_at)
        return replace(answer, updated_at=Timestamp(newest))

    def _account(self, signer: Address) -> Account:
        nonce = pending = self.state.nonce(signer)
        while (signer, pending) in self.pool:
            pending += 1
        return Account(nonce, pending, Wei(self.state.balance(signer)), self.tip)

    def _receipt(self, tx_hash: Hash32) -> Receipt | None:
        if self.hides_receipts:
            return None
        return next((mined.receipts[tx_hash] for mined in self.blocks if tx_hash in mined.receipts), None)

    def _sent(self, raw: bytes) -> Reply:
        if self.witness is not None:
            self.witness(raw)
        fate = self.sending.popleft() if self.sending else None
        if fate is Sending.REQUEST_LOST:
            raise ChainUnavailable("the request was lost")
        self.wire.append(raw)
        if fate is Sending.REFUSED:
            return refusal("rejected")
        reply = take(Transaction.of(raw), self.pool, self.state)
        if fate is Sending.REPLY_LOST:
            raise ChainUnavailable("the reply was lost")
        return refusal("internal error") if fate is Sending.MISREPORTED else reply

    def _mine(self, timestamp: int, *, empty: bool = False) -> None:
        parent = self.blocks[-1].block
        number = parent.number + 1
        seed = f"{parent.hash} {number} {self.forks}".encode()
        block = Block(number, Hash32("0x" + sha256(seed).hexdigest()), parent.hash, Timestamp(timestamp), self.base_fee)
        changes, self._coming = self._coming, []
        state = self.state
        for change in changes:
            state = replace(state, treasuries={at: change(item) for at, item in state.treasuries.items()})
        chosen: list[Transaction] = []
        receipts: dict[Hash32, Receipt] = {}
        while not (empty or self.congested) and (transaction := self._next(state)) is not None:
            del self.pool[transaction.sender, transaction.nonce]
            state, receipts[transaction.hash] = run(transaction, state, block, len(chosen), self._execute)
            chosen.append(transaction)
        self.blocks.append(Mined(block, state, tuple(chosen), receipts))

    def _next(self, state: State) -> Transaction | None:
        for transaction in self.pool.values():
            if transaction.nonce == state.nonce(transaction.sender) and transaction.max_fee >= self.base_fee:
                return transaction
        return None

    def _execute(
        self, call: Call, sender: Address, state: State, now: Timestamp
    ) -> contract.Rebalanced | contract.Reweighted:
        if call.to in self.refusing:
            raise contract.Reverted(self.refusing[call.to], "the treasury refuses")
        return contract.execute(state.treasuries[call.to], call, sender, now)
