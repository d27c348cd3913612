"""The writer's lease: who has it, when it ends, and what its holder knows of it without asking."""

import os
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from keeper.adapters.storage import lease as lease_module
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.lease import RENEW_SECONDS, TTL_SECONDS, WriterLease
from keeper.adapters.storage.reader import SqlReader
from keeper.ports import BooksUnavailable, Fenced
from tests.adapters.storage.leases import expire, now_of

pytestmark = pytest.mark.adapter

TTL = timedelta(seconds=TTL_SECONDS)


class Clock:
    """Our own, in place of the module's `time`."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
async def other(url: str, database: Database) -> AsyncIterator[Database]:
    """A second process's way into the same database."""
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
def first(database: Database) -> WriterLease:
    return WriterLease(database, "first")


@pytest.fixture
def second(other: Database) -> WriterLease:
    return WriterLease(other, "second")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lease_module, "time", clock)
    return clock


async def test_one_holds_it_and_the_other_is_told_who(
    first: WriterLease, second: WriterLease, reader: SqlReader
) -> None:
    assert (first.epoch, second.epoch) == (0, 0)
    assert await first.acquire() is None
    assert await second.acquire() == "first"
    assert (first.epoch, second.epoch, first.held(), second.held()) == (1, 0, True, False)
    row = await reader.lease()
    assert (row["holder"], row["epoch"], row["released"]) == ("first", 1, False)


async def test_holder_is_named_by_process_and_machine(database: Database, second: WriterLease) -> None:
    await WriterLease(database).acquire()
    assert await second.acquire() == f"keeper pid {os.getpid()} on {socket.gethostname()}"


async def test_it_lasts_so_long_from_each_renewal(first: WriterLease, other: Database, reader: SqlReader) -> None:
    before = await other.read(now_of)
    await first.acquire()
    after = await other.read(now_of)
    assert before + TTL <= (await reader.lease())["expires_at"] <= after + TTL
    await first.renew()
    assert after + TTL <= (await reader.lease())["expires_at"] <= await other.read(now_of) + TTL


async def test_expired_lease_is_taken_over_with_a_higher_epoch(
    first: WriterLease, second: WriterLease, other: Database, reader: SqlReader
) -> None:
    await first.acquire()
    await expire(other, since=timedelta(seconds=-60))
    assert await second.acquire() == "first"  # not yet
    await expire(other)
    assert await second.acquire() is None
    assert (second.epoch, second.held()) == (2, True)
    row = await reader.lease()
    assert (row["holder"], row["epoch"]) == ("second", 2)
    assert row["expires_at"] > await other.read(now_of)
    await expire(other)
    assert await first.acquire() is None
    assert first.epoch == 3


async def test_late_renewal_keeps_what_nobody_took(first: WriterLease, second: WriterLease, other: Database) -> None:
    await first.acquire()
    await expire(other)
    await first.renew()
    assert await second.acquire() == "first"
    assert first.epoch == 1


async def test_released_lease_is_free_at_once(first: WriterLease, second: WriterLease, reader: SqlReader) -> None:
    await first.acquire()
    await first.release()
    assert not first.held()
    row = await reader.lease()
    assert (row["released"], row["holder"]) == (True, "first")
    assert await second.acquire() is None
    assert second.epoch == 2
    assert (await reader.lease())["released"] is False


async def test_lost_lease_is_neither_renewed_nor_released(
    first: WriterLease, second: WriterLease, other: Database, everything: Any
) -> None:
    await first.acquire()
    await expire(other)
    await second.acquire()
    before = await everything()
    for attempt in (first.renew, first.release):
        with pytest.raises(Fenced, match=r"another keeper has taken over \(ours was epoch 1\)"):
            await attempt()
    assert await everything() == before


# ---- by our own clock


async def test_it_is_held_for_half_its_time(first: WriterLease, clock: Clock) -> None:
    """So that what is sent at the last moment is still sent within the lease."""
    assert not first.held()
    await first.acquire()
    assert first.held()
    clock.at += TTL_SECONDS / 2 - 0.1
    assert first.held()
    clock.at += 0.2
    assert not first.held()
    await first.renew()
    assert first.held()
    assert RENEW_SECONDS < TTL_SECONDS / 2


@pytest.mark.parametrize("ask", ["acquire", "renew"])
async def test_its_age_counts_from_before_the_question(
    database: Database, first: WriterLease, clock: Clock, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    """The database may have granted it at any moment until its answer came."""
    if ask == "renew":
        await first.acquire()
        clock.at += 5
    write = database.write

    async def slow(*args: Any) -> Any:
        clock.at += 6
        answer = await write(*args)
        clock.at += 1
        return answer

    monkeypatch.setattr(database, "write", slow)
    await getattr(first, ask)()
    assert first.held()
    clock.at += TTL_SECONDS / 2 - 7.1
    assert first.held()
    clock.at += 0.2
    assert not first.held()


async def test_renewal_that_failed_does_not_count(
    database: Database, first: WriterLease, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await first.acquire()
    clock.at += TTL_SECONDS / 2 - 1

    async def away(*_args: Any) -> None:
        raise BooksUnavailable("database keeper does not answer")

    monkeypatch.setattr(database, "write", away)
    with pytest.raises(BooksUnavailable):
        await first.renew()
    assert first.held()
    clock.at += 1.1
    assert not first.held()
    with pytest.raises(BooksUnavailable):
        await first.release()
