"""A transaction held open on purpose, and whether anybody waits for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from keeper.adapters.storage.database import Database

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
_SECONDS = 10.0


class Amid:
    """Between the last statement of a write and its commit. `pid` is that of its session on PostgreSQL."""

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.pid: int | None = None
        self._work = work
        self._reached = asyncio.Event()
        self._go_on = asyncio.Event()
        self._writing: asyncio.Future[Any] | None = None

    def __call__(self, db: Connection) -> Any:
        """The work, and then nothing more until `finish`."""
        result = self._work(db)
        self.pid = db.scalar(text("SELECT pg_backend_pid()")) if db.dialect.name == "postgresql" else None
        self._reached.set()
        await_only(self._go_on.wait())
        return result

    async def reach(self, writing: "asyncio.Future[Any]") -> None:
        """Until `writing`, which calls this, is done with its work."""
        reached = asyncio.ensure_future(self._reached.wait())
        await asyncio.wait({writing, reached}, return_when=asyncio.FIRST_COMPLETED, timeout=_SECONDS)
        assert self._reached.is_set(), "it ended, or hangs, before its commit"
        self._writing = writing

    async def finish(self) -> Any:
        """Commits; returns or raises what the write does."""
        self._go_on.set()
        assert self._writing is not None
        return await asyncio.wait_for(asyncio.shield(self._writing), _SECONDS)


@asynccontextmanager
async def amid(database: Database, work: Callable[[Connection], Any]) -> AsyncIterator[Amid]:
    """`work` of `database` is done and not committed while the context lasts, and committed with its end."""
    held = Amid(work)
    await held.reach(asyncio.ensure_future(database.write(held)))
    try:
        yield held
    finally:
        await asyncio.gather(held.finish(), return_exceptions=True)


async def waits(database: Database, task: "asyncio.Future[Any]") -> bool:
    """Whether `task` comes to wait for a lock of the PostgreSQL that `database` is of; False when it ends instead."""
    async with asyncio.timeout(_SECONDS):
        while not task.done():
            if await database.read(lambda db: db.scalar(_WAITING)):
                return True
    return False
