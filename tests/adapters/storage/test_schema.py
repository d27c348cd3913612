"""Migrations: from nothing to exactly the tables the code names, also from an installed wheel."""

import asyncio
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.reader import SqlReader
from keeper.adapters.storage.tables import SCHEMA_VERSION, metadata
from keeper.core.ledger import Mode
from keeper.ports import BooksUnavailable
from tests.adapters.storage import scenes
from tests.adapters.storage.conftest import Backend

pytestmark = pytest.mark.adapter

ROOT = Path(__file__).parents[3]


async def test_upgrade_from_nothing_gives_the_tables_of_the_code(backend: Backend) -> None:
    database = await Database.open(await backend.empty())
    try:
        assert await database.schema_version() is None
        assert not await database.is_current()
        await database.upgrade()
        await database.upgrade()  # a second time changes nothing
        assert await database.schema_version() == SCHEMA_VERSION
        assert await database.is_current()

        def differences(db: Connection) -> list[object]:
            context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": True})
            return list(compare_metadata(context, metadata))

        assert await database.read(differences) == []
    finally:
        await database.close()


async def test_two_that_start_together_make_it_once(backend: Backend) -> None:
    url = await backend.empty()
    both = [await Database.open(url) for _ in range(2)]
    try:
        await asyncio.gather(*(database.upgrade() for database in both))
        await asyncio.gather(*(database.stamp(scenes.CHAIN, Mode.LIVE) for database in both))
        assert [await database.is_current() for database in both] == [True, True]
        assert len([record async for record in SqlReader(both[0]).journal()]) == 1
        assert (await SqlReader(both[1]).lease())["epoch"] == 0
    finally:
        for database in both:
            await database.close()


def test_the_code_wants_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "keeper.adapters.storage:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


async def test_failed_upgrade_leaves_nothing_behind(backend: Backend) -> None:
    database = await Database.open(await backend.empty())
    try:
        await database.write(lambda db: db.execute(text("CREATE TABLE journal (in_the_way INTEGER)")))
        with pytest.raises(Exception, match="journal"):
            await database.upgrade()
        assert await database.schema_version() is None
        await database.write(lambda db: db.execute(text("DROP TABLE journal")))
        await database.upgrade()
        assert await database.is_current()
    finally:
        await database.close()


async def test_database_without_tables_says_what_to_do(backend: Backend) -> None:
    database = await Database.open(await backend.empty())
    try:
        with pytest.raises(BooksUnavailable, match="run `keeper db upgrade`"):
            await SqlBooks(database, parse_policy=scenes.parse_policy).funds()
    finally:
        await database.close()


def test_wheel_brings_its_migrations(tmp_path: Path) -> None:
    """Built, unpacked, and run from there, with the source tree out of sight."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    installed = tmp_path / "installed"
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    script = f"""
import asyncio, sys
sys.path.insert(0, {str(installed)!r})
import keeper
from keeper.adapters.storage.database import Database
async def main():
    database = await Database.open("sqlite:///wheel.db")
    await database.upgrade()
    print(keeper.__file__, await database.is_current())
    await database.close()
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == [str(installed / "keeper" / "__init__.py"), "True"], done.stderr
