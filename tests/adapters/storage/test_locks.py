"""One keeper per database: the second start is told who holds it; a dead holder holds nothing."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import AlreadyRunning
from keeper.adapters.storage.lock import ProcessLock
from keeper.ports import BooksUnavailable
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
async def second(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.close()


async def test_second_start_is_refused_in_one_line(url: str, second: Database) -> None:
    async with another_process(KEEPER, url) as first:
        assert first.stdout
        assert await first.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=rf"another keeper \(.*pid {first.pid}\) is running on this database"):
            await second.lock()
    await second.lock()  # the first has ended


async def test_killed_keeper_holds_nothing(url: str, second: Database) -> None:
    async with another_process(KEEPER, url) as first:
        assert first.stdout
        assert await first.stdout.readline() == b"held\n"
        first.kill()
        await first.wait()
        async with asyncio.timeout(10):  # PostgreSQL notices a lost session when its socket closes, not at once
            while True:
                try:
                    await second.lock()
                    break
                except AlreadyRunning:
                    await asyncio.sleep(0.02)


async def test_lock_is_free_after_close(url: str) -> None:
    for _ in range(2):
        database = await Database.open(url)
        await database.lock()
        await database.close()


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
