"""Cycles under way: each in a task of its own, cut off when it hangs, recorded when it breaks, and ended in time."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog

from keeper.app.cycle import cut_off
from keeper.app.observe import Unobserved
from keeper.app.outcome import Cycle, Result
from keeper.app.world import World
from keeper.core.ledger import Action
from keeper.core.model import Market
from keeper.ports import BooksUnavailable, ChainUnavailable, Fenced

log = structlog.get_logger()

STOP_GRACE_SECONDS = 3.0
RESULTS_KEPT = 1_000
"""The newest; a daemon runs for months."""

Work: TypeAlias = Callable[[], Coroutine[Any, Any, Result]]
"""What a cycle does. Begun only in its task: one that never starts leaves nothing behind."""


@dataclass(slots=True)
class Cycles:
    """At most one per fund. `running` holds them by fund, whatever they look at: drift or an index."""

    world: World
    stop: asyncio.Event
    results: deque[Result] = field(default_factory=lambda: deque(maxlen=RESULTS_KEPT))
    running: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    fenced: str | None = None
    """Why this process may write nothing more: another one keeps the funds now."""

    def run_one(self, cycle: Cycle, seen: Market | Unobserved, work: Work, name: str) -> None:
        task = asyncio.create_task(self._guarded(cycle, seen, work), name=name)
        self.running[cycle.fund.id] = task
        task.add_done_callback(lambda _: self.running.pop(cycle.fund.id, None))

    async def _guarded(self, cycle: Cycle, seen: Market | Unobserved, work: Work) -> None:
        """Run a cycle; nothing that happens in it reaches the other funds."""
        with structlog.contextvars.bound_contextvars(fund=cycle.fund.name, cycle=cycle.id):
            try:
                async with asyncio.timeout(self.world.cycle_timeout_seconds):
                    self.results.append(await work())
            except TimeoutError:
                await self._record_failure(cycle, seen, f"cut off after {self.world.cycle_timeout_seconds:g} s")
            except Fenced as loss:
                self.end(loss)
            except (ChainUnavailable, BooksUnavailable) as outage:
                await self._record_failure(cycle, seen, str(outage))
            except Exception as error:
                log.exception("cycle failed")
                await self._record_failure(cycle, seen, f"{type(error).__name__}: {error}")

    def end(self, loss: Fenced) -> None:
        """Nothing more can be written, so nothing more is done: whoever has the lease goes on from the books."""
        if self.fenced is None:
            log.error("keeper fenced", reason=str(loss))
        self.fenced = str(loss)
        self.stop.set()

    async def _record_failure(self, cycle: Cycle, seen: Market | Unobserved, reason: str) -> None:
        try:
            self.results.append(await cut_off(cycle, seen, reason, self.world))
        except Fenced as loss:
            self.end(loss)
        except BooksUnavailable as outage:
            log.error("cycle not recorded", reason=reason, books=str(outage))
            self.results.append(Result(cycle, Action.FAILED, reason))
        except Exception:
            log.exception("cycle not recorded", reason=reason)
            self.results.append(Result(cycle, Action.FAILED, reason))

    async def finish(self) -> None:
        """Those that are under way get a moment to end."""
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
