"""Books in memory that behave as keeper/adapters/storage does; test_books_contract.py holds them to that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from keeper.adapters.storage.errors import Conflict
from keeper.core.index.methodology import Methodology
from keeper.core.index.methodology_form import to_record
from keeper.core.index.states import IndexState, PinnedMethodology
from keeper.core.journal import content_hash
from keeper.core.jumps import REMEMBERED
from keeper.core.ledger import AlertKind, CycleRecord, Intent, IntentState, Job, Record, RecordKind
from keeper.core.model import Fund, PinnedPolicy, Policy
from keeper.core.past import PoolPast, SeenPrices
from keeper.core.quotes import CoinId
from keeper.core.units import Address, Hash32, Timestamp
from tests.fakes import shelf as on
from tests.fakes.shelf import AlertRow
from tests.fakes.transactions import FakeTransactions


class FakeBooks(FakeTransactions):
    """Implements `keeper.ports.Books`."""

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

    async def coins(self) -> dict[Address, CoinId]:
        async with self._transaction("coins") as shelf:
            return dict(shelf.coins)

    async def set_coins(
        self, wanted: Mapping[Address, CoinId | None], by: str
    ) -> dict[Address, tuple[CoinId | None, CoinId | None]]:
        async with self._transaction("set_coins") as shelf:
            changed = {}
            for token, coin in wanted.items():
                if token not in shelf.tokens:
                    raise LookupError(f"token {token} was never met")
                if (before := shelf.coins.get(token)) != coin:
                    changed[token] = (before, coin)
                    shelf.coins = {t: c for t, c in (shelf.coins | {token: coin}).items() if c is not None}
            return changed

    async def pool_past(self, at: Timestamp) -> dict[Address, PoolPast]:
        async with self._transaction("pool_past") as shelf:
            return on.pool_past(shelf, at)

    async def seen_prices(self, at: Timestamp) -> dict[int, list[SeenPrices]]:
        async with self._transaction("seen_prices") as shelf:
            found: dict[int, list[SeenPrices]] = {}
            for cycle in shelf.cycles.values():
                px = {line.token: line.px for line in cycle.assets if line.px is not None}
                if px and cycle.block_timestamp is not None and 0 < at - cycle.block_timestamp <= REMEMBERED:
                    found.setdefault(cycle.fund_id, []).append(SeenPrices(cycle.block_timestamp, px))
            return found

    async def remember_tokens(self, tokens: Sequence[tuple[Address, str, int, Hash32 | None]]) -> None:
        async with self._transaction("remember_tokens") as shelf:
            for token, symbol, decimals, code in tokens:
                known = shelf.tokens.get(token, (symbol, decimals, None))
                shelf.tokens[token] = (known[0], known[1], known[2] or code)

    # ------------------------------------------------------------------------------- indexes

    async def index_states(self) -> dict[int, IndexState]:
        async with self._transaction("index_states") as shelf:
            return {fund_id: on.index_state(shelf, fund_id) for fund_id in shelf.methodologies}

    async def put_methodology(self, fund_id: int, rules: Methodology, by: str, why: str) -> PinnedMethodology:
        async with self._transaction("put_methodology") as shelf:
            if not any(fund.id == fund_id for fund in shelf.funds):
                raise LookupError(f"there is no fund {fund_id}")
            old, digest = shelf.methodologies.get(fund_id), content_hash(to_record(rules))
            if old is None or old.digest != digest:
                version = old.version + 1 if old else 1
                shelf.methodologies[fund_id] = PinnedMethodology(version, rules, digest)
                said = {"event": "methodology", "version": str(version), "by": by, "why": why}
                on.append(shelf, [Record(RecordKind.OPERATOR, fund_id, said)])
            return shelf.methodologies[fund_id]

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
            on.keep_samples(shelf, cycle.samples)
            if cycle.reweighting is None:
                on.reschedule(shelf, cycle, self._now())
            else:
                shelf.looks = {**shelf.looks, cycle.fund_id: [*shelf.looks.get(cycle.fund_id, []), cycle]}
            on.clear_alerts(shelf, cycle.fund_id, cycle.cleared)
            on.raise_alerts(shelf, cycle.alerts)
            return None if cycle.intent is None else on.plan(shelf, cycle)

    async def append(self, record: Record) -> Hash32:
        async with self._transaction("append") as shelf:
            on.append(shelf, [record])
            return shelf.head

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
