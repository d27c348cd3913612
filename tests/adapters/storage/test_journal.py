"""The chain of hashes: unbroken whoever appends, and closed to whoever would change it."""

import asyncio
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from keeper.adapters.storage import reader as reader_module
from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.reader import SqlReader
from keeper.core.journal import GENESIS, content_hash, link
from keeper.core.ledger import RecordKind
from keeper.core.model import Fund
from tests.adapters.storage import scenes

pytestmark = pytest.mark.adapter


def assert_unbroken(records: list[Mapping[str, Any]]) -> None:
    """Everything is computed again from the bodies alone."""
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert records[0]["previous"] == GENESIS
    assert all(before["link"] == after["previous"] for before, after in pairwise(records))
    for record in records:
        assert record["content"] == content_hash(json.loads(record["body"]))
        assert record["link"] == link(record["previous"], record["content"])


async def read_all(reader: SqlReader) -> list[Mapping[str, Any]]:
    return [record async for record in reader.journal()]


async def test_records_are_chained_in_order(
    books: SqlBooks, reader: SqlReader, fund: Fund, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_PAGE", 3)  # so that several pages are read
    head = await books.chain_head()
    cycle = scenes.cycle(fund.id)
    await books.commit_cycle(cycle)
    await books.commit_cycle(scenes.trading(fund.id))
    newest = await books.append(scenes.record(RecordKind.OPERATOR, fund.id, event="breaker reset"))

    records = await read_all(reader)
    assert_unbroken(records)
    kinds = ["checkpoint", "operator", "decision", "decision", "outcome", "operator"]
    assert [record["kind"] for record in records] == kinds
    assert records[1]["link"] == head
    assert records[-1]["link"] == newest == await books.chain_head()
    assert json.loads(records[2]["body"]) == cycle.decision.body
    assert [record["fund_id"] for record in records] == [None, *[fund.id] * 5]


async def test_reading_can_go_on_from_a_place(books: SqlBooks, reader: SqlReader) -> None:
    for _ in range(3):
        await books.append(scenes.record())
    assert [record["seq"] async for record in reader.journal(after=2)] == [3, 4]


async def test_appenders_on_two_connections_never_fork_the_chain(url: str, books: SqlBooks, reader: SqlReader) -> None:
    other = await Database.open(url)
    second = SqlBooks(other, parse_policy=scenes.parse_policy)
    try:
        records = [scenes.record(fund_id=None, by=str(n)) for n in range(60)]
        await asyncio.gather(*((books, second)[n % 2].append(each) for n, each in enumerate(records)))
    finally:
        await other.close()
    stored = await read_all(reader)
    assert len(stored) == 61
    assert_unbroken(stored)


async def test_what_is_rolled_back_leaves_no_gap(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await books.commit_cycle(scenes.cycle(fund.id + 99))
    await books.append(scenes.record())
    assert_unbroken(await read_all(reader))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journal SET body = '{}' WHERE seq = 1",
        "UPDATE journal SET created_at = created_at",
        "DELETE FROM journal WHERE seq = 1",
        "DELETE FROM journal",
        "sqlite: INSERT OR REPLACE INTO journal SELECT seq, kind, fund_id, '{}', content, previous, link, created_at"
        " FROM journal WHERE seq = 1",
        "postgresql: TRUNCATE journal CASCADE",
        "postgresql: INSERT INTO journal SELECT * FROM journal ON CONFLICT (seq) DO UPDATE SET body = '{}'",
    ],
)
async def test_the_journal_takes_no_changes(database: Database, reader: SqlReader, change: str, url: str) -> None:
    only, _, statement = change.rpartition(": ")
    if only and not url.startswith(only):
        statement = "DELETE FROM journal WHERE seq >= 1"  # the other dialect has no such statement
    before = await read_all(reader)
    with pytest.raises(DBAPIError, match="the journal is append-only"):
        await database.write(lambda db: db.execute(text(statement)))
    assert await read_all(reader) == before
