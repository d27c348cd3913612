"""Faults 49 to 56: several keepers, and databases that are shared, locked, gone, full, lost or old.

PostgreSQL is a real server that these tests start; a connection is cut by a cable that is really pulled.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.process import Child
from tests.adapters.storage.postgres import PASSWORD, PostgresServer
from tests.e2e.keepers import Keeper, with_key
from tests.e2e.nursery import Nursery
from tests.faults.kit.processes import disk_full, stopped
from tests.faults.kit.wire import Wire, wire_to
from tests.faults.scenes import SEND, Scene

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("postgres")]
deep = pytest.mark.deep

TAKEOVER_SECONDS = 20
FENCED = 3


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def database(server: PostgresServer) -> str:
    """The URL of an empty one."""
    name = f"faults_{time.monotonic_ns()}"
    ask(server.url("postgres"), f"CREATE DATABASE {name}")
    return server.url(name)


def ask(url: str, query: str) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(url)
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture
def leader(scene: Scene, database: str) -> Keeper:
    """A keeper with its books in PostgreSQL."""
    scene.keeper.environment |= {"DATABASE_URL": database, "RPC_URL": with_key(scene.front.url)}
    return scene.keeper


@pytest.fixture
def standby(chain: LocalChain, tmp_path: Path, nursery: Nursery, leader: Keeper) -> Iterator[Keeper]:
    """Another keeper on the same database."""
    other = Keeper.of(chain, tmp_path / "standby", nursery)
    other.environment["DATABASE_URL"] = leader.environment["DATABASE_URL"]
    yield other
    assert other.leaks() == []


@contextlib.contextmanager
def following(leader: Keeper, first: Child, standby: Keeper) -> Iterator[Child]:
    """The standby, once the first one leads."""
    wait_for(leader, first, "keeper started")
    with standby.running() as second:
        wait_for(standby, second, "standby")
        yield second


def epoch(database: str) -> int:
    return int(ask(database, "SELECT epoch FROM writer_lease")[0]["epoch"])


def wait_for(keeper: Keeper, child: Child, word: str) -> None:
    keeper.until(lambda: word in keeper.said() or child.exit_code() is not None, word)
    assert word in keeper.said(), keeper.said()


def trades_within(scene: Scene, standby: Keeper, database: str, since: float) -> float:
    """Seconds until the standby's first transaction is final, a market that moves given."""
    final = "SELECT 1 FROM transaction_intent WHERE state = 'final_ok'"
    standby.until(lambda: ask(database, final), "the standby traded", scene.climate.mine)
    return time.monotonic() - since


def books_are_right(scene: Scene, database: str) -> None:
    """Every rebalance on the chain once in the books, and none open."""
    rows = ask(
        database,
        """SELECT a.hash FROM transaction_intent i JOIN transaction_attempt a ON a.intent_id = i.id
           WHERE a.block_number IS NOT NULL AND i.state = 'final_ok' ORDER BY i.id""",
    )
    assert [row["hash"] for row in rows] == scene.rebalances()
    assert ask(database, "SELECT 1 FROM transaction_intent WHERE state NOT IN ('final_ok', 'abandoned')") == []
    assert scene.nonces() == (len(rows), len(rows))


# ------------------------------------------------------------------------------------------ two keepers


@deep
def test_fault_49_two_starts(scene: Scene, leader: Keeper, standby: Keeper, database: str) -> None:
    """One leads, the other waits and says so; with the leader's end it goes on at once."""
    with leader.running() as first, following(leader, first, standby) as second:
        assert f"keeper pid {first.pid}" in standby.said()
        scene.rise()
        leader.until(lambda: ask(database, "SELECT 1 FROM transaction_intent WHERE state = 'sent'"), "sent")
        assert "cycle" not in standby.said()
        assert epoch(database) == 1
        assert first.stop() == 0
        asked = time.monotonic()
        wait_for(standby, second, "lease taken")
        assert time.monotonic() - asked < 5, "a lease that was given back need not expire"
        trades_within(scene, standby, database, asked)
    assert epoch(database) == 2
    books_are_right(scene, database)
    assert len(scene.rebalances()) == 1


def test_fault_49_two_starts_on_one_file(scene: Scene) -> None:
    """The second is refused in one line that names the first."""
    with scene.running() as first:
        scene.keeper.query_until("SELECT 1 FROM decision")
        second = scene.keeper("run", "--once")
        assert (second.code, second.stdout) == (2, "")
        assert second.errors == [f"another keeper (pid {first.pid}) is running on this database"]
        scene.rise()
        scene.until_state("sent")
        scene.finish()
    scene.assert_traded_once()


def test_fault_50_leader_paused_beyond_its_ttl(scene: Scene, leader: Keeper, standby: Keeper, database: str) -> None:
    """SIGSTOP with an intent sent: the standby carries it on. Woken, the old leader ends, and wrote nothing."""
    with leader.running(ends=FENCED) as first, following(leader, first, standby):
        scene.rise()
        leader.until(lambda: ask(database, "SELECT 1 FROM transaction_intent WHERE state = 'sent'"), "sent")
        with stopped(first.pid):
            since = time.monotonic()
            assert trades_within(scene, standby, database, since) < TAKEOVER_SECONDS
            told = ask(database, "SELECT count(*) AS n, max(seq) AS last FROM journal")
            assert epoch(database) == 2
        assert first.wait(10) == FENCED, leader.said()
        assert "another keeper has taken over" in leader.said()
        pids = {row["body"] for row in ask(database, f"SELECT body FROM journal WHERE seq > {told[0]['last']}")}
        assert all('"event":"receipt"' not in body for body in pids)
    books_are_right(scene, database)
    assert len(scene.rebalances()) == 1


@deep
def test_fault_50_leader_killed(scene: Scene, leader: Keeper, standby: Keeper, database: str) -> None:
    """kill -9: the lease expires, and the standby trades."""
    with leader.running() as first, following(leader, first, standby):
        os.kill(first.pid, signal.SIGKILL)
        since = time.monotonic()
        scene.rise()
        assert trades_within(scene, standby, database, since) < TAKEOVER_SECONDS
    books_are_right(scene, database)


@pytest.fixture
def cable(database: str) -> Iterator[Wire]:
    """Between the leader and its database."""
    place = urlsplit(database)
    assert place.port
    with wire_to("127.0.0.1", place.port) as wire:
        yield wire


@deep
def test_fault_51_the_leaders_connection_is_cut(
    scene: Scene, leader: Keeper, standby: Keeper, database: str, cable: Wire
) -> None:
    """For good: the standby trades; when the old leader reaches the database again it is fenced."""
    place = urlsplit(database)
    leader.environment["DATABASE_URL"] = f"postgresql://keeper:{PASSWORD}@127.0.0.1:{cable.port}{place.path}"
    with leader.running(ends=FENCED) as first, following(leader, first, standby):
        assert cable.cut() >= 1
        since = time.monotonic()
        scene.rise()
        assert trades_within(scene, standby, database, since) < TAKEOVER_SECONDS
        assert first.exit_code() is None, "it cannot know yet"
        cable.mend()
        assert first.wait(10) == FENCED, leader.said()
    assert scene.front.asked(SEND) == [], "the old leader went through the proxy, and sent nothing"
    books_are_right(scene, database)
    assert len(scene.rebalances()) == 1


@deep
def test_fault_51_the_server_ends_the_leaders_connection(scene: Scene, leader: Keeper, database: str) -> None:
    """`pg_terminate_backend` alone takes nobody's lease: it connects again under the same epoch, and goes on."""
    with leader.running() as first:
        wait_for(leader, first, "keeper started")
        ended = ask(
            database,
            "SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity WHERE application_name LIKE 'keeper pid%'",
        )
        assert [row["done"] for row in ended][:1] == [True]
        scene.rise()
        trades_within(scene, leader, database, time.monotonic())
        assert epoch(database) == 1
        assert first.exit_code() is None
    books_are_right(scene, database)


def test_fault_52_one_key_two_databases(scene: Scene, chain: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    """The second sees a nonce that it does not know: SAFE_HOLD, and nothing is doubled."""
    other = Keeper.of(chain, tmp_path / "other", nursery)
    with scene.running():
        scene.rise()
        scene.until_state("sent")
        scene.finish()
        scene.rise(3000)  # both would trade now
        with other.running():
            held = other.query_until("SELECT hold FROM signer_account WHERE hold IS NOT NULL")
            other.query_until("SELECT 1 FROM decision WHERE action = 'blocked' AND reason LIKE 'safe_hold%'")
        scene.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'sent'")
        scene.finish()
    assert "these books have none" in held["hold"]
    assert other.rows("SELECT 1 FROM transaction_intent") == []
    assert len(scene.rebalances()) == 2
    assert scene.nonces() == (2, 2)
    assert other.leaks() == []


# ------------------------------------------------------------------------------------------ the database


def test_fault_53_database_locked(scene: Scene) -> None:
    """Another process holds SQLite's lock: what cannot be written down is not signed, and the keeper waits."""
    with scene.running():
        scene.keeper.query_until("SELECT 1 FROM decision")
        blocker = sqlite3.connect(scene.keeper.database, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        scene.rise()
        scene.keeper.until(lambda: "is locked by another process" in scene.keeper.said(), "locked")
        assert scene.nonces() == (0, 0)
        assert scene.sent() == []
        blocker.execute("ROLLBACK")
        blocker.close()
        scene.until_state("sent")
        scene.finish()
    scene.assert_traded_once()


@deep
def test_fault_54_database_down_after_signed(scene: Scene, leader: Keeper, database: str, cable: Wire) -> None:
    """The bytes that were committed are out; nothing more is signed or sent until the books are back."""
    place = urlsplit(database)
    leader.environment["DATABASE_URL"] = f"postgresql://keeper:{PASSWORD}@127.0.0.1:{cable.port}{place.path}"
    with leader.running() as child:
        wait_for(leader, child, "keeper started")
        scene.rise()
        scene.front.wait_for(SEND)
        assert cable.cut() >= 1
        seen = leader.said().count("books unavailable")
        scene.climate.mine()
        # the books are away, head after head
        leader.until(lambda: leader.said().count("books unavailable") > seen + 1, "away", scene.climate.mine)
        assert len(scene.sent()) == 1
        assert child.exit_code() is None
        cable.mend()
        trades_within(scene, leader, database, time.monotonic())
    books_are_right(scene, database)
    assert len(scene.sent()) == 1
    assert len(scene.rebalances()) == 1


def test_fault_55_disk_full(scene: Scene) -> None:
    """No room for the plan: nothing is signed, nothing sent. With room again it trades."""
    with scene.running() as child:
        scene.keeper.query_until("SELECT 1 FROM decision")
        with disk_full(child.pid, scene.keeper.database, Path(f"{scene.keeper.database}-wal")):
            scene.rise()
            scene.keeper.until(lambda: "disk" in scene.keeper.said() and "full" in scene.keeper.said(), "full")
            assert scene.nonces() == (0, 0)
            assert scene.sent() == []
        scene.until_state("sent")
        scene.finish()
    scene.assert_traded_once()


@pytest.mark.parametrize("books", ["lost", pytest.param("old", marks=deep)])
def test_fault_56_database_lost_or_old(scene: Scene, books: str) -> None:
    """SAFE_HOLD: it knows less than the chain, and says what the chain has that it does not know."""
    copy = scene.keeper.folder / "copy.db"
    with scene.running():
        scene.keeper.query_until("SELECT 1 FROM decision")
    shutil.copy(scene.keeper.database, copy)
    with scene.running():
        scene.rise()
        scene.until_state("sent")
        scene.finish()
    (done,) = scene.rebalances()
    for path in scene.keeper.folder.glob("keeper.db*"):
        path.unlink()
    if books == "old":
        shutil.copy(copy, scene.keeper.database)
    with scene.running():
        scene.rise(3000)
        held = scene.keeper.query_until("SELECT hold FROM signer_account WHERE hold IS NOT NULL")
        scene.keeper.query_until("SELECT 1 FROM decision WHERE action = 'blocked' AND reason LIKE 'safe_hold%'")
        assert scene.nonces() == (1, 1)
    assert f"the chain has 1 transactions of {accounts.KEEPER}" in held["hold"]
    assert scene.keeper.rows("SELECT 1 FROM transaction_intent") == []
    shown = scene.keeper("reconcile", "--dry-run")
    assert shown.code == FENCED
    assert done in shown.stdout
