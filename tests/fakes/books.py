"""Books in memory that behave as keeper/adapters/storage does; tests/adapters/test_books_contract.py holds it to that.

Every method works on a copy that takes the old one's place at the end, so that what fails leaves nothing behind.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from keeper.adapters.storage.errors import Conflict
from keeper.core.journal import content_hash
from keeper.core.ledger import Alert, AlertKind, Attempt, CycleRecord, Intent, IntentState, Job, Record, Settlement
from keeper.core.model import Fund, PinnedPolicy, Policy
from keeper.core.units import Address, Hash32, Timestamp, Wei
from keeper.ports import BooksUnavailable, SignedTransaction
from tests.fakes import shelf as on
from tests.fakes.moments import Moments
from tests.fakes.shelf import CLOSED, WITHOUT_RECEIPT, WITHOUT_TRADE, AlertRow, Shelf, SwapRow


class FakeBooks:
    """Implements `keeper.ports.Books`. `down` is why the database cannot be had; `stored` is for tests to look at."""

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

    # ------------------------------------------------------------------------------- what operators do

    async def add_fund(self, name: str, treasury: Address, signer: Address, hub: Address | None = None) -> Fund:
        async with self._transaction("add_fund") as shelf:
            if any(fund.name == name or fund.treasury == treasury for fund in shelf.funds):
                raise Conflict(f"there is already a fund named {name!r} or for treasury {treasury}")
            fund = Fund(len(shelf.funds) + 1, name, treasury, signer, hub, paused=False)
            shelf.funds.append(fund)
            return fund

    async def pin_policy(self, fund_id: int, policy: Policy) -> PinnedPolicy:
        async with self._transaction("pin_policy") as shelf:
            version = shelf.policies[fund_id].version + 1 if fund_id in shelf.policies else 1
            shelf.policies[fund_id] = PinnedPolicy(version, policy, content_hash({"policy": repr(policy)}))
            if (job := shelf.jobs.get(fund_id)) is not None:
                due = None if job.last_run is None else Timestamp(job.last_run + policy.interval_seconds)
                shelf.jobs[fund_id] = replace(job, next_due=due)
            return shelf.policies[fund_id]

    async def set_paused(self, fund_id: int, paused: bool) -> None:
        async with self._transaction("set_paused") as shelf:
            shelf.funds = [replace(fund, paused=paused) if fund.id == fund_id else fund for fund in shelf.funds]

    # ------------------------------------------------------------------------------- funds and policies

    async def funds(self) -> list[Fund]:
        async with self._transaction("funds") as shelf:
            return list(shelf.funds)

    async def jobs(self) -> dict[int, Job]:
        async with self._transaction("jobs") as shelf:
            return dict(shelf.jobs)

    async def policy(self, fund_id: int) -> PinnedPolicy:
        pinned = (await self.policies()).get(fund_id)
        if pinned is None:
            raise LookupError(f"fund {fund_id} has no policy")
        return pinned

    async def policies(self) -> dict[int, PinnedPolicy]:
        async with self._transaction("policies") as shelf:
            return dict(shelf.policies)

    async def known_code(self) -> dict[Address, Hash32]:
        async with self._transaction("known_code") as shelf:
            return {token: code for token, (_, _, code) in shelf.tokens.items() if code}

    async def symbols(self) -> dict[Address, str]:
        async with self._transaction("symbols") as shelf:
            return {token: symbol for token, (symbol, _, _) in shelf.tokens.items()}

    async def remember_tokens(self, tokens: Sequence[tuple[Address, str, int, Hash32 | None]]) -> None:
        async with self._transaction("remember_tokens") as shelf:
            for token, symbol, decimals, code in tokens:
                known = shelf.tokens.get(token, (symbol, decimals, None))
                shelf.tokens[token] = (known[0], known[1], known[2] or code)

    # ------------------------------------------------------------------------------- cycles and journal

    async def chain_head(self) -> Hash32:
        async with self._transaction("chain_head") as shelf:
            return shelf.head

    async def commit_cycle(self, cycle: CycleRecord) -> int | None:
        async with self._transaction("commit_cycle") as shelf:
            if cycle.cycle_id in shelf.cycles:
                return next((i.id for i in shelf.intents.values() if i.cycle_id == cycle.cycle_id), None)
            on.append(shelf, [cycle.decision, *cycle.outcomes])
            shelf.cycles[cycle.cycle_id] = cycle
            for line in cycle.assets:
                shelf.tokens.setdefault(line.token, (line.symbol, line.decimals, None))
            on.reschedule(shelf, cycle, self._now())
            on.clear_alerts(shelf, cycle.fund_id, cycle.cleared)
            on.raise_alerts(shelf, cycle.alerts)
            return None if cycle.intent is None else on.plan(shelf, cycle)

    async def append(self, record: Record) -> Hash32:
        async with self._transaction("append") as shelf:
            on.append(shelf, [record])
            return shelf.head

    async def raise_alert(self, alert: Alert) -> None:
        async with self._transaction("raise_alert") as shelf:
            on.raise_alerts(shelf, [alert])

    # ------------------------------------------------------------------------------- transactions

    async def open_intents(self, signer: Address | None = None) -> list[Intent]:
        async with self._transaction("open_intents") as shelf:
            return [i for i in shelf.intents.values() if i.state not in CLOSED and signer in (None, i.signer)]

    async def intent(self, intent_id: int) -> Intent:
        async with self._transaction("intent") as shelf:
            return on.intent_of(shelf, intent_id)

    async def save_attempt(
        self, intent_id: int, signed: SignedTransaction, *, nonce: int, max_fee: Wei, max_tip: Wei
    ) -> Attempt:
        async with self._transaction("save_attempt") as shelf:
            intent = on.intent_of(shelf, intent_id)
            first = intent.state is IntentState.PLANNED and intent.nonce is None
            if not first and not (intent.state in (IntentState.SIGNED, IntentState.SENT) and intent.nonce == nonce):
                raise Conflict(f"intent {intent_id} is {intent.state.value} with nonce {intent.nonce}, not {nonce}")
            others = [i for i in shelf.intents.values() if i.id != intent_id]
            attempts = [attempt for i in shelf.intents.values() for attempt in i.attempts]
            same_nonce = any((i.signer, i.chain_id, i.nonce) == (intent.signer, intent.chain_id, nonce) for i in others)
            if same_nonce or signed.hash in {attempt.hash for attempt in attempts}:
                raise Conflict(f"nonce {nonce} or transaction {signed.hash} is already in the books")
            attempt = Attempt(len(attempts) + 1, signed.hash, signed.raw, nonce, max_fee, max_tip, None, None)
            state = IntentState.SIGNED if first else intent.state
            shelf.intents[intent_id] = replace(intent, state=state, nonce=nonce, attempts=(*intent.attempts, attempt))
            return attempt

    async def mark_sent(self, attempt_id: int, sent_at: datetime, reply: str) -> None:
        async with self._transaction("mark_sent") as shelf:
            intent = next((i for i in shelf.intents.values() if attempt_id in {a.id for a in i.attempts}), None)
            if intent is None:
                raise LookupError(f"there is no attempt {attempt_id}")
            attempts = tuple(
                replace(a, sent_at=a.sent_at or sent_at, reply=reply) if a.id == attempt_id else a
                for a in intent.attempts
            )
            state = IntentState.SENT if intent.state is IntentState.SIGNED else intent.state
            shelf.intents[intent.id] = replace(intent, state=state, attempts=attempts)
            shelf.replies.append((attempt_id, reply))

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
            attempts = tuple(
                replace(a, block_hash=receipt.block_hash) if a.hash == receipt.tx_hash else a
                for a in on.intent_of(shelf, intent.id).attempts
            )
            shelf.intents[intent.id] = replace(intent, state=settlement.state, attempts=attempts)
            on.append(shelf, [settlement.outcome])
            on.raise_alerts(shelf, settlement.alerts)

    async def set_intent_state(self, intent_id: int, state: IntentState, outcome: Record) -> None:
        async with self._transaction("set_intent_state") as shelf:
            intent = on.intent_of(shelf, intent_id)
            if intent.state in CLOSED:
                if intent.state is state:
                    return
                raise Conflict(f"intent {intent_id} is {intent.state.value} and cannot become {state.value}")
            if state in WITHOUT_TRADE or (state in WITHOUT_RECEIPT and intent.state not in WITHOUT_RECEIPT):
                on.clear_receipt(shelf, intent_id)
            if state in WITHOUT_TRADE:
                shelf.swaps[intent_id] = tuple(SwapRow("failed") for _ in intent.swaps)
            shelf.intents[intent_id] = replace(on.intent_of(shelf, intent_id), state=state)
            on.append(shelf, [outcome])

    # ------------------------------------------------------------------------------- for tests to look at

    def decisions(self, fund_id: int | None = None) -> list[CycleRecord]:
        return [cycle for cycle in self.stored.cycles.values() if fund_id in (None, cycle.fund_id)]

    def intents(self) -> list[Intent]:
        return list(self.stored.intents.values())

    def states(self, fund_id: int | None = None) -> list[IntentState]:
        return [intent.state for intent in self.intents() if fund_id in (None, intent.fund_id)]

    def open_alerts(self) -> dict[AlertKind, AlertRow]:
        """Of a world with one fund: at most one of each kind is open."""
        return {row.alert.kind: row for row in self.stored.alerts if not row.cleared}

    def events(self) -> list[str]:
        """What the journal's records tell of, in order: `decision`, or an outcome's event."""
        return [str(entry.record.body.get("event", entry.record.kind.value)) for entry in self.stored.journal]

    def bodies(self, event: str) -> list[dict[str, Any]]:
        return [dict(e.record.body) for e in self.stored.journal if e.record.body.get("event") == event]
