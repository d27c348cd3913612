"""What is asked at every block is looked up, however long the keeper has run: no table is read from end to end."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.core.ledger import Attempt
from keeper.core.model import Fund
from keeper.core.units import Timestamp
from tests.adapters.storage.conftest import Backend

pytestmark = pytest.mark.adapter

QUESTIONS: dict[str, Callable[[SqlBooks, Fund], Awaitable[Any]]] = {
    "open_intents": lambda books, _: books.open_intents(),
    "open_intents of one": lambda books, fund: books.open_intents(fund.signer),
    "final_places": lambda books, _: books.final_places(100),
    "executions": lambda books, fund: books.executions(fund.id, Timestamp(1_700_000_000)),
    "gas_spent": lambda books, fund: books.gas_spent(fund.signer, Timestamp(1_700_000_000)),
    "signer_state": lambda books, fund: books.signer_state(fund.signer),
    "breaker": lambda books, fund: books.breaker(fund.id),
}
GROWING = ("transaction_", "rebalance", "journal", "decision")


@pytest.fixture
def backend(sqlite_backend: Backend) -> Backend:
    """The planner that is simple enough to be foreseen: PostgreSQL's looks at how many rows there are."""
    return sqlite_backend


@pytest.mark.parametrize("question", QUESTIONS)
async def test_no_table_that_grows_is_scanned(
    question: str, database: Database, books: SqlBooks, fund: Fund, sent: Attempt
) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(database._engine.sync_engine, "before_cursor_execute", note)
    await QUESTIONS[question](books, fund)
    event.remove(database._engine.sync_engine, "before_cursor_execute", note)
    assert asked
    for statement, parameters in asked:
        plan = await database.read(
            lambda db, s=statement, p=parameters: db.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p).all()
        )
        steps = [row[-1] for row in plan]
        scanned = [
            step
            for step in steps
            if step.startswith(tuple(f"SCAN {name}" for name in GROWING)) and "uq_transaction_intent_open" not in step
        ]
        assert not scanned, steps
