"""The nouns of what is written down: cycles, intents, attempts, fills. What a database keeps, free of any database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from keeper.core.fees import FeeQuote
from keeper.core.index.states import Reweighting
from keeper.core.model import GuardResult, PlannedSwap, PriceVote
from keeper.core.past import PoolSample
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, BaseUnits, Bps, Hash32, Px, Timestamp, UsdE18, Wei

EPOCH: Final = Timestamp(0)


class Mode(StrEnum):
    """Of a database: what was decided there was also sent, or never."""

    LIVE = "live"
    DRY_RUN = "dry_run"


class RecordKind(StrEnum):
    DECISION = "decision"
    OUTCOME = "outcome"
    OPERATOR = "operator"
    CHECKPOINT = "checkpoint"


class Action(StrEnum):
    """How a cycle ended."""

    HELD = "held"
    BLOCKED = "blocked"
    REVERTED = "reverted"
    PLANNED = "planned"
    SUBMITTED = "submitted"
    FAILED = "failed"


class IntentState(StrEnum):
    """Open is every state before FINAL_*, ABANDONED and CANCELLED."""

    PLANNED = "planned"
    SIGNED = "signed"
    SENT = "sent"
    MINED_OK = "mined_ok"
    MINED_REVERTED = "mined_reverted"
    FINAL_OK = "final_ok"
    FINAL_REVERTED = "final_reverted"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    NONCE_STOLEN = "nonce_stolen"


class IntentKind(StrEnum):
    """What a transaction is to do: trade, or tell the treasury new target weights."""

    REBALANCE = "rebalance"
    TARGETS = "targets"


class AttemptKind(StrEnum):
    """What the bytes of an attempt do: the plan, or a transfer of nothing to oneself that takes its nonce."""

    TRADE = "trade"
    CANCEL = "cancel"


class AlertKind(StrEnum):
    HIGH_DRIFT = "HIGH_DRIFT"
    REBALANCE_FAILED = "REBALANCE_FAILED"
    HIGH_GAS_COST = "HIGH_GAS_COST"
    FUND_HALTED = "FUND_HALTED"
    BREAKER_OPEN = "BREAKER_OPEN"
    SAFE_HOLD = "SAFE_HOLD"
    TRANSACTION_STUCK = "TRANSACTION_STUCK"
    TARGETS_WAIT = "TARGETS_WAIT"
    INDEX_PROPOSAL = "INDEX_PROPOSAL"


@dataclass(frozen=True, slots=True)
class Alert:
    fund_id: int
    kind: AlertKind
    message: str


@dataclass(frozen=True, slots=True)
class AssetLine:
    """One asset in a cycle's record. `px` and what follows from it is None when the cycle had no price for it."""

    asset: int
    token: Address
    symbol: str
    decimals: int
    amount: BaseUnits | None
    px: Px | None
    value: UsdE18 | None
    target: Bps
    weight_bps: Decimal | None
    drift_relative_bps: Decimal | None
    drift_absolute_bps: Decimal | None


@dataclass(frozen=True, slots=True)
class Record:
    """A link of the journal before it is linked. `body` is JSON of text, booleans, lists and objects only."""

    kind: RecordKind
    fund_id: int | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction's content. The bytes that are simulated are the bytes that are signed.

    `treasury_id` is the treasury's number of a rebalance, 0 of any other call. After `deadline` it is cancelled.
    """

    to: Address
    data: bytes
    treasury_id: int
    deadline: Timestamp


@dataclass(frozen=True, slots=True)
class NewIntent:
    """What is to be executed. Stored in the same database transaction as its decision."""

    plan_id: str
    signer: Address
    chain_id: int
    call: Call
    gas_limit: int
    swaps: tuple[PlannedSwap, ...]
    kind: IntentKind = IntentKind.REBALANCE


@dataclass(frozen=True, slots=True)
class CycleRecord:
    """Everything one cycle leaves behind, committed as one database transaction.

    `decision` is the journal's decision record; `outcomes` are later records of the same transaction (such as a
    simulation's result). Block fields and `policy_version` are None when the observation failed.
    `next_due` is chain time. `share_supply` is the treasury's total supply, for units per share. `reweighting` makes it
    a look at the index instead of a look at drift: then `next_due` is the look's, and the fund's other schedule stays.
    `samples` are what later cycles need for mean prices of V2 pairs.
    """

    cycle_id: str
    fund_id: int
    started_at: datetime
    action: Action
    reason: str
    decision: Record
    outcomes: tuple[Record, ...]
    policy_version: int | None
    block_number: int | None
    block_hash: Hash32 | None
    block_timestamp: Timestamp | None
    nav: UsdE18 | None
    tracking_error_bps: Decimal | None
    max_drift_bps: Decimal | None
    assets: tuple[AssetLine, ...]
    votes: tuple[PriceVote, ...]
    guards: tuple[GuardResult, ...]
    intent: NewIntent | None
    next_due: Timestamp | None
    alerts: tuple[Alert, ...] = ()
    cleared: tuple[AlertKind, ...] = ()
    share_supply: int | None = None
    reweighting: Reweighting | None = None
    samples: tuple[PoolSample, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction for an intent. `raw` is what goes over the wire, read back from the database.

    `block_number` and `block_hash` are of the receipt that was written down, None while there is none. `reply` is the
    newest and `reply_kind` what it means. `signed_at` is chain time.
    """

    id: int
    hash: Hash32
    raw: bytes = field(repr=False)
    nonce: int
    max_fee: Wei
    max_tip: Wei
    sent_at: datetime | None
    reply: str | None
    block_hash: Hash32 | None = None
    kind: AttemptKind = AttemptKind.TRADE
    reply_kind: ReplyKind | None = None
    signed_at: Timestamp = EPOCH
    block_number: int | None = None

    @property
    def fees(self) -> FeeQuote:
        return FeeQuote(self.max_fee, self.max_tip)


@dataclass(frozen=True, slots=True)
class Intent:
    """A stored intent. `nonce` is None until it is signed, and never changes after. `cancel_asked` is an operator's
    reason why it shall not happen any more."""

    id: int
    fund_id: int
    plan_id: str
    cycle_id: str
    signer: Address
    chain_id: int
    state: IntentState
    nonce: int | None
    gas_limit: int
    call: Call
    swaps: tuple[PlannedSwap, ...]
    attempts: tuple[Attempt, ...]
    cancel_asked: str | None = None
    kind: IntentKind = IntentKind.REBALANCE


@dataclass(frozen=True, slots=True)
class SignerState:
    """What the books know of a signer. `next_nonce` is the one its next intent will get, None when it never signed
    here; `hold` is why nothing may be signed until an operator has looked (SAFE_HOLD)."""

    signer: Address
    next_nonce: int | None
    hold: str | None


@dataclass(frozen=True, slots=True)
class Execution:
    """A mined transaction as the circuit breaker sees it. `mined_at` is chain time; `nav` that before it, and `loss`
    the treasury's own count, both None when it reverted."""

    mined_at: Timestamp
    succeeded: bool
    revert_reason: str | None
    nav: UsdE18 | None
    loss: UsdE18 | None


@dataclass(frozen=True, slots=True)
class SwapFill:
    """What one swap really moved, from the receipt's logs. Values are the treasury's own, by its feeds."""

    venue: int
    token_in: Address
    token_out: Address
    amount_in: BaseUnits
    amount_out: BaseUnits
    value_in: UsdE18
    value_out: UsdE18


@dataclass(frozen=True, slots=True)
class RebalanceEvent:
    """The treasury's `Rebalanced`. USD with 18 decimals; `te` are tracking errors in USD."""

    id: int
    keeper: Address
    decision: Hash32
    nav_before: UsdE18
    nav_after: UsdE18
    turnover: UsdE18
    loss: UsdE18
    te_before: UsdE18
    te_after: UsdE18


@dataclass(frozen=True, slots=True)
class TransferLog:
    """An ERC-20 Transfer in or out of the treasury."""

    token: Address
    sender: Address
    recipient: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction. `fills`, `event`, `transfers` and `targets` (those that the treasury took) are decoded from
    its logs; empty when it reverted."""

    tx_hash: Hash32
    succeeded: bool
    block_number: int
    block_hash: Hash32
    tx_index: int
    gas_used: int
    effective_gas_price: Wei
    l1_fee: Wei | None
    fills: tuple[SwapFill, ...]
    event: RebalanceEvent | None
    transfers: tuple[TransferLog, ...]
    revert_reason: str | None = None
    targets: tuple[Bps, ...] | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A receipt as it goes into the books: with gas in USD, the holdings after it, and its outcome record.

    `mined_at` is the time of its block.
    """

    intent_id: int
    receipt: Receipt
    state: IntentState
    gas_cost: UsdE18 | None
    assets_after: tuple[AssetLine, ...]
    nav_after: UsdE18 | None
    tracking_error_bps_after: Decimal | None
    mined_at: Timestamp
    outcome: Record
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A fund's place in the schedule. Chain time, except `finished_at`."""

    fund_id: int
    last_run: Timestamp | None
    next_due: Timestamp | None
    last_action: Action | None
    last_reason: str | None
    finished_at: datetime | None
