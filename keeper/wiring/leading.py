"""One writer: the file's lock on SQLite, the lease on PostgreSQL; and a standby that waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from keeper.adapters.storage.database import Database
from keeper.adapters.storage.lease import RENEW_SECONDS, WriterLease
from keeper.ports import BooksUnavailable, Fenced
from keeper.settings import ConfigurationError

log = structlog.get_logger()

STANDBY_POLL_SECONDS = 0.5
RETRY_SECONDS = 1.0


class StandbyEnded(Exception):
    """The process was asked to stop before it ever had the lease."""


@dataclass(slots=True)
class Leadership:
    """The lease that this process holds. `lost` is why it does not any more."""

    lease: WriterLease
    lost: str | None = None

    def held(self) -> bool:
        return self.lost is None and self.lease.held()

    async def renew_until_lost(self, stop: asyncio.Event) -> None:
        """Sets `stop` when another process has taken over. A database that is away is asked again."""
        pause: float = RENEW_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                await self.lease.renew()
                pause = RENEW_SECONDS
            except Fenced as loss:
                self.lost = str(loss)
                log.error("keeper fenced", reason=self.lost)
                stop.set()
                return
            except BooksUnavailable as outage:
                log.warning("lease not renewed", reason=str(outage))
                pause = RETRY_SECONDS


@asynccontextmanager
async def leading(database: Database, stop: asyncio.Event, *, wait: bool) -> AsyncIterator[Leadership]:
    """The lease, held and renewed until the context ends; every write of `database` is fenced by it.

    `wait`: be a standby while another keeper has it. Raises ConfigurationError without it, StandbyEnded when `stop` is
    set first, BooksUnavailable.
    """
    lease = WriterLease(database)
    await _acquire(lease, stop, wait)
    leadership = Leadership(lease)
    database.fence(lease)
    renewing = asyncio.create_task(leadership.renew_until_lost(stop), name="lease")
    try:
        yield leadership
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        with contextlib.suppress(Fenced, BooksUnavailable):  # it expires by itself
            await lease.release()


async def _acquire(lease: WriterLease, stop: asyncio.Event, wait: bool) -> None:
    told: str | None = None
    while True:
        try:
            holder = await lease.acquire()
        except BooksUnavailable:
            if told is None:
                raise
            holder = told  # a standby outlives an outage of the database
        if holder is None:
            log.info("lease taken", epoch=lease.epoch)
            return
        if not wait:
            raise ConfigurationError([f"another keeper ({holder}) is running on this database"])
        if holder != told:
            log.info("standby", leader=holder)
            told = holder
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), STANDBY_POLL_SECONDS)
        if stop.is_set():
            raise StandbyEnded
