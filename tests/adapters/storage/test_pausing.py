"""An operator who says stop is heard: what is signed after the command has returned was not begun before it ended."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from keeper.adapters.storage import intents
from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.core.ledger import Intent, IntentState
from keeper.core.model import Fund
from tests.adapters.storage import scenes
from tests.adapters.storage.amid import amid, waits
from tests.adapters.storage.conftest import Backend
from tests.adapters.storage.postgres import PostgresServer
from tests.adapters.storage.test_permits import GATES

pytestmark = pytest.mark.adapter


@pytest.fixture
def backend(tmp_path: Path, sqlite_template: Path, postgres: PostgresServer) -> Backend:
    """A server: the writers of a file queue anyway."""
    return Backend("postgresql", tmp_path, sqlite_template, postgres)


@pytest.fixture
async def second(url: str, database: Database) -> AsyncIterator[Database]:
    """Another process's way in, such as that of `keeper pause`."""
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.mark.parametrize("said", GATES)
async def test_stop_waits_for_a_signature_under_way(
    said: str, database: Database, second: Database, fund: Fund, intent: Intent, books: SqlBooks
) -> None:
    """When the command has returned, nothing is signed any more: not even what had asked for leave just before."""

    def sign(db: Connection) -> Any:
        return intents.save_attempt(db, scenes.SENT_AT, intent.id, scenes.signed(), scenes.terms(), "signed")

    operator = SqlBooks(second, parse_policy=scenes.parse_policy)
    async with amid(database, sign) as signing:
        stop = asyncio.ensure_future(GATES[said](operator, fund))
        assert await waits(second, stop)
        await signing.finish()
        await stop
    assert (await books.intent(intent.id)).state is IntentState.SIGNED
