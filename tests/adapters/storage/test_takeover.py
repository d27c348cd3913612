"""Taking over on PostgreSQL: never amid a write, never two writers, however sessions are cut and clocks are set."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from keeper.adapters.storage import database as database_module
from keeper.adapters.storage import journal
from keeper.adapters.storage import lease as lease_module
from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.lease import WriterLease
from keeper.adapters.storage.reader import SqlReader
from keeper.core.journal import content_hash
from keeper.core.ledger import Record
from keeper.ports import BooksUnavailable, Fenced
from tests.adapters.storage import scenes
from tests.adapters.storage.amid import Amid, amid, waits
from tests.adapters.storage.conftest import Backend
from tests.adapters.storage.leases import expire
from tests.adapters.storage.postgres import PostgresServer
from tests.adapters.storage.test_journal import assert_unbroken, read_all

pytestmark = pytest.mark.adapter


@pytest.fixture
def backend(tmp_path: Path, sqlite_template: Path, postgres: PostgresServer) -> Backend:
    return Backend("postgresql", tmp_path, sqlite_template, postgres)


@pytest.fixture
async def standby(url: str, database: Database) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def watcher(url: str, database: Database) -> AsyncIterator[Database]:
    """A third way in, to see who waits and to cut others off."""
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def leader(database: Database) -> WriterLease:
    """`database` is the leader's, and behind its fence."""
    lease = WriterLease(database, "leader")
    assert await lease.acquire() is None
    database.fence(lease)
    return lease


@pytest.fixture
def successor(standby: Database) -> WriterLease:
    return WriterLease(standby, "successor")


def appending(record: Record) -> Callable[[Connection], None]:
    def work(db: Connection) -> None:
        journal.append(db, [record], scenes.SENT_AT)

    return work


def slowly_appending(record: Record, dice: random.Random) -> Callable[[Connection], None]:
    """After some looks at every table, so that there is time for somebody to come in between and to be faster."""

    def work(db: Connection) -> None:
        for _ in range(dice.randrange(4)):
            scenes.dump(db)
        appending(record)(db)

    return work


async def contents(reader: SqlReader) -> list[str]:
    """Of every record but the stamp's, in order."""
    records = await read_all(reader)
    assert_unbroken(records)
    return [record["content"] for record in records[1:]]


async def cut(watcher: Database, pid: int | None) -> None:
    kill = text("SELECT pg_terminate_backend(:pid)")
    assert await watcher.read(lambda db: db.scalar(kill, {"pid": pid}))


@pytest.mark.parametrize("ahead", [timedelta(days=-1), timedelta(days=1)], ids=["behind", "ahead"])
async def test_clock_of_the_process_is_not_asked(
    leader: WriterLease,
    successor: WriterLease,
    watcher: Database,
    monkeypatch: pytest.MonkeyPatch,
    ahead: timedelta,
) -> None:
    """Of two machines either may be wrong."""
    monkeypatch.setattr(lease_module, "utc_now", lambda: datetime.now(UTC) + ahead)
    assert await successor.acquire() == "leader"
    await leader.renew()
    assert await successor.acquire() == "leader"
    await expire(watcher)
    assert await successor.acquire() is None


async def test_takeover_waits_for_a_write_under_way(
    leader: WriterLease, successor: WriterLease, database: Database, watcher: Database, reader: SqlReader
) -> None:
    mine = scenes.record(by="leader")
    await expire(watcher)
    async with amid(database, appending(mine)) as write:
        taking = asyncio.ensure_future(successor.acquire())
        assert await waits(watcher, taking)
        await write.finish()
        assert await taking is None
    assert await contents(reader) == [content_hash(mine.body)]
    with pytest.raises(Fenced):
        await leader.renew()


async def test_write_that_meets_a_takeover_waits_and_is_fenced(
    leader: WriterLease,
    successor: WriterLease,
    standby: Database,
    watcher: Database,
    books: SqlBooks,
    reader: SqlReader,
) -> None:
    await expire(watcher)
    async with amid(standby, successor._take) as takeover:
        late = asyncio.ensure_future(books.append(scenes.record(by="leader")))
        assert await waits(watcher, late)
        assert await takeover.finish() == (None, 2)
        with pytest.raises(Fenced):
            await late
    assert await contents(reader) == []


async def test_takeover_that_was_not_committed_is_none(
    leader: WriterLease, successor: WriterLease, standby: Database, watcher: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks next gets the same epoch: nothing may be written under it by the first."""
    await expire(watcher)
    monkeypatch.setattr(successor, "_take", taking := Amid(successor._take))
    asking = asyncio.ensure_future(successor.acquire())
    await taking.reach(asking)
    await cut(watcher, taking.pid)
    with pytest.raises(BooksUnavailable):
        await taking.finish()
    assert (successor.epoch, successor.held()) == (0, False)
    third = WriterLease(watcher, "third")
    assert await third.acquire() is None
    assert third.epoch == 2
    standby.fence(successor)
    with pytest.raises(Fenced):
        await SqlBooks(standby, parse_policy=scenes.parse_policy).append(scenes.record())


async def test_takeover_that_waits_too_long_says_so_and_takes_nothing(
    leader: WriterLease, database: Database, watcher: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    hasty = await Database.open(url)
    try:
        await expire(watcher)
        async with amid(database, appending(scenes.record())):
            with pytest.raises(BooksUnavailable, match=r"is locked by another process$"):
                await WriterLease(hasty).acquire()
        await leader.renew()
    finally:
        await hasty.close()


async def test_session_cut_off_is_no_takeover(
    leader: WriterLease, successor: WriterLease, database: Database, watcher: Database, books: SqlBooks
) -> None:
    """One write is refused; the next is by the same epoch, since nobody has taken over."""
    pid = await database.read(lambda db: db.scalar(text("SELECT pg_backend_pid()")))
    await cut(watcher, pid)
    with pytest.raises(BooksUnavailable) as refusal:
        await books.append(scenes.record())
    assert not isinstance(refusal.value, Fenced)
    await books.append(scenes.record())
    await leader.renew()
    assert await successor.acquire() == "leader"
    assert leader.epoch == 1


async def test_session_cut_off_amid_a_write_leaves_one_writer(
    leader: WriterLease,
    successor: WriterLease,
    database: Database,
    standby: Database,
    watcher: Database,
    books: SqlBooks,
    reader: SqlReader,
) -> None:
    theirs = scenes.record(by="successor")
    await expire(watcher)
    async with amid(database, appending(scenes.record(by="leader"))) as write:
        taking = asyncio.ensure_future(successor.acquire())
        assert await waits(watcher, taking)
        await cut(watcher, write.pid)
        assert await taking is None
        standby.fence(successor)
        await SqlBooks(standby, parse_policy=scenes.parse_policy).append(theirs)
        with pytest.raises(BooksUnavailable) as refusal:
            await write.finish()
        assert "\n" not in str(refusal.value)
    with pytest.raises(Fenced):
        await books.append(scenes.record(by="leader"))
    assert await contents(reader) == [content_hash(theirs.body)]


async def test_writer_that_is_paused_amid_a_write_does_not_hold_up_its_successor(
    watcher: Database, successor: WriterLease, reader: SqlReader, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the session of one that says nothing more, and with it the transaction."""
    monkeypatch.setattr(database_module, "IDLE_SECONDS", 0.2)
    paused = await Database.open(url)
    try:
        lease = WriterLease(paused, "paused")
        assert await lease.acquire() is None
        paused.fence(lease)
        await expire(watcher)
        async with amid(paused, appending(scenes.record(by="paused"))) as write:
            assert await successor.acquire() is None
            with pytest.raises(BooksUnavailable, match=r"^database postgresql://\S+ [a-z ]+$"):
                await write.finish()
        with pytest.raises(Fenced):
            await lease.renew()
    finally:
        await paused.close()
    assert await contents(reader) == []


async def test_writes_renewals_and_a_standby_never_lock_each_other_out(
    leader: WriterLease, successor: WriterLease, books: SqlBooks, reader: SqlReader
) -> None:
    async def write() -> None:
        for _ in range(15):
            await books.append(scenes.record())

    async def renew() -> None:
        for _ in range(30):
            await leader.renew()

    async def stand_by() -> None:
        for _ in range(30):
            assert await successor.acquire() == "leader"

    await asyncio.gather(write(), write(), write(), renew(), stand_by())
    assert len(await contents(reader)) == 45


async def test_two_keepers_that_take_turns_never_write_amid_each_other(
    url: str, watcher: Database, reader: SqlReader
) -> None:
    """Each writes its epoch until it is fenced, and starts again; the lease is made to expire under them. What the
    journal holds is in the order of the epochs, or one wrote after the other had taken over.
    """
    fenced: list[int] = []
    dice = random.Random(1)

    async def keep() -> None:
        while len(fenced) < 12:
            database = await Database.open(url)
            lease = WriterLease(database)
            try:
                while await lease.acquire() is not None and len(fenced) < 12:
                    await asyncio.sleep(0)
                database.fence(lease)
                while len(fenced) < 12:
                    await database.write(slowly_appending(scenes.record(epoch=f"{lease.epoch:06}"), dice))
            except Fenced:
                fenced.append(lease.epoch)
            except BooksUnavailable:
                pass  # on a slow machine a wait for a lock may be given up
            finally:
                await database.close()

    async def disturb() -> None:
        while len(fenced) < 12:
            with contextlib.suppress(BooksUnavailable):
                await expire(watcher)

    await asyncio.wait_for(asyncio.gather(keep(), keep(), disturb()), 60)
    bodies = [json.loads(record["body"]) for record in (await read_all(reader))[1:]]
    epochs = [body["epoch"] for body in bodies]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) >= 12
