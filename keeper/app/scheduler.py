"""The daemon's heart: which funds are due, one cycle at a time per fund, and a clean end.

Intervals are chain time. The loop asks for the head, lets open transactions move on, and starts a cycle for every
fund that is due; due funds share one observation. A fund's cycle runs in its own task, so that one that hangs or
fails holds up nobody else. A fund whose index is due is looked at for that first, in the same way.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from keeper.app.cycle import new_cycle, run_cycle
from keeper.app.index.desk import IndexDesk
from keeper.app.index.reweigh import run_reweighting
from keeper.app.memory import Outbox
from keeper.app.observe import Unobserved, observe
from keeper.app.outcome import Cycle, Result
from keeper.app.reconcile import reconcile
from keeper.app.tasks import Cycles, Work
from keeper.app.transactions import settle_open
from keeper.core.ledger import Job
from keeper.core.model import Block, Fund, Market
from keeper.core.units import Timestamp
from keeper.ports import BooksUnavailable, ChainUnavailable, Fenced

log = structlog.get_logger()

FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 300.0


@dataclass(slots=True)
class Retry:
    """A fund that could not be observed is tried again after a pause that doubles."""

    pause: float = FIRST_RETRY_SECONDS
    not_before: float = 0.0

    def failed(self, now: float) -> None:
        self.not_before = now + self.pause
        self.pause = min(self.pause * 2, LAST_RETRY_SECONDS)


@dataclass(slots=True)
class Scheduler(Cycles):
    """`max_cycles` counts the cycles of all funds together; None means until `stop` is set."""

    max_cycles: int | None = None
    outbox: Outbox = field(default_factory=Outbox)
    started: int = 0
    retries: dict[int, Retry] = field(default_factory=dict)
    last_head: tuple[Timestamp, float] | None = None
    last_beat: float = float("-inf")
    reconciled: bool = False
    hurried: set[int] = field(default_factory=set)
    """Funds that have new targets: their drift is looked at now, whatever their interval."""
    desk: IndexDesk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = IndexDesk(self.world)

    async def run_once(self) -> list[Result]:
        """One cycle of every fund now, due or not; fewer when it is stopped. Indexes that are due come first. Raises
        BooksUnavailable."""
        await self._unless_stopped(self._reconcile())
        await self._unless_stopped(self._indexes_now())
        await self._unless_stopped(self._cycles_end())
        await self._unless_stopped(self._round(await self.world.books.funds(), everyone=True))
        await self._unless_stopped(self._cycles_end())
        await self._close()
        return list(self.results)

    async def run(self) -> list[Result]:
        """Until stopped, or until `max_cycles` have ended. Cycles that are under way get a moment to end."""
        await self._unless_stopped(self._reconcile())
        while not self.stop.is_set() and not self._enough():
            await self._unless_stopped(self._try_round())
            await self._pause()
        await self._close()
        return list(self.results)

    def _enough(self) -> bool:
        return self.max_cycles is not None and self.started >= self.max_cycles and not self.running

    async def _unless_stopped(self, work: Coroutine[Any, Any, Any]) -> None:
        """A node that does not answer must not hold up a stop: what is cut off here is taken up at the next start."""
        stopped, task = asyncio.create_task(self.stop.wait()), asyncio.create_task(work)
        try:
            await asyncio.wait([stopped, task], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            stopped.cancel()
            task.cancel()
            await asyncio.gather(stopped, task, return_exceptions=True)

    async def _pause(self) -> None:
        """Until it is time to look again, or the last cycles have ended, or somebody asks to stop.

        Any other cycle's end is no reason to look: of a hundred funds that are due together it would be a hundred.
        """
        waiting = [asyncio.create_task(self.world.clock.sleep(self.world.poll_seconds))]
        if self.max_cycles is not None and self.started >= self.max_cycles:
            waiting.append(asyncio.create_task(self._cycles_end()))
        try:
            await self._unless_stopped(asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED))
        finally:
            for task in waiting:
                task.cancel()

    async def _cycles_end(self) -> None:
        if self.running:
            await asyncio.wait([*self.running.values()])

    async def _reconcile(self) -> None:
        """The start. What cannot be had now is found by the first round and before every signature all the same."""
        if self.reconciled:
            return
        try:
            await reconcile(self.world, self.outbox)
            self.reconciled = True
        except Fenced as loss:
            self.end(loss)
        except (ChainUnavailable, BooksUnavailable) as outage:
            log.error("not reconciled", reason=str(outage))

    async def _indexes_now(self) -> None:
        """Those that are due, and nothing else."""
        if not await self.desk.open():
            return
        funds = await self.world.books.funds()
        try:
            self.desk.begin(funds, await self.world.chain.head())
            await self.desk.all_answered()
            await self._start_all([], funds, await self.world.chain.head(), self.world.clock.monotonic())
        except ChainUnavailable:
            return  # the round that follows says so

    async def _try_round(self) -> None:
        """What goes wrong in one round is tried again in the next."""
        try:
            await self._round(await self.world.books.funds())
        except Fenced as loss:
            self.end(loss)
        except BooksUnavailable as outage:
            log.error("books unavailable", reason=str(outage))
        except Exception:
            log.exception("round failed")

    async def _round(self, funds: Sequence[Fund], *, everyone: bool = False) -> None:
        try:
            head = await self.world.chain.head()
        except ChainUnavailable as outage:
            log.error("node unavailable", reason=str(outage))
            head = None
            unseen = Unobserved(str(outage))
        now = self.world.clock.monotonic()
        if head is not None:
            self.last_head = (head.timestamp, now)
            await settle_open(self.world, head, self.outbox, busy=set(self.running))
            if await self.desk.open():
                self.desk.begin([fund for fund in funds if fund.id not in self.running], head)
        jobs, hurried = await self.world.books.jobs(), await self._ready_to_hurry()
        self._heartbeat(head, funds, now)
        due = [fund for fund in funds if everyone or self._is_due(fund, jobs.get(fund.id), fund.id in hurried, now)]
        if self.max_cycles is not None:
            due = due[: max(0, self.max_cycles - self.started)]
        if head is None:
            for fund in due:
                self._start(fund, unseen, now)
        else:
            await self._start_all(due, funds, head, now)

    async def _start_all(self, due: Sequence[Fund], funds: Sequence[Fund], head: Block, now: float) -> None:
        """Cycles of the funds that are due, looks at the indexes that can be judged: one observation for all."""
        judged = self.desk.answered() - set(self.running)
        wanted = [fund for fund in funds if fund.id in judged or fund in due]
        if not wanted:
            return
        seen = await observe(wanted, head, self.world)
        for fund in wanted:
            market = seen[fund.id]
            if fund.id in judged and isinstance(market, Market) and market.open_intent is None:
                self._start_look(fund, market)
            elif fund in due:
                self._start(fund, market, now)

    def _start(self, fund: Fund, seen: Market | Unobserved, now: float) -> None:
        if isinstance(seen, Unobserved):
            self.retries.setdefault(fund.id, Retry()).failed(now)
        else:
            self.retries.pop(fund.id, None)
        self.hurried.discard(fund.id)
        self.started += 1
        cycle = new_cycle(fund, self.world)
        self.run_one(cycle, seen, lambda: run_cycle(cycle, seen, self.world, self.outbox), f"cycle {fund.name}")

    def _start_look(self, fund: Fund, seen: Market) -> None:
        cycle = new_cycle(fund, self.world, of_index=True)
        state, found = self.desk.states[fund.id], self.desk.take(fund.id)

        def look() -> Coroutine[Any, Any, Result]:
            return run_reweighting(cycle, seen, found, state, self.world, self.outbox)

        self.run_one(cycle, seen, lambda: self._looked(cycle, look), f"index of {fund.name}")

    async def _looked(self, cycle: Cycle, look: Work) -> Result:
        try:
            result = await look()
        except BaseException:
            self.desk.postpone(cycle.fund.id)
            if cycle.committed:  # cut off while it followed its transaction, which goes on
                self.hurried.add(cycle.fund.id)
            raise
        if result.state is not None:
            self.hurried.add(cycle.fund.id)
        return result

    async def _ready_to_hurry(self) -> set[int]:
        """Those whose new targets are final: until then their signer has an open transaction, and nothing is traded."""
        if not self.hurried:
            return set()
        return self.hurried - {intent.fund_id for intent in await self.world.books.open_intents()}

    def _is_due(self, fund: Fund, job: Job | None, hurry: bool, now: float) -> bool:
        if fund.id in self.running:
            return False
        retry = self.retries.get(fund.id)
        if retry is not None and now < retry.not_before:
            return False
        if hurry:
            return True
        if job is None or job.next_due is None or self.last_head is None:
            return True
        timestamp, at = self.last_head
        return timestamp + (now - at) >= job.next_due

    def _heartbeat(self, head: Block | None, funds: Sequence[Fund], now: float) -> None:
        if now - self.last_beat < self.world.heartbeat_seconds:
            return
        self.last_beat = now
        log.info(
            "heartbeat",
            block=None if head is None else head.number,
            funds=len(funds),
            running=len(self.running),
            cycles=self.started,
        )

    async def _close(self) -> None:
        await self.desk.close()
        await self.finish()
