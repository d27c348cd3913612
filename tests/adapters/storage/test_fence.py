"""Behind the fence: whoever was replaced writes nothing more, whatever it is about to write; its successor does."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.lease import WriterLease
from keeper.core.index.methodology import Methodology
from keeper.core.ledger import Alert, AlertKind, Attempt, AttemptKind, Intent, IntentState, Mode
from keeper.core.model import Fund
from keeper.core.quotes import CoinId
from keeper.core.units import Timestamp
from keeper.ports import Fenced
from tests.adapters.storage import scenes
from tests.adapters.storage.leases import expire
from tests.factories import address, hash32

pytestmark = pytest.mark.adapter

NOW = Timestamp(1_700_000_200)


@dataclass(frozen=True)
class Scene:
    """Something for every write to change: a sent intent that is being cancelled, an alert, an open breaker."""

    fund: Fund
    broken: Fund
    intent: Intent
    trade: Attempt
    cancel: Attempt


Write = Callable[[SqlBooks, Scene], Awaitable[Any]]

WRITES: dict[str, Write] = {
    "add_fund": lambda books, _: books.add_fund("another", address(8), address(9)),
    "change_fund": lambda books, on: books.change_fund(on.fund.id, address(9), None, "ann"),
    "set_paused": lambda books, on: books.set_paused(on.fund.id, True, "ann"),
    "put_policy": lambda books, on: books.put_policy(on.fund.id, {"DRIFT_THRESHOLD": "0.1"}, {}, "ann", "why not"),
    "remember_tokens": lambda books, _: books.remember_tokens([(address(3), "NEW", 6, hash32(2))]),
    "set_coins": lambda books, _: books.set_coins({scenes.WETH: CoinId("weth")}, "ann"),
    "commit_cycle": lambda books, on: books.commit_cycle(scenes.cycle(on.fund.id)),
    "append": lambda books, _: books.append(scenes.record()),
    "raise_alert": lambda books, on: books.raise_alert(Alert(on.fund.id, AlertKind.HIGH_DRIFT, "7 %")),
    "clear_alert": lambda books, on: books.clear_alert(on.fund.id, AlertKind.FUND_HALTED),
    "save_attempt": lambda books, on: books.save_attempt(on.intent.id, scenes.signed(), scenes.terms(), "raised"),
    "mark_sent": lambda books, on: books.mark_sent(on.trade.id, scenes.SENT_AT, scenes.SILENCE, scenes.record()),
    "ask_cancel": lambda books, on: books.ask_cancel(on.intent.id, "the market moved", "ann"),
    "settle": lambda books, on: books.settle(scenes.settlement(on.intent, scenes.receipt(on.trade.hash))),
    "cancelled": lambda books, on: books.cancelled(on.intent.id, scenes.receipt(on.cancel.hash), NOW, scenes.record()),
    "set_intent_state": lambda books, on: books.set_intent_state(
        on.intent.id, IntentState.NONCE_STOLEN, scenes.record()
    ),
    "hold": lambda books, on: books.hold(on.fund.signer, "look", scenes.record()),
    "put_methodology": lambda books, on: books.put_methodology(on.fund.id, Methodology(), "ann", "a test"),
    "release": lambda books, on: books.release(on.fund.signer, 1, scenes.record()),
    "trip_breaker": lambda books, on: books.trip_breaker(on.fund.id, "3 reverted", scenes.record()),
    "reset_breaker": lambda books, on: books.reset_breaker(on.broken.id, NOW, scenes.record()),
}


@pytest.fixture
async def scene(books: SqlBooks, fund: Fund, intent: Intent, sent: Attempt) -> Scene:
    cancel = await books.save_attempt(intent.id, scenes.signed(), scenes.terms(kind=AttemptKind.CANCEL), "cancelled")
    broken = await books.add_fund("broken", address(1), address(2))
    await books.trip_breaker(broken.id, "open", scenes.record())
    await books.raise_alert(Alert(fund.id, AlertKind.FUND_HALTED, "halted"))
    return Scene(fund, broken, intent, sent, cancel)


@pytest.fixture
async def successor(url: str, database: Database) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    yield opened
    await opened.close()


async def replaced(database: Database, successor: Database) -> None:
    """Both are behind their fences; the second one's lease is the one that counts."""
    first, second = WriterLease(database, "first"), WriterLease(successor, "second")
    assert await first.acquire() is None
    database.fence(first)
    await expire(successor)
    assert await second.acquire() is None
    successor.fence(second)


def test_every_write_of_the_books_is_tried() -> None:
    writing = {name for name, method in vars(SqlBooks).items() if "self._db.write(" in _source(method)}
    assert writing == set(WRITES)


def _source(method: Any) -> str:
    return inspect.getsource(method) if inspect.isfunction(method) else ""


@pytest.mark.parametrize("name", WRITES)
async def test_replaced_writer_changes_nothing(
    name: str, books: SqlBooks, database: Database, successor: Database, scene: Scene, everything: Any
) -> None:
    await replaced(database, successor)
    before = await everything()
    with pytest.raises(Fenced, match=r"another keeper has taken over \(epoch 2, ours was 1\)"):
        await WRITES[name](books, scene)
    assert await everything() == before
    await WRITES[name](SqlBooks(successor, parse_policy=scenes.parse_policy), scene)
    assert await everything() != before


async def test_replaced_writer_reads_on(books: SqlBooks, database: Database, successor: Database, fund: Fund) -> None:
    await replaced(database, successor)
    assert await books.funds() == [fund]
    await database.stamp(scenes.CHAIN, Mode.LIVE)  # which is there: nothing is written
