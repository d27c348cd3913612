"""A chain, a node's pool, books and a process around the pure outbox: small enough to be drawn at random, and honest.

The chain is truth: blocks of transactions that are replaced down to finality. The node takes, forgets and refuses as
real ones do. Books keep what was committed; a process forgets everything else whenever it dies.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256

from keeper.core.fees import FeeQuote, GasMarket, trade_limit
from keeper.core.ledger import Attempt, AttemptKind, Call, Intent, IntentState, Receipt
from keeper.core.outbox import (
    TERMINAL,
    Abandon,
    Cancelled,
    ChainFacts,
    Finalize,
    Halt,
    Raise,
    Resend,
    Send,
    Settle,
    Sign,
    Step,
    Wait,
    next_step,
)
from keeper.core.replies import ReplyKind
from keeper.core.units import Hash32, Timestamp, Wei
from tests import factories

S = IntentState
FINALITY = 3
BLOCK_SECONDS = 12
DEADLINE_SECONDS = 120
MAX_FEE = Wei(2_000)
_SENT_AT = datetime(2023, 11, 14, tzinfo=UTC)


class Killed(Exception):
    """The process died here."""


@dataclass(frozen=True)
class Tx:
    """`intent` None is a stranger's with our key."""

    hash: Hash32
    intent: int | None
    kind: AttemptKind
    nonce: int
    fees: FeeQuote
    treasury_id: int
    deadline: int


@dataclass
class Head:
    number: int
    hash: Hash32
    timestamp: int
    txs: tuple[Tx, ...]
    last_id: int
    succeeded: frozenset[Hash32]


@dataclass
class World:
    heads: list[Head] = field(default_factory=lambda: [Head(0, _digest("genesis"), 1_700_000_000, (), 0, frozenset())])
    pool: dict[int, Tx] = field(default_factory=dict)
    base_fee: int = 100
    forks: int = 0
    orphans: list[Head] = field(default_factory=list)
    intents: dict[int, Intent] = field(default_factory=dict)
    stored: dict[Hash32, Tx] = field(default_factory=dict)
    wire: set[Hash32] = field(default_factory=set)
    next_nonce: int = 0
    strangers: int = 0
    # what a process remembers
    planned: set[int] = field(default_factory=set)
    sent_at_height: dict[int, int] = field(default_factory=dict)
    stolen: tuple[Hash32, int] | None = None
    # faults for the next questions
    hides_receipts: bool = False
    shows_orphans: bool = False
    reply_lost: bool = False
    request_lost: bool = False
    kill_at: str | None = None
    fired: set[str] = field(default_factory=set)

    # ------------------------------------------------------------------------------------------- the chain

    @property
    def head(self) -> Head:
        return self.heads[-1]

    @property
    def finalized(self) -> int:
        return max(0, self.head.number - FINALITY)

    def nonce(self, upto: int | None = None) -> int:
        return sum(len(head.txs) for head in self.heads if upto is None or head.number <= upto)

    def mine(self, *, empty: bool = False, seconds: int = BLOCK_SECONDS) -> None:
        parent, txs, last_id, done = self.head, [], self.head.last_id, set()
        time, nonce = parent.timestamp + seconds, self.nonce()
        while not empty and (tx := self.pool.get(nonce)) is not None and tx.fees.max_fee >= self.base_fee:
            del self.pool[nonce]
            nonce += 1
            txs.append(tx)
            trade = tx.intent is not None and tx.kind is AttemptKind.TRADE
            if not trade or (tx.treasury_id == last_id + 1 and time <= tx.deadline):
                done.add(tx.hash)
                last_id += 1 if trade else 0
        self.forks += 1
        name = _digest(f"{parent.hash} {parent.number + 1} {self.forks}")
        self.heads.append(Head(parent.number + 1, name, time, tuple(txs), last_id, frozenset(done)))

    def reorganise(self, depth: int, *, kept: bool, longer: int) -> None:
        """The newest blocks are replaced; their transactions go back to the pool, or are forgotten."""
        undone = self.heads[-depth:]
        del self.heads[-depth:]
        self.orphans = [*undone, *self.orphans]
        if kept:
            for tx in (tx for head in undone for tx in head.txs):
                self.pool.setdefault(tx.nonce, tx)
        for _ in range(depth + longer):
            self.mine()

    def steal(self) -> None:
        """A stranger with our key takes the next nonce, and outbids whoever waits there."""
        nonce = self.nonce()
        self.strangers += 1
        fees = FeeQuote(Wei(10**6), Wei(10**6))
        self.pool[nonce] = Tx(_digest(f"stranger {self.strangers}"), None, AttemptKind.CANCEL, nonce, fees, 0, 0)

    def take(self, tx: Tx) -> ReplyKind:
        """As geth: a tenth more replaces, a spent nonce is low, what is known is known."""
        if tx.nonce < self.nonce():
            return ReplyKind.NONCE_LOW
        there = self.pool.get(tx.nonce)
        if there == tx:
            return ReplyKind.KNOWN
        if there and not (
            tx.fees.max_fee * 10 >= there.fees.max_fee * 11 and tx.fees.max_tip * 10 >= there.fees.max_tip * 11
        ):
            return ReplyKind.REPLACEMENT
        if tx.nonce > self.nonce() and tx.nonce - 1 not in self.pool:
            return ReplyKind.GAP
        self.pool[tx.nonce] = tx
        return ReplyKind.ACCEPTED

    # --------------------------------------------------------------------------------- books and process

    @property
    def open(self) -> Intent | None:
        return next((intent for intent in self.intents.values() if intent.state not in TERMINAL), None)

    def restart(self) -> None:
        self.planned, self.sent_at_height, self.stolen = set(), {}, None

    def plan(self) -> None:
        """As a cycle does: only with no open intent and the nonce that the books expect."""
        if self.open is None and self.nonce() == self.next_nonce and not self.pool:
            number = len(self.intents) + 1
            deadline = Timestamp(self.head.timestamp + DEADLINE_SECONDS)
            call = Call(factories.TREASURY, b"call", self.head.last_id + 1, deadline)
            self.intents[number] = Intent(
                number, 1, f"p{number}", f"c{number}", factories.SIGNER, 31_337, S.PLANNED, None, 500_000, call, (), ()
            )
            self._may_die("planned")
            self.planned.add(number)

    def advance(self) -> None:
        """One pass over the open intent. Raises Killed."""
        while (intent := self.open) is not None:
            step = next_step(intent, self._facts(intent))
            assert intent.nonce is None or not isinstance(step.action, Sign), "a second nonce"
            self._perform(intent, step)
            if isinstance(step.action, Wait | Halt | Abandon | Finalize | Cancelled | Send | Resend):
                return

    def _facts(self, intent: Intent) -> ChainFacts:
        hashes = {attempt.hash for attempt in intent.attempts}
        receipt = None if self.hides_receipts else self._receipt(hashes)
        spent = intent.nonce is not None and receipt is None and self.nonce(self.finalized) > intent.nonce
        if not spent or self._receipt(hashes) is not None:
            self.stolen = None
        elif self.stolen is None or self.stolen[0] != self.head.hash:
            self.stolen = (self.head.hash, (self.stolen[1] if self.stolen else 0) + 1)
        sent = self.sent_at_height.get(intent.id)
        return ChainFacts(
            receipt=receipt,
            canonical=self._canonical(receipt.block_number) if receipt else None,
            finalized=self.finalized,
            latest_nonce=self.nonce(),
            timestamp=Timestamp(self.head.timestamp),
            heads_since_send=None if sent is None else max(0, self.head.number - sent),
            inherited=intent.id not in self.planned,
            gas=GasMarket(Wei(self.base_fee), Wei(5)),
            trade_limit=trade_limit(MAX_FEE),
            cancel_limit=MAX_FEE,
            stolen_heads=self.stolen[1] if self.stolen else 0,
        )

    def _canonical(self, number: int) -> Hash32 | None:
        return self.heads[number].hash if number < len(self.heads) else None

    def _receipt(self, hashes: set[Hash32]) -> Receipt | None:
        for head in [*self.orphans, *self.heads] if self.shows_orphans else self.heads:
            for index, tx in enumerate(head.txs):
                if tx.hash in hashes:
                    ok = tx.hash in head.succeeded
                    return Receipt(tx.hash, ok, head.number, head.hash, index, 1, Wei(1), None, (), None, ())
        return None

    def _perform(self, intent: Intent, step: Step) -> None:
        match step.action:
            case Sign():
                fees = FeeQuote(Wei(2 * self.base_fee + 5), Wei(5))
                if (
                    intent.id not in self.planned
                    or fees.max_fee > trade_limit(MAX_FEE)
                    or self.nonce() != self.next_nonce
                ):
                    self._write(intent, S.ABANDONED)
                    return
                self._may_die("signing")
                self._save(intent, fees, AttemptKind.TRADE, self.next_nonce, S.SIGNED)
                self.next_nonce += 1
                self._may_die("signed")
            case Raise(kind, fees, _):
                assert intent.nonce is not None
                self._save(intent, fees, kind, intent.nonce, step.state)
                self._may_die("raised")
            case Send(attempt) | Resend(attempt):
                self._write(intent, intent.state if intent.state is S.SIGNED else S.SENT)
                self._send(intent.id, attempt)
            case Settle(receipt):
                attempts = tuple(
                    replace(each, block_hash=receipt.block_hash if each.hash == receipt.tx_hash else None)
                    for each in intent.attempts
                )
                self._may_die("settling")
                self.intents[intent.id] = replace(intent, state=step.state, attempts=attempts)
            case Halt():
                self._write(intent, step.state)
            case _:
                self._write(intent, step.state)

    def _send(self, intent_id: int, attempt: Attempt) -> None:
        tx = self.stored[attempt.hash]  # I1: only what was committed is ever on the wire
        self.sent_at_height[intent_id] = self.head.number
        self.wire.add(tx.hash)
        kind = ReplyKind.UNKNOWN if self.request_lost else self.take(tx)
        if self.request_lost or self.reply_lost:
            self.fired.add("request lost" if self.request_lost else "reply lost")
            kind = ReplyKind.UNKNOWN
        self.request_lost = self.reply_lost = False
        self._may_die("sent")
        intent = self.intents[intent_id]
        attempts = tuple(
            replace(each, sent_at=_SENT_AT, reply_kind=kind) if each.id == attempt.id else each
            for each in intent.attempts
        )
        self.intents[intent_id] = replace(intent, state=S.SENT, attempts=attempts)

    def _save(self, intent: Intent, fees: FeeQuote, kind: AttemptKind, nonce: int, state: IntentState) -> None:
        number = len(self.stored) + 1
        name = _digest(f"attempt {number}")
        tx = Tx(name, intent.id, kind, nonce, fees, intent.call.treasury_id, intent.call.deadline)
        self.stored[name] = tx
        at = Timestamp(self.head.timestamp)
        attempt = Attempt(number, name, b"", nonce, fees.max_fee, fees.max_tip, None, None, None, kind, None, at)
        undone = tuple(replace(each, block_hash=None) for each in intent.attempts)
        self.intents[intent.id] = replace(intent, state=state, nonce=nonce, attempts=(*undone, attempt))

    def _write(self, intent: Intent, state: IntentState) -> None:
        attempts = intent.attempts
        if state is S.SENT and intent.state in (S.MINED_OK, S.MINED_REVERTED):
            attempts = tuple(replace(each, block_hash=None) for each in attempts)
        self.intents[intent.id] = replace(intent, state=state, attempts=attempts)

    def _may_die(self, where: str) -> None:
        if self.kill_at == where:
            self.kill_at = None
            self.fired.add(f"killed, {where}")
            self.restart()
            raise Killed


def _digest(text: str) -> Hash32:
    return Hash32("0x" + sha256(text.encode()).hexdigest())
