"""The database itself: open, upgrade, stamp, lock, and the two ways in: `read` and `write`, one transaction each."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from keeper.adapters.storage.errors import UPGRADE, WrongDatabase, unavailable
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.lease import WriterLease
from keeper.adapters.storage.lock import ProcessLock
from keeper.adapters.storage.sqlite import sqlite_engine
from keeper.adapters.storage.tables import SCHEMA_VERSION, database_stamp
from keeper.adapters.storage.types import utc_now
from keeper.adapters.storage.url import DatabaseUrl, parse_url
from keeper.core.journal import rfc3339
from keeper.core.ledger import Mode, Record, RecordKind
from keeper.ports import BooksUnavailable, NoBooks

P = ParamSpec("P")
T = TypeVar("T")

IDLE_SECONDS = 5
MIGRATION_SECONDS = 25
"""How long a start waits for another one that makes the tables: less than a statement may take."""
BUSY_SECONDS = 2
"""How long a writer waits for another process. A transaction of ours takes milliseconds; longer means trouble."""


class Database:
    """An open database. Transactions are plain functions of a `Connection`, so that each is one round of work."""

    def __init__(self, where: DatabaseUrl, engine: AsyncEngine) -> None:
        self._where = where
        self._engine = engine
        self._writer = engine.execution_options(writes=True)
        # SQLite has one writer: ours queue here, fairly, instead of polling the file's lock
        self._turn: asyncio.Lock | None = asyncio.Lock() if where.path else None
        self._lock: ProcessLock | None = None
        self._lease: WriterLease | None = None

    @property
    def is_shared(self) -> bool:
        """Whether several processes may use it at once: a server, not a file that its writer locks."""
        return self._where.path is None

    @property
    def shown(self) -> str:
        """Where it is, without a password."""
        return self._where.shown

    @classmethod
    async def open(cls, url: str, *, read_only: bool = False) -> Self:
        """Opens, and creates a SQLite file that is not there unless `read_only`.

        ValueError for a URL that is none; BooksUnavailable when the database cannot be reached.
        """
        where = parse_url(url)
        if where.path and read_only and not where.path.exists():
            raise NoBooks(f"there is no database at {where.shown}: {UPGRADE}")
        if where.path and not where.path.absolute().parent.is_dir():
            raise BooksUnavailable(f"directory {where.path.absolute().parent} for the database is not there")
        self = cls(
            where, sqlite_engine(where, read_only, BUSY_SECONDS) if where.path else _postgres_engine(where, read_only)
        )
        try:
            await self.read(lambda db: db.scalar(select(1)))
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        await self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work` in one transaction that sees one state. Raises BooksUnavailable."""
        async with self._mapped():
            return await greenlet_spawn(_transact, self._engine.sync_engine, lambda db: work(db, *args, **kwargs))

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work` in one transaction, committed to disk on return, undone when it raises. Raises BooksUnavailable.

        Behind a fence it begins by looking whether this process may write, and raises Fenced when it may not.
        """

        def fenced(db: Connection) -> T:
            if self._lease is not None:
                self._lease.check(db)
            return work(db, *args, **kwargs)

        async with self._mapped(), self._turn or contextlib.nullcontext():
            return await greenlet_spawn(_transact, self._writer.sync_engine, fenced)

    def fence(self, lease: WriterLease) -> None:
        """From now on nothing is written but under this lease."""
        self._lease = lease

    @contextlib.asynccontextmanager
    async def _mapped(self) -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            if outage := unavailable(error, self.shown):
                raise outage from error
            raise

    # ---- schema

    async def upgrade(self) -> None:
        """Brings the tables to this code's revision; all of it, or nothing."""
        if not await self.is_current():
            await self.write(_run_migrations)

    async def schema_version(self) -> str | None:
        """The revision the tables are at; None before the first."""
        try:
            return await self.read(lambda db: db.scalar(text("SELECT version_num FROM alembic_version")))
        except BooksUnavailable as error:
            if isinstance(error.__cause__, DBAPIError) and UPGRADE in str(error):
                return None
            raise

    async def is_current(self) -> bool:
        return await self.schema_version() == SCHEMA_VERSION

    # ---- whose it is

    async def stamp(self, chain_id: int, mode: Mode) -> None:
        """Marks a new database as of this chain and mode, as its first journal record; checks one that is marked.

        Raises WrongDatabase: a dry run never opens a live database, nor a live run a dry one.
        """
        if not await self.read(_check_stamp, chain_id, mode, self.shown):
            await self.write(_stamp, chain_id, mode, self.shown)

    async def check_stamp(self, chain_id: int, mode: Mode | None = None) -> None:
        """Like `stamp` for a reader: writes nothing, and takes a database without a stamp as it is."""
        await self.read(_check_stamp, chain_id, mode, self.shown)

    async def lock(self) -> None:
        """Makes this the only keeper process on a SQLite file until `close`. Raises AlreadyRunning.

        On PostgreSQL nothing is locked: there a lease says who may write.
        """
        if self._where.path:
            self._lock = ProcessLock(self._where.path).acquire()


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    """A whole transaction in one greenlet. By AsyncConnection its begin, work, commit and close are a greenlet each
    and the last a task as well, which takes longer than most of our statements.
    """
    with engine.begin() as db:
        return work(db)


def _postgres_engine(where: DatabaseUrl, read_only: bool) -> AsyncEngine:
    settings = {
        "application_name": f"keeper pid {os.getpid()}",
        "timezone": "UTC",
        "lock_timeout": f"{BUSY_SECONDS}s",
        # a paused writer must not keep its successor from the lease by a transaction that it left open
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        "default_transaction_read_only": "on" if read_only else "off",
    }
    connect_args = {"timeout": 5, "command_timeout": 30, "server_settings": settings}
    return create_async_engine(where.url, hide_parameters=True, connect_args=connect_args)


def _run_migrations(db: Connection) -> None:
    from alembic import command  # not needed by any other command, and slow to import
    from alembic.config import Config

    if db.dialect.name == "postgresql":  # two keepers that start together on a new database: the second finds it done
        db.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_SECONDS}s'"))
        db.execute(text("SELECT pg_advisory_xact_lock(hashtext('keeper migrations'))"))
    config = Config()
    config.set_main_option("script_location", "keeper.adapters.storage:migrations")
    config.attributes["connection"] = db
    command.upgrade(config, "head")


def _stamp(db: Connection, chain_id: int, mode: Mode, shown: str) -> None:
    lock(db)
    if _check_stamp(db, chain_id, mode, shown):
        return
    at = utc_now()
    db.execute(database_stamp.insert(), {"id": 1, "chain_id": chain_id, "mode": mode.value, "created_at": at})
    body = {
        "event": "stamp",
        "chain_id": str(chain_id),
        "mode": mode.value,
        "at": rfc3339(at),
    }
    append(db, [Record(RecordKind.CHECKPOINT, None, body)], at)


def _check_stamp(db: Connection, chain_id: int, mode: Mode | None, shown: str) -> bool:
    found = db.execute(select(database_stamp.c.chain_id, database_stamp.c.mode)).one_or_none()
    if found is None:
        return False
    if found.chain_id != chain_id:
        raise WrongDatabase(f"database {shown} belongs to chain {found.chain_id}, not {chain_id}")
    if mode is not None and found.mode != mode:
        raise WrongDatabase(f"database {shown} is of {_WORDS[Mode(found.mode)]}: use another for {_WORDS[mode]}")
    return True


_WORDS = {Mode.LIVE: "a live keeper", Mode.DRY_RUN: "a dry run"}
