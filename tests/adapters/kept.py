"""Books of either kind, and what can be seen of them, in one shape: for the contract that both have to keep."""

from dataclasses import dataclass, replace
from typing import Any

from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import Attempt, AttemptKind, Intent, IntentState, Receipt, RecordKind
from keeper.core.model import Fund
from keeper.core.units import Address, Hash32, Timestamp
from tests.adapters.storage import scenes
from tests.factories import hash32
from tests.fakes.books import FakeBooks

OURS = frozenset({RecordKind.DECISION.value, RecordKind.OUTCOME.value})


@dataclass
class Kept:
    """Either kind of books, and what can be seen of them, in one shape."""

    books: Any
    reader: SqlReader | None = None

    # ------------------------------------------------------------------------------- what is done to them

    async def fund(self, name: str = "main", treasury: Address = scenes.TREASURY, **changes: Any) -> Fund:
        added: Fund = await self.books.add_fund(name, treasury, changes.pop("signer", scenes.SIGNER), scenes.USDC)
        await self.pin_policy(added.id, "0.05")
        return added

    async def pin_policy(self, fund_id: int, threshold: str) -> None:
        if isinstance(self.books, FakeBooks):
            await self.books.pin_policy(fund_id, scenes.parse_policy({"DRIFT_THRESHOLD": threshold}))
        else:
            await self.books.put_policy(fund_id, {"DRIFT_THRESHOLD": threshold}, {}, "operator", "why not")

    async def pause(self, fund_id: int, paused: bool = True) -> None:
        if isinstance(self.books, FakeBooks):
            await self.books.set_paused(fund_id, paused)
        else:
            await self.books.set_paused(fund_id, paused, "operator")

    async def planned(self, fund: Fund, **changes: Any) -> Intent:
        """A new intent of the fund."""
        found: Intent = await self.books.intent(
            await self.books.commit_cycle(scenes.trading(fund.id, signer=fund.signer, **changes))
        )
        return found

    async def sent(self, intent: Intent, nonce: int = 0, kind: AttemptKind = AttemptKind.TRADE) -> Attempt:
        """A new attempt, accepted by the node."""
        terms = scenes.terms(nonce, kind=kind)
        saved: Attempt = await self.books.save_attempt(intent.id, scenes.signed(), terms, "because")
        await self.books.mark_sent(saved.id, scenes.SENT_AT, scenes.ACCEPTED, scenes.record(RecordKind.OUTCOME))
        return saved

    async def traded(self, fund: Fund, nonce: int, block: int, state: IntentState, **changes: Any) -> Receipt:
        """A whole transaction of the fund, mined in that block; the receipt is `scenes.receipt` with `changes`."""
        intent = await self.planned(fund)
        attempt = await self.sent(intent, nonce)
        shape = scenes.reverted if state in (IntentState.MINED_REVERTED, IntentState.FINAL_REVERTED) else scenes.receipt
        mined = replace(shape(attempt.hash), block_number=block, block_hash=hash32(block), **changes)
        await self.books.settle(scenes.settlement(intent, mined, state))
        return mined

    # ------------------------------------------------------------------------------- what is seen of them

    async def decisions(self) -> list[tuple[str, str, str]]:
        """(cycle, action, reason), oldest first."""
        if self.reader is None:
            return [(cycle.cycle_id, cycle.action.value, cycle.reason) for cycle in self.books.decisions()]
        rows = await self.reader.decisions(None, 1_000)
        return [(row["cycle_id"], row["action"], row["reason"]) for row in reversed(rows)]

    async def journal(self) -> list[tuple[str, Hash32, Hash32, Hash32]]:
        """(kind, content, previous, link) of every decision and outcome."""
        if self.reader is None:
            entries = [(e.record.kind.value, e.content, e.previous, e.link) for e in self.books.stored.journal]
        else:
            rows = [row async for row in self.reader.journal()]
            entries = [(row["kind"], row["content"], row["previous"], row["link"]) for row in rows]
        return [entry for entry in entries if entry[0] in OURS]

    async def alerts(self) -> list[tuple[int, str, str, int, bool]]:
        """(fund, kind, message, count, cleared) in no order."""
        if self.reader is None:
            rows = self.books.stored.alerts
            return sorted((r.alert.fund_id, r.alert.kind.value, r.alert.message, r.count, r.cleared) for r in rows)
        stored = await self.reader.alerts(None, 1_000)
        return sorted((r["fund_id"], r["kind"], r["message"], r["count"], r["cleared_at"] is not None) for r in stored)

    async def open_alerts(self) -> set[str]:
        return {kind for _, kind, _, _, cleared in await self.alerts() if not cleared}

    async def swaps(self) -> list[tuple[str, str, int | None]]:
        """(plan, status, amount really received) of every swap, newest plan first."""
        if self.reader is not None:
            rows = await self.reader.trades(None, 1_000)
            return [(row["plan_id"], row["status"], row["actual_out"]) for row in rows]
        stored = self.books.stored
        return [
            (intent.plan_id, swap.status, swap.fill and swap.fill.amount_out)
            for intent in reversed(stored.intents.values())
            for swap in stored.swaps[intent.id]
        ]

    async def executions(self, fund_id: int, since: int = 0) -> list[Any]:
        found = await self.books.executions(fund_id, Timestamp(since))
        return sorted(found, key=lambda each: each.mined_at)

    async def everything(self) -> Any:
        """All that either kind shows, to compare before with after, or one with the other."""
        jobs = {i: replace(job, finished_at=None) for i, job in (await self.books.jobs()).items()}
        tokens = await self.books.known_code(), await self.books.symbols()
        shown = await self.decisions(), await self.alerts(), await self.swaps()
        contents = [(kind, content) for kind, content, _, _ in await self.journal()]
        funds = await self.books.funds()
        places = sorted(await self.books.final_places(0), key=lambda each: each.intent_id)
        final = [(place, await self.books.intent(place.intent_id)) for place in places]
        intents = await self.books.open_intents(), final
        signers = {fund.signer: await self.books.signer_state(fund.signer) for fund in funds}
        spent = {fund.signer: await self.books.gas_spent(fund.signer, Timestamp(0)) for fund in funds}
        breakers = {fund.id: (await self.books.breaker(fund.id), await self.executions(fund.id)) for fund in funds}
        return jobs, tokens, shown, contents, intents, funds, signers, spent, breakers
