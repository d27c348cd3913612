"""Opening a database: what is accepted, and the one clear line for everything that is not."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import WrongDatabase
from keeper.adapters.storage.reader import SqlReader
from keeper.adapters.storage.url import parse_url
from keeper.core.ledger import Mode
from keeper.ports import BooksUnavailable
from tests.adapters.storage import scenes
from tests.adapters.storage.conftest import Backend
from tests.adapters.storage.postgres import PASSWORD, PostgresServer
from tests.adapters.storage.processes import another_process

pytestmark = pytest.mark.adapter


@pytest.mark.parametrize(
    ("given", "driver", "shown"),
    [
        ("sqlite:///keeper.db", "sqlite+aiosqlite", "keeper.db"),
        ("sqlite+aiosqlite:////var/lib/keeper.db", "sqlite+aiosqlite", "/var/lib/keeper.db"),
        ("postgres://me:secret@db/keeper", "postgresql+asyncpg", "postgresql://db/keeper"),
        ("postgresql://me:secret@db:5433/keeper?sslmode=require", "postgresql+asyncpg", "postgresql://db:5433/keeper"),
        ("postgresql+asyncpg://me:s%40cret@db/keeper", "postgresql+asyncpg", "postgresql://db/keeper"),
    ],
)
def test_url_forms(given: str, driver: str, shown: str) -> None:
    where = parse_url(given)
    assert (where.url.drivername, where.shown) == (driver, shown)
    assert where.url.query.get("ssl") == ("require" if "sslmode" in given else None)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "hunter2",
        "mysql://me:hunter2@db/keeper",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://hunter2/keeper.db",
        "sqlite:///keeper.db?mode=hunter2",
        "postgresql://me:hunter2@db",
        "postgresql://me:hunter2@db:port/keeper",
        "postgresql://me:hunt@er2:x/y@db:54x/keeper",
    ],
)
def test_bad_url_is_one_line_without_its_secret(given: str) -> None:
    with pytest.raises(ValueError, match=r"^DATABASE_URL") as caught:
        parse_url(given)
    said = str(caught.value)
    assert "\n" not in said
    assert "hunter2" not in said
    assert "er2" not in said
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_stamp_is_checked_ever_after(url: str) -> None:
    first = await Database.open(url)
    await first.stamp(31337, Mode.LIVE)
    await first.stamp(31337, Mode.LIVE)
    records = [record async for record in SqlReader(first).journal()]
    await first.close()
    assert [(record["kind"], record["seq"]) for record in records] == [("checkpoint", 1)]
    assert '"chain_id":"31337"' in records[0]["body"]
    assert '"mode":"live"' in records[0]["body"]

    again = await Database.open(url)
    try:
        with pytest.raises(WrongDatabase, match=r"belongs to chain 31337, not 1$"):
            await again.stamp(1, Mode.LIVE)
        with pytest.raises(WrongDatabase, match=r"is of a live keeper: use another for a dry run"):
            await again.stamp(31337, Mode.DRY_RUN)
        with pytest.raises(WrongDatabase):
            await again.check_stamp(1)
        await again.check_stamp(31337)
        assert len([record async for record in SqlReader(again).journal()]) == 1
    finally:
        await again.close()


async def test_live_run_refuses_a_dry_database(url: str) -> None:
    database = await Database.open(url)
    try:
        await database.stamp(31337, Mode.DRY_RUN)
        with pytest.raises(WrongDatabase, match="is of a dry run: use another for a live keeper"):
            await database.stamp(31337, Mode.LIVE)
    finally:
        await database.close()


async def test_reading_only(url: str) -> None:
    writer = await Database.open(url)
    await writer.stamp(31337, Mode.LIVE)
    await writer.close()  # the file alone is left, without its write-ahead log
    reader = await Database.open(url, read_only=True)
    try:
        assert await SqlReader(reader).status() == []
        with pytest.raises(BooksUnavailable, match=r"not writable|for reading only"):
            await SqlBooks(reader, parse_policy=scenes.parse_policy).append(scenes.record())
    finally:
        await reader.close()


def test_reader_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(BooksUnavailable, match="there is no database at"):
        asyncio.run(Database.open(f"sqlite:///{tmp_path}/none.db", read_only=True))
    assert list(tmp_path.iterdir()) == []


async def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(BooksUnavailable, match=r"directory .*/absent .*is not there"):
        await Database.open(f"sqlite:///{tmp_path}/absent/keeper.db")


async def test_path_that_is_a_directory(tmp_path: Path) -> None:
    with pytest.raises(BooksUnavailable, match="cannot be opened"):
        await Database.open(f"sqlite:///{tmp_path}")


def test_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "keeper.db"
    path.write_bytes(b"this is a letter to my aunt, not a database" * 100)
    with pytest.raises(BooksUnavailable, match="is not a SQLite database"):
        asyncio.run(Database.open(f"sqlite:///{path}"))
    assert path.read_bytes().startswith(b"this is a letter")


def test_damaged_file(tmp_path: Path, sqlite_template: Path) -> None:
    content = bytearray(sqlite_template.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path = tmp_path / "damaged.db"
    path.write_bytes(content)
    with pytest.raises(BooksUnavailable, match="is damaged"):
        asyncio.run(Database.open(f"sqlite:///{path}"))


HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


async def test_database_locked_by_another_process(sqlite_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keeper.adapters.storage.database.BUSY_SECONDS", 0.2)
    url = await sqlite_backend.ready()
    path = url.removeprefix("sqlite:///")
    database = await Database.open(url)
    await database.stamp(31337, Mode.LIVE)
    books = SqlBooks(database, parse_policy=scenes.parse_policy)
    async with another_process(HOLDER, path) as holder:
        assert holder.stdout
        assert await holder.stdout.readline() == b"held\n"
        with pytest.raises(BooksUnavailable, match=r"is locked by another process$"):
            await books.append(scenes.record())
    await books.append(scenes.record())  # free again, without reopening
    await database.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT count(*) FROM journal").fetchone() == (2,)


async def test_sqlite_is_durable_and_keeps_its_references(sqlite_backend: Backend) -> None:
    database = await Database.open(await sqlite_backend.ready())
    try:
        settings = {
            name: await database.read(lambda db, name=name: db.scalar(text(f"PRAGMA {name}")))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    finally:
        await database.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_postgres_outages(postgres: PostgresServer) -> None:
    for url, said in (
        (postgres.url("keeper_ready", password="wrong-horse"), "refuses the user or the password"),
        (postgres.url("absent"), "does not exist on the server"),
        (postgres.url("postgres").replace(str(postgres.port), "1"), "does not answer"),
    ):
        with pytest.raises(BooksUnavailable, match=said) as caught:
            await Database.open(url)
        assert "\n" not in str(caught.value)
        assert "horse" not in str(caught.value)
    assert "horse" in PASSWORD


async def test_postgres_session_cut_off(postgres: PostgresServer, tmp_path: Path, sqlite_template: Path) -> None:
    """One refusal, then a new connection: an outage of the database is not the end of the process."""
    database = await Database.open(await Backend("postgresql", tmp_path, sqlite_template, postgres).ready())
    try:
        books = SqlBooks(database, parse_policy=scenes.parse_policy)
        await books.append(scenes.record())
        other = await Database.open(postgres.url("postgres"))
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'keeper_ready'"
        assert (await other.read(lambda db: db.execute(text(kill)).all())) == [(True,)]
        await other.close()
        with pytest.raises(BooksUnavailable):
            await books.append(scenes.record())
        await books.append(scenes.record())
    finally:
        await database.close()
