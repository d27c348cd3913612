"""A full disk: no step is half written, the error says so in one line, and with room again the books go on."""

import json
from pathlib import Path

import pytest

from tests.adapters.storage.conftest import Backend
from tests.adapters.storage.processes import another_process

pytestmark = pytest.mark.adapter

SCRIPT = """
import asyncio, json, resource, sys
from pathlib import Path
from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import Mode
from keeper.ports import BooksUnavailable
from tests.adapters.storage import scenes
from tests.adapters.storage.test_journal import assert_unbroken

async def main():
    path = Path(sys.argv[1])
    database = await Database.open(f"sqlite:///{path}")
    await database.stamp(31337, Mode.LIVE)
    books, reader = SqlBooks(database, parse_policy=scenes.parse_policy), SqlReader(database)
    fund = await books.add_fund("main", scenes.TREASURY, scenes.SIGNER, scenes.USDC)
    await books.put_policy(fund.id, {"DRIFT_THRESHOLD": "0.05"}, {}, "operator", "first")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 200_000, hard))  # the write-ahead log grows to it
    stored, said = 0, None
    while said is None and stored < 2_000:
        try:
            await books.commit_cycle(scenes.cycle(fund.id))
            stored += 1
        except BooksUnavailable as error:
            said = str(error)
    refused = False
    try:
        await books.commit_cycle(scenes.trading(fund.id))
    except BooksUnavailable:
        refused = True
    intents = len(await books.open_intents())
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await books.commit_cycle(scenes.cycle(fund.id))
    records = [record async for record in reader.journal()]
    assert_unbroken(records)
    decisions = len(await reader.decisions(fund.id, 10_000))
    print(json.dumps([said, stored, refused, intents, decisions, len(records)]))
    await database.close()
asyncio.run(main())
"""


async def test_disk_full(sqlite_backend: Backend) -> None:
    url = await sqlite_backend.ready()
    path = Path(url.removeprefix("sqlite:///"))
    async with another_process(SCRIPT, str(path)) as process:
        out, _ = await process.communicate()
    said, stored, refused, intents, decisions, records = json.loads(out)
    assert said.startswith(f"database {path} cannot ")
    assert "disk is full" in said
    assert "\n" not in said
    assert 1 <= stored < 2_000
    assert (refused, intents) == (True, 0)
    assert decisions == stored + 1
    assert records == 2 + decisions
