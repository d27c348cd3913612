"""The part of the books in memory that transactions need: intents, attempts, who may sign, and what was spent.

Every method works on a copy that takes the old one's place at the end, so that what fails leaves nothing behind.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from keeper.adapters.storage.errors import Conflict
from keeper.core.holds import FinalPlace
from keeper.core.ledger import (
    Alert,
    AlertKind,
    Attempt,
    Execution,
    Intent,
    IntentKind,
    IntentState,
    Receipt,
    Record,
    RecordKind,
    Settlement,
    SignerState,
)
from keeper.core.units import Address, Timestamp, Wei
from keeper.ports import BooksUnavailable, Reply, SignedTransaction, Terms
from tests.fakes import shelf as on
from tests.fakes.moments import Moments
from tests.fakes.shelf import CLOSED, Breaker, Shelf


class FakeTransactions:
    """`down` is why the database cannot be had; `stored` is for tests to look at."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC), moments: Moments | None = None) -> None:
        self.stored = Shelf()
        self.down: str | None = None
        self.moments = moments or Moments()
        self._now = now

    @asynccontextmanager
    async def _transaction(self, name: str) -> AsyncIterator[Shelf]:
        await self.moments.pass_(f"before {name}")
        if self.down is not None:
            raise BooksUnavailable(self.down)
        shelf = self.stored.copy()
        yield shelf
        self.stored = shelf
        await self.moments.pass_(f"after {name}")

    # ------------------------------------------------------------------------------- intents and attempts

    async def open_intents(self, signer: Address | None = None) -> list[Intent]:
        async with self._transaction("open_intents") as shelf:
            return [i for i in shelf.intents.values() if i.state not in CLOSED and signer in (None, i.signer)]

    async def intent(self, intent_id: int) -> Intent:
        async with self._transaction("intent") as shelf:
            return on.intent_of(shelf, intent_id)

    async def final_places(self, since_block: int) -> list[FinalPlace]:
        async with self._transaction("final_places") as shelf:
            ended = [
                intent
                for intent in shelf.intents.values()
                if intent.state in (IntentState.FINAL_OK, IntentState.FINAL_REVERTED)
                and intent.id not in shelf.accepted
            ]
            places = [
                FinalPlace(intent.id, intent.fund_id, intent.signer, a.hash, a.block_number, a.block_hash)
                for intent in ended
                for a in intent.attempts
                if a.block_number is not None and a.block_hash is not None and a.block_number >= since_block
            ]
            return sorted(places, key=lambda each: (each.block_number, each.intent_id), reverse=True)

    async def save_attempt(self, intent_id: int, signed: SignedTransaction, terms: Terms, reason: str) -> Attempt:
        async with self._transaction("save_attempt") as shelf:
            intent, nonce = on.intent_of(shelf, intent_id), terms.nonce
            first = intent.state is IntentState.PLANNED and intent.nonce is None
            if first:
                on.permit(shelf, intent, nonce)
                shelf.signers[intent.signer] = SignerState(intent.signer, nonce + 1, None)
            elif intent.state not in (IntentState.SIGNED, IntentState.SENT) or intent.nonce != nonce:
                raise Conflict(f"intent {intent_id} is {intent.state.value} with nonce {intent.nonce}, not {nonce}")
            others = [i for i in shelf.intents.values() if i.id != intent_id]
            attempts = [attempt for i in shelf.intents.values() for attempt in i.attempts]
            same_nonce = any((i.signer, i.chain_id, i.nonce) == (intent.signer, intent.chain_id, nonce) for i in others)
            if same_nonce or signed.hash in {attempt.hash for attempt in attempts}:
                raise Conflict(f"nonce {nonce} or transaction {signed.hash} is already in the books")
            attempt = Attempt(
                id=len(attempts) + 1,
                hash=signed.hash,
                raw=signed.raw,
                nonce=nonce,
                max_fee=terms.fees.max_fee,
                max_tip=terms.fees.max_tip,
                sent_at=None,
                reply=None,
                kind=terms.kind,
                signed_at=terms.signed_at,
            )
            shelf.intents[intent_id] = replace(intent, nonce=nonce, attempts=(*intent.attempts, attempt))
            on.move(shelf, intent_id, IntentState.SIGNED if first else intent.state, reason)
            return attempt

    async def mark_sent(self, attempt_id: int, sent_at: datetime, reply: Reply, outcome: Record) -> None:
        async with self._transaction("mark_sent") as shelf:
            intent = next((i for i in shelf.intents.values() if attempt_id in {a.id for a in i.attempts}), None)
            if intent is None:
                raise LookupError(f"there is no attempt {attempt_id}")
            attempts = tuple(
                replace(a, sent_at=a.sent_at or sent_at, reply=reply.text, reply_kind=reply.kind)
                if a.id == attempt_id
                else a
                for a in intent.attempts
            )
            shelf.intents[intent.id] = replace(intent, attempts=attempts)
            shelf.replies.append((attempt_id, reply))
            if intent.state is IntentState.SIGNED:
                on.move(shelf, intent.id, IntentState.SENT, reply.text)
            on.append(shelf, [outcome])

    async def ask_cancel(self, intent_id: int, why: str, by: str) -> None:
        async with self._transaction("ask_cancel") as shelf:
            intent = on.intent_of(shelf, intent_id)
            if intent.state in CLOSED:
                raise Conflict(f"transaction {intent_id} is {intent.state.value}: there is nothing to cancel")
            shelf.intents[intent_id] = replace(intent, cancel_asked=why)
            on.move(shelf, intent_id, intent.state, f"{by} asked to cancel it: {why}")
            on.append(shelf, [Record(RecordKind.OPERATOR, None, {"event": "cancel", "why": why, "by": by})])

    async def settle(self, settlement: Settlement) -> None:
        async with self._transaction("settle") as shelf:
            intent, receipt = on.intent_of(shelf, settlement.intent_id), settlement.receipt
            if receipt.tx_hash not in {attempt.hash for attempt in intent.attempts}:
                raise Conflict(f"transaction {receipt.tx_hash} is not an attempt of intent {intent.id}")
            before = shelf.settled.get(intent.id)
            same = before is not None and on.place(before) == on.place(settlement)
            if intent.state is settlement.state and same:
                return
            if intent.state in CLOSED:
                raise Conflict(f"intent {intent.id} is {intent.state.value}, not {settlement.state.value}")
            if not same:
                on.clear_receipt(shelf, intent.id)
            shelf.swaps[intent.id] = on.filled(shelf, intent, settlement)
            shelf.settled[intent.id] = settlement
            cleared = on.intent_of(shelf, intent.id)
            attempts = on.with_receipt(shelf, cleared, receipt, settlement.mined_at)
            shelf.intents[intent.id] = replace(cleared, attempts=attempts)
            on.move(shelf, intent.id, settlement.state, f"receipt of {receipt.tx_hash} in block {receipt.block_number}")
            on.append(shelf, [settlement.outcome])
            on.raise_alerts(shelf, settlement.alerts)

    async def set_intent_state(self, intent_id: int, state: IntentState, outcome: Record) -> None:
        async with self._transaction("set_intent_state") as shelf:
            on.set_state(shelf, intent_id, state, outcome)

    async def cancelled(self, intent_id: int, receipt: Receipt, mined_at: Timestamp, outcome: Record) -> None:
        async with self._transaction("cancelled") as shelf:
            intent = on.intent_of(shelf, intent_id)
            if (receipt.tx_hash, "cancel") not in {(attempt.hash, attempt.kind.value) for attempt in intent.attempts}:
                raise Conflict(f"transaction {receipt.tx_hash} is not a cancellation of intent {intent_id}")
            if intent.state is IntentState.CANCELLED:
                return
            on.set_state(shelf, intent_id, IntentState.CANCELLED, outcome)
            intent = on.intent_of(shelf, intent_id)
            attempts = on.with_receipt(shelf, intent, receipt, mined_at)
            shelf.intents[intent_id] = replace(intent, attempts=attempts)

    # ------------------------------------------------------------------------------- who may sign

    async def signer_state(self, signer: Address) -> SignerState:
        async with self._transaction("signer_state") as shelf:
            return shelf.signers.get(signer, SignerState(signer, None, None))

    async def hold(self, signer: Address, reason: str, outcome: Record) -> None:
        async with self._transaction("hold") as shelf:
            state = shelf.signers.get(signer, SignerState(signer, None, None))
            if state.hold is None:
                shelf.signers[signer] = replace(state, hold=reason)
                on.append(shelf, [outcome])

    async def release(self, signer: Address, next_nonce: int, operator: Record) -> None:
        async with self._transaction("release") as shelf:
            on.release(shelf, signer, next_nonce, str(operator.body.get("why", "")))
            for fund in shelf.funds:
                if fund.signer == signer:
                    on.clear_alerts(shelf, fund.id, (AlertKind.SAFE_HOLD, AlertKind.FUND_HALTED))
            on.append(shelf, [operator])

    async def executions(self, fund_id: int, since: Timestamp) -> list[Execution]:
        async with self._transaction("executions") as shelf:
            first = max(since, shelf.breakers.get(fund_id, Breaker()).counted_from)
            return [
                Execution(
                    mined_at=settled.mined_at,
                    succeeded=settled.receipt.succeeded,
                    revert_reason=settled.receipt.revert_reason,
                    nav=shelf.cycles[shelf.intents[intent_id].cycle_id].nav if settled.receipt.succeeded else None,
                    loss=settled.receipt.event.loss if settled.receipt.event else None,
                )
                for intent_id, settled in shelf.settled.items()
                if shelf.intents[intent_id].fund_id == fund_id
                and shelf.intents[intent_id].kind is IntentKind.REBALANCE
                and settled.mined_at >= first
            ]

    async def breaker(self, fund_id: int) -> str | None:
        async with self._transaction("breaker") as shelf:
            return shelf.breakers.get(fund_id, Breaker()).reason

    async def trip_breaker(self, fund_id: int, reason: str, outcome: Record) -> None:
        async with self._transaction("trip_breaker") as shelf:
            found = shelf.breakers.get(fund_id, Breaker())
            if found.reason is None:
                shelf.breakers[fund_id] = replace(found, reason=reason)
                on.append(shelf, [outcome])

    async def reset_breaker(self, fund_id: int, at: Timestamp, operator: Record) -> bool:
        async with self._transaction("reset_breaker") as shelf:
            if shelf.breakers.get(fund_id, Breaker()).reason is None:
                return False
            shelf.breakers[fund_id] = Breaker(None, at + 1)
            on.clear_alerts(shelf, fund_id, (AlertKind.BREAKER_OPEN,))
            on.append(shelf, [operator])
            return True

    async def gas_spent(self, signer: Address, since: Timestamp) -> Wei:
        async with self._transaction("gas_spent") as shelf:
            theirs = {a.id for i in shelf.intents.values() if i.signer == signer for a in i.attempts}
            mined = [entry for attempt, entry in shelf.mined.items() if attempt in theirs and entry.mined_at >= since]
            return Wei(sum(entry.gas_cost for entry in mined))

    # ------------------------------------------------------------------------------- alerts

    async def raise_alert(self, alert: Alert) -> None:
        async with self._transaction("raise_alert") as shelf:
            on.raise_alerts(shelf, [alert])
