"""`Books` over SQL: each method one transaction of the function that does its work."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from keeper.adapters.storage import (
    alerts,
    coins,
    cycles,
    funds,
    indexes,
    intents,
    journal,
    policies,
    samples,
    seen_prices,
    settlement,
    signing,
    states,
)
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.policies import ParsePolicy, PolicyReader
from keeper.adapters.storage.seen_prices import PriceReader
from keeper.adapters.storage.types import utc_now
from keeper.core.holds import FinalPlace
from keeper.core.index.methodology import Methodology
from keeper.core.index.states import IndexState, PinnedMethodology
from keeper.core.journal import rfc3339
from keeper.core.jumps import REMEMBERED
from keeper.core.ledger import (
    Alert,
    AlertKind,
    Attempt,
    CycleRecord,
    Execution,
    Intent,
    IntentState,
    Job,
    Receipt,
    Record,
    RecordKind,
    Settlement,
    SignerState,
)
from keeper.core.mistakes import ConfigurationError
from keeper.core.model import Fund, PinnedPolicy
from keeper.core.past import PoolPast, SeenPrices
from keeper.core.quotes import CoinId
from keeper.core.units import Address, Hash32, Timestamp, Wei
from keeper.ports import Reply, SignedTransaction, Terms

log = structlog.get_logger()


class SqlBooks:
    """Implements `keeper.ports.Books`, and what operators change. Every method raises BooksUnavailable.

    `parse_policy` makes a policy of stored texts; `now` stamps rows.
    """

    def __init__(self, database: Database, *, parse_policy: ParsePolicy, now: Callable[[], datetime] = utc_now) -> None:
        self._db = database
        self._parse = parse_policy
        self._policies = PolicyReader(parse_policy)
        self._indexes = indexes.IndexReader()
        self._prices = PriceReader()
        self._now = now

    # ---- funds

    async def funds(self) -> list[Fund]:
        return await self._db.read(funds.funds)

    async def fund_rows(self) -> list[dict[str, Any]]:
        return await self._db.read(funds.fund_rows)

    async def add_fund(
        self,
        name: str,
        treasury: Address,
        signer: Address,
        hub: Address | None = None,
        keystore_file: str | None = None,
        password_file: str | None = None,
        *,
        policy: Mapping[str, str] | None = None,
    ) -> Fund:
        """With its first policy, if given: a keeper that runs may meet the fund as soon as it is there.

        Raises Conflict when the name or the treasury is taken.
        """

        def add(db: Connection, at: datetime) -> Fund:
            fund = funds.add_fund(db, at, name, treasury, signer, hub, keystore_file, password_file)
            if policy is not None:
                policies.put(db, at, self._parse, fund.id, policy, {}, "environment", "the fund was added")
            return fund

        return await self._db.write(add, self._now())

    async def change_fund(self, fund_id: int, signer: Address, hub: Address | None, by: str) -> None:
        """Gives a fund another key or hub, with an operator record. Raises LookupError."""
        await self._db.write(funds.change_fund, self._now(), fund_id, signer, hub, by)

    async def set_paused(self, fund_id: int | None, paused: bool, by: str) -> list[int]:
        """Of one fund, or of all. Returns the funds that changed. Raises LookupError."""
        return await self._db.write(funds.set_paused, self._now(), fund_id, paused, by)

    async def jobs(self) -> dict[int, Job]:
        return await self._db.read(funds.jobs)

    async def remember_tokens(self, tokens: Iterable[tuple[Address, str, int, Hash32 | None]]) -> None:
        """(address, symbol, decimals, code hash); what was seen first is kept."""
        await self._db.write(funds.remember_tokens, self._now(), tokens)

    async def known_code(self) -> dict[Address, Hash32]:
        return await self._db.read(funds.known_code)

    async def symbols(self) -> dict[Address, str]:
        return await self._db.read(funds.symbols)

    async def coins(self) -> dict[Address, CoinId]:
        return await self._db.read(coins.coins)

    async def set_coins(
        self, wanted: Mapping[Address, CoinId | None], by: str
    ) -> dict[Address, tuple[CoinId | None, CoinId | None]]:
        """Returns what changed, before and after. Raises LookupError for a token that was never met."""
        return await self._db.write(coins.set_coins, self._now(), wanted, by)

    async def pool_past(self, at: Timestamp) -> dict[Address, PoolPast]:
        return await self._db.read(samples.pool_past, at)

    async def seen_prices(self, at: Timestamp) -> dict[int, list[SeenPrices]]:
        since = Timestamp(at - REMEMBERED)
        return self._prices.add(await self._db.read(seen_prices.newer, since, self._prices.after(since)), at)

    # ---- policies

    async def policy(self, fund_id: int) -> PinnedPolicy:
        """Raises LookupError for a fund without a policy."""
        pinned = (await self.policies()).get(fund_id)
        if pinned is None:
            raise LookupError(f"fund {fund_id} has no policy")
        return pinned

    async def policies(self) -> dict[int, PinnedPolicy]:
        rows = await self._db.read(policies.current)
        return {row["fund_id"]: self._policies.pin(row) for row in rows}

    async def policy_history(self, fund_id: int) -> list[dict[str, Any]]:
        """Newest first."""
        return await self._db.read(policies.history, fund_id)

    async def put_policy(
        self, fund_id: int, effective: Mapping[str, str], overrides: Mapping[str, str], by: str, why: str
    ) -> PinnedPolicy:
        """Raises LookupError for an unknown fund, ValueError for a policy that does not parse."""
        return await self._db.write(policies.put, self._now(), self._parse, fund_id, effective, overrides, by, why)

    # ---- indexes

    async def index_states(self) -> dict[int, IndexState]:
        """One whose stored rules are none to this version is left out, and said: the other funds go on."""
        found = {}
        for row in await self._db.read(indexes.states):
            try:
                found[row.fund_id] = self._indexes.read(row)
            except ConfigurationError as error:
                log.error("index not followed", fund_id=row.fund_id, reason="; ".join(error.problems))
        return found

    async def put_methodology(self, fund_id: int, rules: Methodology, by: str, why: str) -> PinnedMethodology:
        """A new version, unless nothing changed. Raises LookupError for an unknown fund."""
        return await self._db.write(indexes.put, self._now(), fund_id, rules, by, why)

    async def methodology_history(self, fund_id: int) -> list[dict[str, Any]]:
        """Newest first."""
        return await self._db.read(indexes.history, fund_id)

    async def looks(self, fund_id: int, limit: int) -> list[dict[str, Any]]:
        """What the fund's looks at the market came to, newest first."""
        return await self._db.read(indexes.looks, fund_id, limit)

    # ---- cycles

    async def chain_head(self) -> Hash32:
        return await self._db.read(journal.chain_head)

    async def commit_cycle(self, cycle: CycleRecord) -> int | None:
        """A cycle is stored once: committing it again, after an interruption, returns what the first time did.

        Raises Conflict when its signer already has an open intent.
        """
        try:
            return await self._db.write(cycles.commit_cycle, self._now(), cycle)
        except IntegrityError:
            stored, intent_id = await self._db.read(cycles.intent_of_cycle, cycle.cycle_id)
            if stored:
                return intent_id
            if cycle.intent and await self.open_intents(cycle.intent.signer):
                raise Conflict(f"signer {cycle.intent.signer} already has an open transaction") from None
            raise

    async def append(self, record: Record) -> Hash32:
        """Returns the new head of the chain."""
        _, head = await self._db.write(journal.append, [record], self._now())
        return head

    async def raise_alert(self, alert: Alert) -> None:
        await self._db.write(alerts.raise_alerts, self._now(), [alert])

    async def clear_alert(self, fund_id: int, kind: AlertKind) -> bool:
        """False when no such alert was open."""
        return await self._db.write(alerts.clear_alert, self._now(), fund_id, kind)

    # ---- transactions

    async def open_intents(self, signer: Address | None = None) -> list[Intent]:
        return await self._db.read(intents.open_intents, signer)

    async def intent(self, intent_id: int) -> Intent:
        return await self._db.read(intents.intent, intent_id)

    async def final_places(self, since_block: int) -> list[FinalPlace]:
        return await self._db.read(signing.final_places, since_block)

    async def save_attempt(self, intent_id: int, signed: SignedTransaction, terms: Terms, reason: str) -> Attempt:
        """Raises SigningForbidden; Conflict when it cannot be signed with that nonce, or the nonce is another's."""
        try:
            return await self._db.write(intents.save_attempt, self._now(), intent_id, signed, terms, reason)
        except IntegrityError:
            raise Conflict(f"nonce {terms.nonce} or transaction {signed.hash} is already in the books") from None

    async def mark_sent(self, attempt_id: int, sent_at: datetime, reply: Reply, outcome: Record) -> None:
        await self._db.write(intents.mark_sent, self._now(), attempt_id, sent_at, reply, outcome)

    async def ask_cancel(self, intent_id: int, why: str, by: str) -> None:
        at = self._now()
        body = {"event": "cancel", "intent": str(intent_id), "why": why, "by": by, "at": rfc3339(at)}
        record = Record(RecordKind.OPERATOR, None, body)
        await self._db.write(signing.ask_cancel, at, intent_id, why, by, record)

    async def cancelled(self, intent_id: int, receipt: Receipt, mined_at: Timestamp, outcome: Record) -> None:
        await self._db.write(states.cancelled, self._now(), intent_id, receipt, mined_at, outcome)

    async def settle(self, settlement_: Settlement) -> None:
        await self._db.write(settlement.settle, self._now(), settlement_)

    async def set_intent_state(self, intent_id: int, state: IntentState, outcome: Record) -> None:
        await self._db.write(states.set_intent_state, self._now(), intent_id, state, outcome)

    # ---- who may sign

    async def signer_state(self, signer: Address) -> SignerState:
        return await self._db.read(signing.signer_state, signer)

    async def hold(self, signer: Address, reason: str, outcome: Record) -> None:
        await self._db.write(signing.hold, self._now(), signer, reason, outcome)

    async def release(self, signer: Address, next_nonce: int, operator: Record) -> None:
        await self._db.write(signing.release, self._now(), signer, next_nonce, operator)

    async def executions(self, fund_id: int, since: Timestamp) -> list[Execution]:
        return await self._db.read(signing.executions, fund_id, since)

    async def breaker(self, fund_id: int) -> str | None:
        return await self._db.read(signing.breaker, fund_id)

    async def trip_breaker(self, fund_id: int, reason: str, outcome: Record) -> None:
        await self._db.write(signing.trip_breaker, self._now(), fund_id, reason, outcome)

    async def reset_breaker(self, fund_id: int, at: Timestamp, operator: Record) -> bool:
        return await self._db.write(signing.reset_breaker, self._now(), fund_id, at, operator)

    async def gas_spent(self, signer: Address, since: Timestamp) -> Wei:
        return await self._db.read(signing.gas_spent, signer, since)
