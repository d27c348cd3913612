"""The right to write: one row with an epoch, by the database's clock. Whoever takes it over shuts the last one out."""

import os
import socket
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, select, update

from keeper.adapters.storage.tables import writer_lease
from keeper.adapters.storage.types import utc_now
from keeper.ports import Fenced

if TYPE_CHECKING:
    from keeper.adapters.storage.database import Database

TTL_SECONDS: Final = 15
RENEW_SECONDS: Final = 5

_LEASE = writer_lease.c
_ROW = select(writer_lease)
_OURS = select(_LEASE.epoch).with_for_update(read=True)


class WriterLease:
    """Of one process. `epoch` is that of the last acquisition, 0 before the first."""

    def __init__(self, database: "Database", holder: str | None = None) -> None:
        self._database = database
        self._holder = holder or f"keeper pid {os.getpid()} on {socket.gethostname()}"
        self._renewed = float("-inf")
        self.epoch = 0

    async def acquire(self) -> str | None:
        """Takes it when it is free, released or expired. None, or who holds it."""
        began = time.monotonic()
        holder, epoch = await self._database.write(self._take)
        if holder is None:  # and committed: an epoch that never was is the next one's
            self.epoch, self._renewed = epoch, began
        return holder

    async def renew(self) -> None:
        """Raises Fenced when another process has taken it over."""
        began = time.monotonic()  # before the question: what is granted counts from no later than this
        await self._database.write(self._extend)
        self._renewed = began

    async def release(self) -> None:
        """The next one need not wait. Raises Fenced."""
        await self._database.write(self._give_up)
        self._renewed = float("-inf")

    def held(self) -> bool:
        """By our own clock: half the time without a renewal is too long to send anything."""
        return time.monotonic() - self._renewed < TTL_SECONDS / 2

    def check(self, db: Connection) -> None:
        """The first statement of every write: the row is ours, and stays ours until the transaction ends.

        Raises Fenced.
        """
        epoch = db.execute(_OURS).scalar_one()
        if epoch != self.epoch:
            raise Fenced(f"another keeper has taken over (epoch {epoch}, ours was {self.epoch})")

    def _take(self, db: Connection) -> tuple[str | None, int]:
        """Who holds it, None when we do from now on; and its epoch."""
        now = _now(db)
        row = db.execute(_ROW.with_for_update()).one()
        if not row.released and row.expires_at is not None and row.expires_at > now:
            return str(row.holder), row.epoch
        epoch, expiry = row.epoch + 1, now + timedelta(seconds=TTL_SECONDS)
        db.execute(update(writer_lease).values(epoch=epoch, holder=self._holder, expires_at=expiry, released=False))
        return None, epoch

    def _extend(self, db: Connection) -> None:
        self._change(db, expires_at=_now(db) + timedelta(seconds=TTL_SECONDS))

    def _give_up(self, db: Connection) -> None:
        self._change(db, released=True)

    def _change(self, db: Connection, **values: Any) -> None:
        if not db.execute(update(writer_lease).where(_LEASE.epoch == self.epoch).values(**values)).rowcount:
            raise Fenced(f"another keeper has taken over (ours was epoch {self.epoch})")


def _now(db: Connection) -> datetime:
    """The database's clock; a file has none but the machine's."""
    if db.dialect.name != "postgresql":
        return utc_now()
    at: datetime = db.execute(select(func.clock_timestamp())).scalar_one()
    return at
