"""Both kinds of books, for the contract that they have to keep: `kept` is each of them in turn."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import Attempt, Intent, Mode
from keeper.core.model import Fund
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.fakes.books import FakeBooks


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contract") / "template.db"
    asyncio.run(_migrate(path))
    return path


async def _migrate(path: Path) -> None:
    database = await Database.open(f"sqlite:///{path}")
    await database.upgrade()
    await database.stamp(scenes.CHAIN, Mode.LIVE)
    await database.close()


@pytest.fixture
async def on_disk(template: Path, tmp_path: Path) -> AsyncIterator[Kept]:
    shutil.copy(template, tmp_path / "books.db")
    database = await Database.open(f"sqlite:///{tmp_path / 'books.db'}")
    yield Kept(SqlBooks(database, parse_policy=scenes.parse_policy, now=scenes.Ticking()), SqlReader(database))
    await database.close()


@pytest.fixture
def in_memory() -> Kept:
    return Kept(FakeBooks(scenes.Ticking()))


@pytest.fixture(params=["in_memory", "on_disk"])
def kept(request: pytest.FixtureRequest) -> Kept:
    found: Kept = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def fund(kept: Kept) -> Fund:
    return await kept.fund()


@pytest.fixture
async def intent(kept: Kept, fund: Fund) -> Intent:
    """Planned."""
    return await kept.planned(fund)


@pytest.fixture
async def attempt(kept: Kept, intent: Intent) -> Attempt:
    """Signed with nonce 0, the signer's first, and accepted by the node."""
    return await kept.sent(intent)
