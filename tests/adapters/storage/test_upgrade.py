"""A database of the first release, in use, brought to today's tables: nothing is lost, what is open goes on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from keeper.adapters.storage import tables as t
from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.reader import SqlReader
from keeper.core.fees import FeeQuote
from keeper.core.ledger import Attempt, AttemptKind, IntentState, SignerState
from keeper.core.units import Timestamp, Wei
from tests.adapters.storage import first_tables as old
from tests.adapters.storage import scenes
from tests.adapters.storage.conftest import Backend
from tests.adapters.storage.test_cycles import rows
from tests.adapters.storage.test_journal import assert_unbroken, read_all

pytestmark = pytest.mark.adapter


@pytest.fixture
async def first(backend: Backend) -> AsyncIterator[Database]:
    """Of the first release, filled."""
    database = await Database.open(await backend.empty())
    try:
        await database.write(old.make)
        await database.write(old.fill)
        assert await database.schema_version() == "0001"
        yield database
    finally:
        await database.close()


@pytest.fixture
async def database(first: Database) -> Database:
    """The same, of today."""
    await first.upgrade()
    assert await first.is_current()
    return first


async def test_every_row_is_as_it_was(first: Database) -> None:
    columns = await first.read(old.columns_of)
    before = await first.read(old.rows, columns)
    assert all(before.values())  # there was something to lose in every table
    assert len(before) == 17
    await first.upgrade()
    assert await first.is_current()
    assert await first.read(old.rows, columns) == before
    await first.upgrade()
    assert await first.read(old.rows, columns) == before


async def test_tables_are_those_of_a_new_database(database: Database) -> None:
    def differences(db: Connection) -> list[Any]:
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, t.metadata))

    assert await database.read(differences) == []
    if not database.is_shared:
        assert await database.read(lambda db: db.execute(text("PRAGMA foreign_key_check")).all()) == []
    assert len(await rows(database, t.writer_lease)) == 1


async def test_what_old_attempts_did_not_say_is_filled_in(database: Database) -> None:
    attempts = await rows(database, t.transaction_attempt)
    assert {(row["kind"], row["signed_at"], row["reply_kind"], row["mined_at"]) for row in attempts} == {
        ("trade", 0, None, None)
    }
    assert {row["kind"] for row in await rows(database, t.transaction_reply)} == {"unknown"}
    assert {row["cancel_asked"] for row in await rows(database, t.transaction_intent)} == {None}
    assert await rows(database, t.transaction_event) == []
    assert await rows(database, t.circuit_breaker) == []


@pytest.mark.parametrize(("signer", "nonce"), [(old.BUSY, 43), (old.IDLE, None), (old.FRESH, 1)])
async def test_each_signer_goes_on_with_its_next_nonce(books: SqlBooks, signer: Any, nonce: int | None) -> None:
    assert await books.signer_state(signer) == SignerState(signer, nonce, None)


async def test_open_intent_is_read_as_it_was_signed(books: SqlBooks) -> None:
    (intent,) = await books.open_intents()
    signed = scenes.signed(10_003)
    assert (intent.id, intent.state, intent.nonce, intent.cycle_id) == (old.OPEN, IntentState.SENT, 42, "cycle 2")
    (attempt,) = intent.attempts
    assert attempt == Attempt(
        id=3,
        hash=signed.hash,
        raw=signed.raw,
        nonce=42,
        max_fee=Wei(3 * 10**11),
        max_tip=Wei(3 * 10**9),
        sent_at=old.AT,
        reply="no answer",
    )


async def test_open_intent_is_carried_to_its_end_and_followed_by_the_next(books: SqlBooks) -> None:
    (intent,) = await books.open_intents(old.BUSY)
    dearer = scenes.terms(42, fees=FeeQuote(Wei(4 * 10**11), Wei(4 * 10**9)))
    raised = await books.save_attempt(intent.id, scenes.signed(), dearer, "not mined within 48 s")
    await books.mark_sent(raised.id, scenes.SENT_AT, scenes.ACCEPTED, scenes.record())
    mined = scenes.receipt(raised.hash, block=200, fills=scenes.FILLS[:1])
    await books.settle(scenes.settlement(intent, mined))
    ended = await books.intent(intent.id)
    assert (ended.state, [each.block_number for each in ended.attempts]) == (IntentState.FINAL_OK, [None, 200])
    second = await books.commit_cycle(scenes.trading(1))
    assert second is not None
    await books.save_attempt(second, scenes.signed(), scenes.terms(43), "signed")


async def test_closed_intents_keep_their_attempts_and_receipts(books: SqlBooks, reader: SqlReader) -> None:
    assert [each.intent_id for each in await books.final_places(0)] == [old.REVERTED, old.CLOSED]
    closed = await books.intent(old.CLOSED)
    assert [(each.max_fee, each.max_tip, each.kind) for each in closed.attempts] == [
        (10**11, 10**9, AttemptKind.TRADE),
        (2**70, 2**65, AttemptKind.TRADE),
    ]
    assert [each.block_number for each in closed.attempts] == [None, 105]
    (row,) = [row for row in await reader.trades(None, 10) if row["plan_id"] == "plan 1"]
    assert (row["status"], row["actual_out"], row["gas_used"]) == ("completed", 2**200, 412_345)
    assert await books.executions(1, Timestamp(0)) == []  # their blocks' times were not kept


async def test_journal_stays_one_chain_that_takes_no_changes(
    books: SqlBooks, reader: SqlReader, database: Database
) -> None:
    await books.append(scenes.record())
    records = await read_all(reader)
    assert_unbroken(records)
    assert len(records) == 5
    with pytest.raises(DBAPIError, match="the journal is append-only"):
        await database.write(lambda db: db.execute(text("DELETE FROM journal")))


async def test_upgrade_that_fails_leaves_the_old_database(first: Database) -> None:
    columns = await first.read(old.columns_of)
    before = await first.read(old.rows, columns)
    await first.write(lambda db: db.execute(text("CREATE TABLE writer_lease (in_the_way INTEGER)")))
    with pytest.raises(DBAPIError, match="writer_lease"):
        await first.upgrade()
    assert await first.schema_version() == "0001"
    await first.write(lambda db: db.execute(text("DROP TABLE writer_lease")))
    assert await first.read(old.columns_of) == columns
    assert await first.read(old.rows, columns) == before
    await first.upgrade()
    assert await first.read(old.rows, columns) == before
