"""One keeper per SQLite file: the second start is told who holds it; a dead holder holds nothing."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import AlreadyRunning
from keeper.adapters.storage.lock import ProcessLock
from keeper.ports import BooksUnavailable
from tests.adapters.storage.conftest import Backend
from tests.adapters.storage.postgres import PostgresServer
from tests.adapters.storage.processes import another_process

pytestmark = pytest.mark.adapter

KEEPER = """
import asyncio, sys
from keeper.adapters.storage.database import Database
async def main():
    database = await Database.open(sys.argv[1])
    await database.lock()
    print("held", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await database.close()
asyncio.run(main())
"""


@pytest.fixture
async def url(sqlite_backend: Backend) -> str:
    return await sqlite_backend.ready()


@pytest.fixture
async def second(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.close()


async def test_second_start_is_refused_in_one_line(url: str, second: Database) -> None:
    async with another_process(KEEPER, url) as first:
        assert first.stdout
        assert await first.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=rf"another keeper \(pid {first.pid}\) is running on this database"):
            await second.lock()
    await second.lock()  # the first has ended


async def test_killed_keeper_holds_nothing(url: str, second: Database) -> None:
    async with another_process(KEEPER, url) as first:
        assert first.stdout
        assert await first.stdout.readline() == b"held\n"
        first.kill()
        await first.wait()
        await second.lock()


async def test_lock_is_free_after_close(url: str) -> None:
    for _ in range(2):
        database = await Database.open(url)
        await database.lock()
        await database.close()


async def test_a_server_is_not_locked(postgres: PostgresServer, tmp_path: Path, sqlite_template: Path) -> None:
    """There a lease says who may write: a lock of a session is handed on when the session is cut."""
    url = await Backend("postgresql", tmp_path, sqlite_template, postgres).ready()
    first, second = await Database.open(url), await Database.open(url)
    try:
        await first.lock()
        await second.lock()
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert await first.read(lambda db: db.scalar(text(held))) == 0
        assert first.is_shared
    finally:
        await first.close()
        await second.close()


def test_lock_file_names_its_holder_and_stays(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path / "keeper.db").acquire()
    assert (tmp_path / "keeper.db.lock").read_text() == f"{os.getpid()}\n"
    with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
        ProcessLock(tmp_path / "keeper.db").acquire()
    lock.release()
    ProcessLock(tmp_path / "keeper.db").acquire().release()
    assert (tmp_path / "keeper.db.lock").exists()


def test_lock_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(BooksUnavailable, match=r"lock file .* cannot be opened: No such file or directory"):
        ProcessLock(tmp_path / "absent" / "keeper.db").acquire()
