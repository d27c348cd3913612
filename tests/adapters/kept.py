"""Books of either kind, and what can be seen of them, in one shape: for the contract that both have to keep."""

from dataclasses import dataclass, replace
from typing import Any

from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import RecordKind
from keeper.core.model import Fund
from keeper.core.units import Address, Hash32
from tests.adapters.storage import scenes
from tests.fakes.books import FakeBooks


@dataclass
class Kept:
    """Either kind of books, and what can be seen of them, in one shape."""

    books: Any
    reader: SqlReader | None = None

    async def fund(self, name: str = "main", treasury: Address = scenes.TREASURY, **changes: Any) -> Fund:
        added: Fund = await self.books.add_fund(name, treasury, changes.pop("signer", scenes.SIGNER), scenes.USDC)
        await self.pin_policy(added.id, "0.05")
        return added

    async def pin_policy(self, fund_id: int, threshold: str) -> None:
        if isinstance(self.books, FakeBooks):
            await self.books.pin_policy(fund_id, scenes.parse_policy({"DRIFT_THRESHOLD": threshold}))
        else:
            await self.books.put_policy(fund_id, {"DRIFT_THRESHOLD": threshold}, {}, "operator", "why not")

    async def decisions(self) -> list[tuple[str, str, str]]:
        """(cycle, action, reason), oldest first."""
        if self.reader is None:
            return [(cycle.cycle_id, cycle.action.value, cycle.reason) for cycle in self.books.decisions()]
        rows = await self.reader.decisions(None, 1_000)
        return [(row["cycle_id"], row["action"], row["reason"]) for row in reversed(rows)]

    async def journal(self) -> list[tuple[str, Hash32, Hash32, Hash32]]:
        """(kind, content, previous, link) of every record that is not an operator's."""
        if self.reader is None:
            entries = [(e.record.kind.value, e.content, e.previous, e.link) for e in self.books.stored.journal]
        else:
            rows = [row async for row in self.reader.journal()]
            entries = [(row["kind"], row["content"], row["previous"], row["link"]) for row in rows]
        return [entry for entry in entries if entry[0] != RecordKind.OPERATOR.value]

    async def alerts(self) -> list[tuple[int, str, str, int, bool]]:
        """(fund, kind, message, count, cleared) in no order."""
        if self.reader is None:
            rows = self.books.stored.alerts
            return sorted((r.alert.fund_id, r.alert.kind.value, r.alert.message, r.count, r.cleared) for r in rows)
        stored = await self.reader.alerts(None, 1_000)
        return sorted((r["fund_id"], r["kind"], r["message"], r["count"], r["cleared_at"] is not None) for r in stored)

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

    async def everything(self) -> Any:
        """All that either kind shows, to compare before with after, or one with the other."""
        jobs = {i: replace(job, finished_at=None) for i, job in (await self.books.jobs()).items()}
        tokens = await self.books.known_code(), await self.books.symbols()
        shown = await self.decisions(), await self.alerts(), await self.swaps()
        contents = [(kind, content) for kind, content, _, _ in await self.journal()]
        return jobs, tokens, shown, contents, await self.books.open_intents(), await self.books.funds()
