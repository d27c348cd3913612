"""What the application needs of the world. One Protocol per counterparty; implemented by adapters, bound in wiring."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from keeper.core.fees import FeeQuote
from keeper.core.holds import FinalPlace
from keeper.core.index.candidates import Contract
from keeper.core.index.states import IndexState
from keeper.core.ledger import (
    Alert,
    Attempt,
    AttemptKind,
    Call,
    CycleRecord,
    Execution,
    Intent,
    IntentState,
    Job,
    Receipt,
    Record,
    Settlement,
    SignerState,
)
from keeper.core.model import Block, FeedAnswer, Fund, PinnedPolicy, PlannedSwap, Treasury
from keeper.core.past import PoolPast, SeenPrices
from keeper.core.quotes import CoinId
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, Bps, Hash32, Timestamp, Wei


class ChainUnavailable(Exception):
    """The node did not answer, or not with what the protocol promises. The message is fit for an operator."""


class AnotherBlock(ChainUnavailable):
    """The node answered for another block than the one it was asked about: a moment later it may not."""


class BooksUnavailable(Exception):
    """The database could not be read or written (locked, full, gone). The message is fit for an operator."""


class NoBooks(BooksUnavailable):
    """There is no database yet, or one without tables: nothing was lost, nothing was written."""


class Fenced(BooksUnavailable):
    """Another keeper holds the lease on the database: this process may write nothing more, and ends."""


class SigningForbidden(Exception):
    """The books do not allow a transaction to be signed now: paused, breaker open, signer on hold, another nonce than
    the books know. Nothing was written. One line for an operator."""


class SignerUnavailable(Exception):
    """The key of a fund cannot be had. The message is fit for an operator."""


class Clock(Protocol):
    """Wall clock. Chain time comes with blocks."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look at the chain brought, all at one block. A treasury that did not answer is None."""

    chain_id: int
    block: Block
    native: FeedAnswer | None
    wrapped_native: Address | None
    treasuries: tuple[Treasury | None, ...]


@dataclass(frozen=True, slots=True)
class Simulated:
    """The call went through at that block; `gas` is what its transaction is charged before refunds."""

    gas: int


@dataclass(frozen=True, slots=True)
class SimulatedRevert:
    """The call would revert. `guard` is the treasury's error by name, or the node's words when it is not one."""

    guard: str
    detail: str


@dataclass(frozen=True, slots=True)
class Account:
    """A signer at the newest block. `tip` is what the node suggests; `base_fee` that of the newest block."""

    nonce: int
    pending_nonce: int
    balance: Wei
    tip: Wei


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said to a sending, in short, and what it means."""

    text: str
    kind: ReplyKind


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    raw: bytes
    hash: Hash32


class Chain(Protocol):
    """The node. Every method raises ChainUnavailable when it cannot say."""

    async def chain_id(self) -> int: ...
    async def code_at(self, address: Address) -> bytes: ...
    async def head(self) -> Block: ...
    async def observe(self, block: Block, funds: Sequence[Fund]) -> Observation: ...
    async def tokens(self, block: Block, addresses: Collection[Address]) -> Mapping[Address, Contract]:
        """What is at each of these addresses at that block, and what it says of itself as a token; in one request."""
        ...

    async def rehearse(self, call: Call, signer: Address, at: Block) -> tuple[Simulated | SimulatedRevert, Account]: ...
    async def account(self, signer: Address) -> Account: ...
    async def accounts(self, signers: Sequence[Address]) -> list[Account]:
        """Of each, in one request."""
        ...

    async def send(self, raw: bytes) -> Reply:
        """Hand the bytes over. Does not raise for a reply that never came: that is a reply too."""
        ...

    async def receipts(self, tx_hashes: Sequence[Hash32], treasury: Address) -> list[Receipt | None]:
        """Of each hash, in one request. None while it is not mined or not indexed."""
        ...

    async def spent_elsewhere(self, signer: Address, nonce: int, tx_hashes: Sequence[Hash32]) -> bool:
        """Whether every configured provider, without an error, says that the nonce is spent in a final block and that
        none of these transactions has a receipt."""
        ...

    async def relay_status(self, tx_hash: Hash32) -> str | None:
        """What the private relay says of a transaction, such as PENDING or FAILED; None where there is no relay, or it
        does not say. A hint: whatever it is, the bytes stay valid until their nonce is used. Never raises."""
        ...

    async def block(self, number: int) -> Block | None: ...
    async def blocks_at(self, numbers: Collection[int]) -> dict[int, Block | None]:
        """The canonical blocks at those heights, in one request; None where there is none."""
        ...

    async def finalized(self) -> int: ...


class TreasuryCodec(Protocol):
    """The treasury's ABI."""

    def rebalance(
        self,
        treasury: Address,
        swaps: Sequence[PlannedSwap],
        treasury_id: int,
        deadline: Timestamp,
        decision: Hash32,
    ) -> Call: ...

    def set_targets(self, treasury: Address, targets: Sequence[Bps], deadline: Timestamp) -> Call: ...


class Signable(Protocol):
    """What of a call is signed. Without `to` it creates a contract."""

    @property
    def to(self) -> Address | None: ...
    @property
    def data(self) -> bytes: ...


class Signer(Protocol):
    """A key that signs for one address on one chain, and never leaves its adapter."""

    @property
    def address(self) -> Address: ...

    def sign(
        self, call: Signable, *, nonce: int, gas_limit: int, max_fee: Wei, max_tip: Wei, chain_id: int
    ) -> SignedTransaction: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """Of an attempt: `signed_at` is chain time."""

    nonce: int
    fees: FeeQuote
    kind: AttemptKind
    signed_at: Timestamp


class Lease(Protocol):
    """The right to write as the only keeper of a database. Held for so long as it is renewed."""

    @property
    def lost(self) -> str | None:
        """Why it is another's now, or None."""
        ...

    def held(self) -> bool:
        """False once its renewal is overdue by our own clock: nothing may be sent any more."""
        ...


class Books(Protocol):
    """The database. Every method is one transaction and raises BooksUnavailable when it cannot be had."""

    async def funds(self) -> list[Fund]: ...
    async def jobs(self) -> dict[int, Job]: ...
    async def policy(self, fund_id: int) -> PinnedPolicy: ...

    async def policies(self) -> dict[int, PinnedPolicy]:
        """The newest version of every fund's policy, by fund id."""
        ...

    async def known_code(self) -> dict[Address, Hash32]: ...
    async def symbols(self) -> dict[Address, str]: ...
    async def coins(self) -> dict[Address, CoinId]:
        """Which of a provider's coins a token is; without those of which nobody said it."""
        ...

    async def pool_past(self, at: Timestamp) -> dict[Address, PoolPast]:
        """What earlier cycles saw of V2 pairs, as of that chain time."""
        ...

    async def seen_prices(self, at: Timestamp) -> dict[int, list[SeenPrices]]:
        """What cycles of the two hours before that chain time valued their assets by, by fund, oldest first."""
        ...

    async def remember_tokens(self, tokens: Sequence[tuple[Address, str, int, Hash32 | None]]) -> None: ...
    async def index_states(self) -> dict[int, IndexState]:
        """Of every fund that has a methodology, by fund id: its newest version, and its last look at the market."""
        ...

    async def chain_head(self) -> Hash32: ...

    async def commit_cycle(self, cycle: CycleRecord) -> int | None:
        """Journal records, decision, prices, allocations, job, alerts and intent at once. Returns the intent's id."""
        ...

    async def open_intents(self, signer: Address | None = None) -> list[Intent]: ...
    async def intent(self, intent_id: int) -> Intent: ...

    async def save_attempt(self, intent_id: int, signed: SignedTransaction, terms: Terms, reason: str) -> Attempt:
        """Nonce, raw bytes and hash in one transaction, before any byte leaves. The first makes the intent SIGNED.

        Raises SigningForbidden where that is not allowed now: a first attempt of a fund that is paused or whose
        breaker is open, of a signer on hold, or with another nonce than the books expect.
        """
        ...

    async def mark_sent(self, attempt_id: int, sent_at: datetime, reply: Reply, outcome: Record) -> None:
        """Notes one sending, what was said and its journal record, in one transaction."""
        ...

    async def ask_cancel(self, intent_id: int, why: str, by: str) -> None:
        """An operator's wish, which the keeper acts on at its next head. Raises LookupError, Conflict when it ended."""
        ...

    async def cancelled(self, intent_id: int, receipt: Receipt, mined_at: Timestamp, outcome: Record) -> None:
        """The cancellation is final: the receipt into its attempt, the intent CANCELLED. `mined_at` is its block's."""
        ...

    async def signer_state(self, signer: Address) -> SignerState: ...

    async def hold(self, signer: Address, reason: str, outcome: Record) -> None:
        """Nothing is signed for this signer until `release`. A hold that stands keeps its first reason."""
        ...

    async def release(self, signer: Address, next_nonce: int, operator: Record) -> None:
        """An operator has looked: the signer goes on with that nonce. A stolen nonce's intent ends as CANCELLED."""
        ...

    async def final_places(self, since_block: int) -> list[FinalPlace]:
        """Of intents that ended as FINAL_* in blocks from `since_block` on, newest first: those blocks must stay.
        Without those that had ended when an operator last released their signer."""
        ...

    async def executions(self, fund_id: int, since: Timestamp) -> list[Execution]:
        """Mined transactions of the fund since that chain time and since its breaker was last reset."""
        ...

    async def breaker(self, fund_id: int) -> str | None:
        """Why the fund's circuit breaker is open, or None."""
        ...

    async def trip_breaker(self, fund_id: int, reason: str, outcome: Record) -> None: ...
    async def reset_breaker(self, fund_id: int, at: Timestamp, operator: Record) -> bool:
        """False when it was not open. What happened before `at`, chain time, does not count any more."""
        ...

    async def gas_spent(self, signer: Address, since: Timestamp) -> Wei:
        """By mined transactions of the signer since that chain time."""
        ...

    async def settle(self, settlement: Settlement) -> None: ...
    async def set_intent_state(self, intent_id: int, state: IntentState, outcome: Record) -> None: ...
    async def append(self, record: Record) -> Hash32: ...
    async def raise_alert(self, alert: Alert) -> None: ...


class Alerts(Protocol):
    """Where people are told. Must not raise: a lost alert is logged, never a lost cycle."""

    async def send(self, alert: Alert) -> None: ...


class Reader(Protocol):
    """Read models for CLI and reports. Plain rows, newest first; amounts stay integers."""

    async def trades(self, fund_id: int | None, limit: int) -> list[Mapping[str, Any]]: ...
    async def decisions(self, fund_id: int | None, limit: int) -> list[Mapping[str, Any]]: ...
    def journal(self) -> AsyncIterator[Mapping[str, Any]]: ...
