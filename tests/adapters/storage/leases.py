"""What the tests of the lease share: its clock, and a holder that has not renewed it."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from keeper.adapters.storage.database import Database
from keeper.adapters.storage.tables import writer_lease
from keeper.adapters.storage.types import utc_now


def now_of(db: Connection) -> datetime:
    """By the database; a file has no clock but the machine's."""
    if db.dialect.name != "postgresql":
        return utc_now()
    at: datetime = db.execute(select(func.clock_timestamp())).scalar_one()
    return at


async def expire(database: Database, since: timedelta = timedelta(milliseconds=1)) -> None:
    """As if it had ended so long ago; a negative one is still to come."""

    def end(db: Connection) -> None:
        db.execute(update(writer_lease).values(expires_at=now_of(db) - since))

    await database.write(end)
