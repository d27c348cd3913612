"""The daemon's heart: which funds are due, one cycle at a time per fund, and a clean end.

Intervals are chain time. The loop asks for the head, lets open transactions move on, and starts a cycle for every
fund that is due; due funds share one observation. A fund's cycle runs in its own task, so that one that hangs or
fails holds up nobody else.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from keeper.app.cycle import cut_off, new_cycle, run_cycle
from keeper.app.memory import Outbox
from keeper.app.observe import Unobserved, observe
from keeper.app.outcome import Cycle, Result
from keeper.app.reconcile import reconcile
from keeper.app.transactions import settle_open
from keeper.app.world import World
from keeper.core.ledger import Action, Job
from keeper.core.model import Block, Fund, Market
from keeper.core.units import Timestamp
from keeper.ports import BooksUnavailable, ChainUnavailable, Fenced

log = structlog.get_logger()

FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 300.0
STOP_GRACE_SECONDS = 3.0
RESULTS_KEPT = 1_000
"""The newest; a daemon runs for months."""


@dataclass(slots=True)
class Retry:
    """A fund that could not be observed is tried again after a pause that doubles."""

    pause: float = FIRST_RETRY_SECONDS
    not_before: float = 0.0

    def failed(self, now: float) -> None:
        self.not_before = now + self.pause
        self.pause = min(self.pause * 2, LAST_RETRY_SECONDS)


@dataclass(slots=True)
class Scheduler:
    """`max_cycles` counts the cycles of all funds together; None means until `stop` is set."""

    world: World
    stop: asyncio.Event
    max_cycles: int | None = None
    outbox: Outbox = field(default_factory=Outbox)
    results: deque[Result] = field(default_factory=lambda: deque(maxlen=RESULTS_KEPT))
    started: int = 0
    running: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    retries: dict[int, Retry] = field(default_factory=dict)
    last_head: tuple[Timestamp, float] | None = None
    last_beat: float = float("-inf")
    reconciled: bool = False
    fenced: str | None = None
    """Why this process may write nothing more: another one keeps the funds now."""

    async def run_once(self) -> list[Result]:
        """One cycle of every fund now, due or not; fewer when it is stopped. Raises BooksUnavailable."""
        await self._unless_stopped(self._reconcile())
        await self._unless_stopped(self._round(await self.world.books.funds(), everyone=True))
        await self._unless_stopped(self._cycles_end())
        await self._finish()
        return list(self.results)

    async def run(self) -> list[Result]:
        """Until stopped, or until `max_cycles` have ended. Cycles that are under way get a moment to end."""
        await self._unless_stopped(self._reconcile())
        while not self.stop.is_set() and not self._enough():
            await self._unless_stopped(self._try_round())
            await self._pause()
        await self._finish()
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
            self._end(loss)
        except (ChainUnavailable, BooksUnavailable) as outage:
            log.error("not reconciled", reason=str(outage))

    async def _try_round(self) -> None:
        """What goes wrong in one round is tried again in the next."""
        try:
            await self._round(await self.world.books.funds())
        except Fenced as loss:
            self._end(loss)
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
        jobs = await self.world.books.jobs()
        self._heartbeat(head, funds, now)
        due = [fund for fund in funds if everyone or self._is_due(fund, jobs.get(fund.id), now)]
        if self.max_cycles is not None:
            due = due[: max(0, self.max_cycles - self.started)]
        if not due:
            return
        seen: dict[int, Market | Unobserved] = (
            {fund.id: unseen for fund in due} if head is None else await observe(due, head, self.world)
        )
        for fund in due:
            self._start(fund, seen[fund.id], now)

    def _start(self, fund: Fund, seen: Market | Unobserved, now: float) -> None:
        if isinstance(seen, Unobserved):
            self.retries.setdefault(fund.id, Retry()).failed(now)
        else:
            self.retries.pop(fund.id, None)
        self.started += 1
        task = asyncio.create_task(self._guarded(new_cycle(fund, self.world), seen), name=f"cycle {fund.name}")
        self.running[fund.id] = task
        task.add_done_callback(lambda _: self.running.pop(fund.id, None))

    async def _guarded(self, cycle: Cycle, seen: Market | Unobserved) -> None:
        """Run a cycle; nothing that happens in it reaches the other funds."""
        with structlog.contextvars.bound_contextvars(fund=cycle.fund.name, cycle=cycle.id):
            try:
                async with asyncio.timeout(self.world.cycle_timeout_seconds):
                    self.results.append(await run_cycle(cycle, seen, self.world, self.outbox))
            except TimeoutError:
                await self._record_failure(cycle, seen, f"cut off after {self.world.cycle_timeout_seconds:g} s")
            except Fenced as loss:
                self._end(loss)
            except (ChainUnavailable, BooksUnavailable) as outage:
                await self._record_failure(cycle, seen, str(outage))
            except Exception as error:
                log.exception("cycle failed")
                await self._record_failure(cycle, seen, f"{type(error).__name__}: {error}")

    def _end(self, loss: Fenced) -> None:
        """Nothing more can be written, so nothing more is done: whoever has the lease goes on from the books."""
        if self.fenced is None:
            log.error("keeper fenced", reason=str(loss))
        self.fenced = str(loss)
        self.stop.set()

    async def _record_failure(self, cycle: Cycle, seen: Market | Unobserved, reason: str) -> None:
        try:
            self.results.append(await cut_off(cycle, seen, reason, self.world))
        except Fenced as loss:
            self._end(loss)
        except BooksUnavailable as outage:
            log.error("cycle not recorded", reason=reason, books=str(outage))
            self.results.append(Result(cycle, Action.FAILED, reason))
        except Exception:
            log.exception("cycle not recorded", reason=reason)
            self.results.append(Result(cycle, Action.FAILED, reason))

    def _is_due(self, fund: Fund, job: Job | None, now: float) -> bool:
        if fund.id in self.running:
            return False
        retry = self.retries.get(fund.id)
        if retry is not None and now < retry.not_before:
            return False
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

    async def _finish(self) -> None:
        tasks = list(self.running.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=STOP_GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in late:
            log.warning(
                "cycle abandoned", task=task.get_name(), note="an open transaction is taken up at the next start"
            )
