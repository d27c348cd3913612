"""Every test of the books runs on SQLite and on a real PostgreSQL. One that cannot start is a failure, not a skip."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.reader import SqlReader
from keeper.adapters.storage.tables import metadata
from keeper.core.journal import GENESIS
from keeper.core.ledger import Attempt, Intent, Mode, RecordKind
from keeper.core.model import Fund
from tests.adapters.storage import scenes
from tests.adapters.storage.postgres import PostgresServer


@dataclass
class Backend:
    """Hands out databases: `empty()` without tables, `ready()` migrated and without rows; one `ready` a test."""

    name: str
    folder: Path
    template: Path
    server: PostgresServer | None = None

    async def empty(self) -> str:
        return await self._new(migrated=False)

    async def ready(self) -> str:
        return await self._new(migrated=True)

    async def _new(self, *, migrated: bool) -> str:
        if self.server is None:
            path = self.folder / f"{next(_numbers)}.db"
            if migrated:
                shutil.copy(self.template, path)
            return f"sqlite:///{path}"
        if migrated:
            await _wipe(self.server)
            return self.server.url(READY)
        name = f"empty_{next(_numbers)}"
        await _create(self.server, name)
        return self.server.url(name)


READY = "keeper_ready"
"""The one migrated PostgreSQL database: emptied for every test, which takes a tenth of making another."""

_numbers = count()


async def _create(server: PostgresServer, name: str) -> None:
    admin = await asyncpg.connect(server.url("postgres"))
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
    finally:
        await admin.close()


async def _wipe(server: PostgresServer) -> None:
    admin = await asyncpg.connect(server.url(READY))
    try:
        deletions = ";".join(f"DELETE FROM {table.name}" for table in metadata.sorted_tables)
        # the two rows that the migrations make
        head = f"INSERT INTO journal_head VALUES (1, 0, '{GENESIS}')"
        lease = "INSERT INTO writer_lease (id, epoch, holder, released) VALUES (1, 0, '', TRUE)"
        # as a replica: without triggers and foreign keys, as no keeper ever connects
        await admin.execute(f"SET session_replication_role = replica; {deletions}; {head}; {lease}")
    finally:
        await admin.close()


async def _migrate(url: str) -> None:
    database = await Database.open(url)
    try:
        await database.upgrade()
    finally:
        await database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "keeper.db"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        asyncio.run(_create(server, READY))
        asyncio.run(_migrate(server.url(READY)))
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> Backend:
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    return Backend(request.param, tmp_path, sqlite_template, server)


@pytest.fixture
def sqlite_backend(tmp_path: Path, sqlite_template: Path) -> Backend:
    return Backend("sqlite", tmp_path, sqlite_template)


@pytest.fixture
async def url(backend: Backend) -> str:
    return await backend.ready()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    await opened.stamp(scenes.CHAIN, Mode.LIVE)
    yield opened
    await opened.close()


@pytest.fixture
def books(database: Database) -> SqlBooks:
    return SqlBooks(database, parse_policy=scenes.parse_policy, now=scenes.Ticking())


@pytest.fixture
def reader(database: Database) -> SqlReader:
    return SqlReader(database)


@pytest.fixture
async def fund(books: SqlBooks) -> Fund:
    added = await books.add_fund("main", scenes.TREASURY, scenes.SIGNER, scenes.USDC, "key.json", "password")
    await books.put_policy(added.id, {"DRIFT_THRESHOLD": "0.05"}, {}, "operator", "first")
    return added


@pytest.fixture
async def intent(books: SqlBooks, fund: Fund) -> Intent:
    """Planned."""
    intent_id = await books.commit_cycle(scenes.trading(fund.id))
    assert intent_id
    return await books.intent(intent_id)


@pytest.fixture
async def sent(books: SqlBooks, intent: Intent) -> Attempt:
    """Its first attempt, with the signer's first nonce: accepted by the node."""
    attempt = await books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    await books.mark_sent(attempt.id, scenes.SENT_AT, scenes.ACCEPTED, scenes.record(RecordKind.OUTCOME))
    return attempt


@pytest.fixture
def everything(database: Database) -> Any:
    """All rows of all tables, to compare before with after."""
    return lambda: database.read(scenes.dump)
