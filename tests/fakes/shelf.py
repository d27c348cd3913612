"""What books in memory hold, and what each entry does to it. A shelf is changed as a whole or not at all."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from keeper.adapters.storage.errors import Conflict
from keeper.core.index.states import IndexState, PinnedMethodology
from keeper.core.journal import GENESIS, content_hash, link
from keeper.core.ledger import (
    Alert,
    AlertKind,
    Attempt,
    CycleRecord,
    Intent,
    IntentState,
    Job,
    Receipt,
    Record,
    Settlement,
    SignerState,
    SwapFill,
)
from keeper.core.model import Fund, PinnedPolicy
from keeper.core.past import PoolPast, PoolSample
from keeper.core.quotes import CoinId
from keeper.core.twap import LONGEST_WINDOW, SAMPLE_SECONDS, TWAP_WINDOW
from keeper.core.units import Address, Hash32, Timestamp
from keeper.ports import Reply, SigningForbidden

DAY: Final = 86_400
CLOSED: Final = frozenset(
    {IntentState.FINAL_OK, IntentState.FINAL_REVERTED, IntentState.ABANDONED, IntentState.CANCELLED}
)
WITHOUT_TRADE: Final = frozenset({IntentState.ABANDONED, IntentState.CANCELLED, IntentState.NONCE_STOLEN})
WITHOUT_RECEIPT: Final = frozenset({IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT})


@dataclass(frozen=True, slots=True)
class Entry:
    """A linked record."""

    record: Record
    content: Hash32
    previous: Hash32
    link: Hash32


@dataclass(frozen=True, slots=True)
class AlertRow:
    alert: Alert
    count: int = 1
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class SwapRow:
    """`status` is pending, completed or failed; `fill` what was really moved."""

    status: str = "pending"
    fill: SwapFill | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """`counted_from`: what was mined before does not count any more."""

    reason: str | None = None
    counted_from: int = 0


@dataclass(frozen=True, slots=True)
class Mined:
    """What an attempt keeps of its receipt, by the attempt's id."""

    gas_cost: int
    mined_at: int


@dataclass
class Shelf:
    """All that is stored. Values are immutable: a shallow copy of each container is a copy of all."""

    funds: list[Fund] = field(default_factory=list)
    policies: dict[int, PinnedPolicy] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    tokens: dict[Address, tuple[str, int, Hash32 | None]] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    cycles: dict[str, CycleRecord] = field(default_factory=dict)
    intents: dict[int, Intent] = field(default_factory=dict)
    tokens_of: dict[int, dict[int, Address]] = field(default_factory=dict)
    swaps: dict[int, tuple[SwapRow, ...]] = field(default_factory=dict)
    settled: dict[int, Settlement] = field(default_factory=dict)
    replies: list[tuple[int, Reply]] = field(default_factory=list)
    alerts: list[AlertRow] = field(default_factory=list)
    signers: dict[Address, SignerState] = field(default_factory=dict)
    breakers: dict[int, Breaker] = field(default_factory=dict)
    mined: dict[int, Mined] = field(default_factory=dict)
    accepted: frozenset[int] = frozenset()
    coins: dict[Address, CoinId] = field(default_factory=dict)
    methodologies: dict[int, PinnedMethodology] = field(default_factory=dict)
    looks: dict[int, list[CycleRecord]] = field(default_factory=dict)
    samples: dict[tuple[Address, int], PoolSample] = field(default_factory=dict)
    changes: list[tuple[int, IntentState | None, IntentState, str]] = field(default_factory=list)

    @property
    def head(self) -> Hash32:
        return self.journal[-1].link if self.journal else GENESIS

    def copy(self) -> "Shelf":
        return Shelf(**{name: copy.copy(value) for name, value in vars(self).items()})


def append(shelf: Shelf, records: Iterable[Record]) -> None:
    for record in records:
        content = content_hash(record.body)
        shelf.journal.append(Entry(record, content, shelf.head, link(shelf.head, content)))


def keep_samples(shelf: Shelf, samples: Sequence[PoolSample]) -> None:
    for new in samples:
        if not any(0 < new.timestamp - at < SAMPLE_SECONDS for pool, at in shelf.samples if pool == new.pool):
            shelf.samples[new.pool, new.timestamp] = new
            shelf.samples = {key: old for key, old in shelf.samples.items() if key[1] >= new.timestamp - DAY}


def pool_past(shelf: Shelf, now: Timestamp) -> dict[Address, PoolPast]:
    found = {}
    for pool in {pool for pool, _ in shelf.samples}:
        ages = {now - at: at for other, at in shelf.samples if other == pool and 0 <= now - at <= LONGEST_WINDOW}
        old = [age for age in ages if age >= TWAP_WINDOW]
        young = [age for age in ages if age < TWAP_WINDOW]
        if ages:
            found[pool] = PoolPast(
                shelf.samples[pool, ages[min(old)]] if old else None,
                Timestamp(ages[max(young)]) if young else None,
                Timestamp(ages[min(ages)]),
            )
    return found


def plan(shelf: Shelf, cycle: CycleRecord) -> int:
    new = cycle.intent
    assert new is not None
    if any(i.signer == new.signer and i.state not in CLOSED for i in shelf.intents.values()):
        raise Conflict(f"signer {new.signer} already has an open transaction")
    intent = Intent(
        id=len(shelf.intents) + 1,
        fund_id=cycle.fund_id,
        plan_id=new.plan_id,
        cycle_id=cycle.cycle_id,
        signer=new.signer,
        chain_id=new.chain_id,
        state=IntentState.PLANNED,
        nonce=None,
        gas_limit=new.gas_limit,
        call=new.call,
        swaps=new.swaps,
        attempts=(),
        kind=new.kind,
    )
    shelf.intents[intent.id] = intent
    shelf.tokens_of[intent.id] = {line.asset: line.token for line in cycle.assets}
    shelf.swaps[intent.id] = tuple(SwapRow() for _ in new.swaps)
    shelf.changes.append((intent.id, None, IntentState.PLANNED, cycle.reason))
    return intent.id


def intent_of(shelf: Shelf, intent_id: int) -> Intent:
    if intent_id not in shelf.intents:
        raise LookupError(f"there is no intent {intent_id}")
    return shelf.intents[intent_id]


def reschedule(shelf: Shelf, cycle: CycleRecord, now: datetime) -> None:
    """A cycle that saw no block has no chain time to offer: the times before it stay."""
    old = shelf.jobs.get(cycle.fund_id) or Job(cycle.fund_id, None, None, None, None, None)
    shelf.jobs[cycle.fund_id] = Job(
        fund_id=cycle.fund_id,
        last_run=cycle.block_timestamp if cycle.block_timestamp is not None else old.last_run,
        next_due=cycle.next_due if cycle.next_due is not None else old.next_due,
        last_action=cycle.action,
        last_reason=cycle.reason,
        finished_at=now,
    )


def index_state(shelf: Shelf, fund_id: int) -> IndexState:
    pinned, looks = shelf.methodologies[fund_id], shelf.looks.get(fund_id, [])
    members: tuple[CoinId, ...] = ()
    for look in looks:
        assert look.reweighting is not None
        state = _state_of(shelf, look)
        if look.reweighting.stands or state in (IntentState.MINED_OK, IntentState.FINAL_OK):
            members = look.reweighting.members
    if not looks:
        return IndexState(pinned)
    newest, kept = looks[-1], looks[-1].reweighting
    assert kept is not None
    return IndexState(
        methodology=pinned,
        members=members,
        looked_at=newest.block_timestamp,
        next_due=kept.next_due if kept.methodology_version == pinned.version else None,
        doubted=kept.doubted,
        failed=_state_of(shelf, newest) in (IntentState.FINAL_REVERTED, IntentState.ABANDONED, IntentState.CANCELLED),
    )


def _state_of(shelf: Shelf, look: CycleRecord) -> IntentState | None:
    return next((i.state for i in shelf.intents.values() if i.cycle_id == look.cycle_id), None)


def raise_alerts(shelf: Shelf, alerts: Iterable[Alert]) -> None:
    for alert in alerts:
        for place, row in enumerate(shelf.alerts):
            if not row.cleared and (row.alert.fund_id, row.alert.kind) == (alert.fund_id, alert.kind):
                shelf.alerts[place] = replace(row, alert=alert, count=row.count + 1)
                break
        else:
            shelf.alerts.append(AlertRow(alert))


def clear_alerts(shelf: Shelf, fund_id: int, kinds: Iterable[AlertKind]) -> None:
    gone = {(fund_id, kind) for kind in kinds}
    shelf.alerts = [
        replace(row, cleared=True) if (row.alert.fund_id, row.alert.kind) in gone else row for row in shelf.alerts
    ]


def place(settlement: Settlement) -> tuple[Hash32, Hash32, int]:
    return settlement.receipt.tx_hash, settlement.receipt.block_hash, settlement.receipt.tx_index


def clear_receipt(shelf: Shelf, intent_id: int) -> None:
    intent = shelf.intents[intent_id]
    attempts = tuple(replace(attempt, block_hash=None, block_number=None) for attempt in intent.attempts)
    shelf.intents[intent_id] = replace(intent, attempts=attempts)
    for attempt in attempts:
        shelf.mined.pop(attempt.id, None)
    shelf.swaps[intent_id] = tuple(SwapRow() for _ in intent.swaps)
    shelf.settled.pop(intent_id, None)


def filled(shelf: Shelf, intent: Intent, settlement: Settlement) -> tuple[SwapRow, ...]:
    """Swaps and fills are both in order of execution; a swap without its fill failed."""
    receipt, token = settlement.receipt, shelf.tokens_of[intent.id]
    fills = list(receipt.fills) if receipt.succeeded else []
    rows = []
    for swap in intent.swaps:
        planned = (swap.venue, token[swap.asset_in], token[swap.asset_out])
        fits = bool(fills) and planned == (fills[0].venue, fills[0].token_in, fills[0].token_out)
        rows.append(SwapRow("completed", fills.pop(0)) if fits else SwapRow("failed"))
    if fills:
        raise Conflict(f"transaction {receipt.tx_hash} holds {len(fills)} swaps that intent {intent.id} did not plan")
    return tuple(rows)


def with_receipt(shelf: Shelf, intent: Intent, receipt: Receipt, mined_at: Timestamp) -> tuple[Attempt, ...]:
    """Its attempts, with where the one that was mined is."""
    found = next(attempt for attempt in intent.attempts if attempt.hash == receipt.tx_hash)
    cost = receipt.gas_used * receipt.effective_gas_price + (receipt.l1_fee or 0)
    shelf.mined[found.id] = Mined(cost, mined_at)
    there = replace(found, block_hash=receipt.block_hash, block_number=receipt.block_number)
    return tuple(there if attempt.id == found.id else attempt for attempt in intent.attempts)


def move(shelf: Shelf, intent_id: int, state: IntentState, reason: str) -> None:
    intent = shelf.intents[intent_id]
    shelf.changes.append((intent_id, intent.state, state, reason))
    shelf.intents[intent_id] = replace(intent, state=state)


def set_state(shelf: Shelf, intent_id: int, state: IntentState, outcome: Record) -> None:
    intent = intent_of(shelf, intent_id)
    if intent.state in CLOSED:
        if intent.state is state:
            return
        raise Conflict(f"intent {intent_id} is {intent.state.value} and cannot become {state.value}")
    reason = str(outcome.body.get("reason", outcome.body.get("event", "")))
    if state in WITHOUT_TRADE:
        end_without_trade(shelf, intent_id, state, reason)
    else:
        if state in WITHOUT_RECEIPT and intent.state not in WITHOUT_RECEIPT:
            clear_receipt(shelf, intent_id)
        move(shelf, intent_id, state, reason)
    append(shelf, [outcome])


def end_without_trade(shelf: Shelf, intent_id: int, state: IntentState, reason: str) -> None:
    clear_receipt(shelf, intent_id)
    shelf.swaps[intent_id] = tuple(SwapRow("failed") for _ in shelf.intents[intent_id].swaps)
    move(shelf, intent_id, state, reason)


def release(shelf: Shelf, signer: Address, free: int, why: str) -> None:
    """What is stolen or taken back ends, what is open keeps its nonce, what stays has been looked at."""
    theirs = [intent for intent in shelf.intents.values() if intent.signer == signer]
    for intent in theirs:
        if intent.state is IntentState.NONCE_STOLEN:
            end_without_trade(shelf, intent.id, IntentState.CANCELLED, why)
    bound = free
    for intent in [shelf.intents[intent.id] for intent in theirs]:
        if intent.nonce is None:
            continue
        if intent.state not in CLOSED:
            bound = max(bound, intent.nonce + 1)
        elif intent.nonce >= free:
            end_without_trade(shelf, intent.id, IntentState.ABANDONED, why)
            shelf.intents[intent.id] = replace(shelf.intents[intent.id], nonce=None)
    shelf.signers[signer] = SignerState(signer, bound, None)
    shelf.accepted |= {intent.id for intent in theirs if shelf.intents[intent.id].state in CLOSED}


def permit(shelf: Shelf, intent: Intent, nonce: int) -> None:
    """Raises SigningForbidden."""
    if next(fund for fund in shelf.funds if fund.id == intent.fund_id).paused:
        raise SigningForbidden("paused: an operator paused the fund")
    if (reason := shelf.breakers.get(intent.fund_id, Breaker()).reason) is not None:
        raise SigningForbidden(f"breaker: {reason}")
    state = shelf.signers.get(intent.signer, SignerState(intent.signer, None, None))
    if state.hold is not None:
        raise SigningForbidden(f"safe_hold: {state.hold}")
    if nonce != (expected := state.next_nonce or 0):
        raise SigningForbidden(f"safe_hold: the next nonce is {expected} by the books, {nonce} by the chain")
