"""What the application needs of the world. One Protocol per counterparty; implemented by adapters, bound in wiring."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from keeper.core.ledger import (
    Alert,
    Attempt,
    Call,
    CycleRecord,
    Intent,
    IntentState,
    Job,
    Receipt,
    Record,
    Settlement,
)
from keeper.core.model import Block, FeedAnswer, Fund, PinnedPolicy, PlannedSwap, Treasury
from keeper.core.units import Address, Hash32, Timestamp, Wei


class ChainUnavailable(Exception):
    """The node did not answer, or not with what the protocol promises. The message is fit for an operator."""


class BooksUnavailable(Exception):
    """The database could not be read or written (locked, full, gone). The message is fit for an operator."""


class NoBooks(BooksUnavailable):
    """There is no database yet, or one without tables: nothing was lost, nothing was written."""


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
class SignedTransaction:
    raw: bytes
    hash: Hash32


class Chain(Protocol):
    """The node. Every method raises ChainUnavailable when it cannot say."""

    async def chain_id(self) -> int: ...
    async def code_at(self, address: Address) -> bytes: ...
    async def head(self) -> Block: ...
    async def observe(self, block: Block, funds: Sequence[Fund]) -> Observation: ...
    async def rehearse(self, call: Call, signer: Address, at: Block) -> tuple[Simulated | SimulatedRevert, Account]: ...
    async def account(self, signer: Address) -> Account: ...
    async def send(self, raw: bytes) -> str: ...
    async def receipt(self, tx_hash: Hash32, treasury: Address) -> Receipt | None: ...
    async def block(self, number: int) -> Block | None: ...
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
    async def remember_tokens(self, tokens: Sequence[tuple[Address, str, int, Hash32 | None]]) -> None: ...
    async def chain_head(self) -> Hash32: ...

    async def commit_cycle(self, cycle: CycleRecord) -> int | None:
        """Journal records, decision, prices, allocations, job, alerts and intent at once. Returns the intent's id."""
        ...

    async def open_intents(self, signer: Address | None = None) -> list[Intent]: ...
    async def intent(self, intent_id: int) -> Intent: ...

    async def save_attempt(
        self, intent_id: int, signed: SignedTransaction, *, nonce: int, max_fee: Wei, max_tip: Wei
    ) -> Attempt:
        """PLANNED -> SIGNED: nonce, raw bytes and hash in one transaction, before any byte leaves."""
        ...

    async def mark_sent(self, attempt_id: int, sent_at: datetime, reply: str) -> None: ...
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
