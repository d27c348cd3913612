"""SQLite for asyncio: only what can wait, the file's lock and its disk, goes to the connection's thread.

aiosqlite hands every step of every statement to its thread: a round trip of 60 us each, thirty and more in a
transaction, while the statement itself takes a few. Between BEGIN IMMEDIATE and COMMIT nothing can block, so those
run where they are; a read in WAL mode waits for nobody. That makes a cycle's commit three times as fast.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from keeper.adapters.storage.url import DatabaseUrl

BEGIN_WRITE = "BEGIN IMMEDIATE"
"""A deferred transaction that reads first and writes later fails without waiting when another wrote in between."""


class DirectConnection(aiosqlite.Connection):
    """An aiosqlite connection that leaves its caller's thread only for what can wait."""

    _writing = False

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = fn.__name__
        if name in ("commit", "rollback"):
            if not self._conn.in_transaction:
                return None
            if not self._writing:
                return fn()
            self._writing = False
            return await self._in_thread(fn)
        if args and isinstance(args[0], str) and args[0].startswith((BEGIN_WRITE, "PRAGMA")):
            result = await self._in_thread(fn, *args, **kwargs)
            self._writing = self._conn.in_transaction
            return result
        if name == "close" and isinstance(fn.__self__, sqlite3.Connection):  # type: ignore[attr-defined]
            return await self._in_thread(fn)
        return fn(*args, **kwargs)

    async def _in_thread(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Waits for the end even when cancelled, so that no step is ever under way behind the caller's back."""
        done = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((done, partial(fn, *args, **kwargs)))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            while not done.done():  # the lock's timeout and the disk bound it, however often one cancels
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([done])
            if done.exception() is None and fn.__name__ == "execute":
                self._writing = self._conn.in_transaction  # the rollback that follows must know
            raise


def sqlite_engine(where: DatabaseUrl, read_only: bool, busy_seconds: float) -> AsyncEngine:
    """Connections with WAL, `synchronous = FULL` and foreign keys; `writes=True` begins with the write lock held."""
    assert where.path is not None
    target = f"file:{quote(str(where.path.absolute()))}?mode={'ro' if read_only else 'rwc'}"

    settings = ["foreign_keys = ON"] if read_only else ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"]

    def connector() -> sqlite3.Connection:
        return sqlite3.connect(target, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)

    async def connect(*_args: Any, **_kwargs: Any) -> aiosqlite.Connection:
        connection = DirectConnection(connector, iter_chunk_size=64)
        connection._thread.daemon = True  # a process that ends without closing must not hang on it
        try:
            await connection
        except BaseException:
            connection._thread.join()  # it is ending: aiosqlite would leave it to outlive the loop it reports to
            raise
        try:
            for setting in settings:
                await connection.execute(f"PRAGMA {setting}")
        except BaseException:
            await connection.close()
            raise
        return connection

    engine = create_async_engine(where.url, hide_parameters=True, connect_args={"async_creator_fn": connect})

    @event.listens_for(engine.sync_engine, "begin")
    def begin(db: Connection) -> None:
        db.exec_driver_sql(BEGIN_WRITE if db.get_execution_options().get("writes") else "BEGIN")

    return engine
