"""The same keeper with its books in PostgreSQL."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from scripts.localchain.chain import LocalChain
from tests.adapters.storage.postgres import PASSWORD, PostgresServer
from tests.e2e.keepers import Keeper
from tests.e2e.onchain import Witness

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("postgres")]

HOUR = 3600


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def ask(server: PostgresServer, query: str) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(server.url("postgres"))
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_rebalance_a_kill_and_a_second_keeper(chain: LocalChain, keeper: Keeper, server: PostgresServer) -> None:
    keeper.environment["DATABASE_URL"] = server.url("postgres")
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + HOUR)
    chain.node.mine_every(0)
    assert keeper("db", "upgrade").code == 0
    with keeper.running() as child:
        keeper.until(lambda: ask(server, "SELECT 1 FROM transaction_intent WHERE state = 'sent'"), "sent")
        second = keeper("run", "--once")
        assert (second.code, second.stdout) == (2, "")
        leader = f"keeper pid {child.pid} on {socket.gethostname()}"
        assert second.errors == [f"another keeper ({leader}) is running on this database"]
        os.kill(child.pid, signal.SIGKILL)
        child.wait(5)
    final = "SELECT 1 FROM transaction_intent WHERE state = 'final_ok'"
    with keeper.running() as child:
        keeper.until(lambda: ask(server, final), "final", chain.node.mine)
        assert child.exit_code() is None
    event, *others = Witness(chain).rebalances()
    assert others == []
    paid, got = Witness(chain).moved(event.tx_hash)
    trades = keeper("trades", "--json").json
    assert [(trade["token_in"], int(trade["actual_in"])) for trade in trades] == paid
    assert [(trade["token_out"], int(trade["actual_out"])) for trade in trades] == got
    status = keeper("status", "--json").json[0]
    assert (status["intent"], status["alerts"]) == (None, [])
    assert keeper("doctor").code == 0
    assert PASSWORD not in keeper.said()
    assert PASSWORD not in (keeper.folder / "commands.log").read_text()


def test_a_server_that_does_not_let_us_in(keeper: Keeper, server: PostgresServer) -> None:
    closed = f"postgresql://keeper:{PASSWORD}@127.0.0.1:9/postgres"
    for url, says in (
        (closed, "does not answer"),
        (server.url("postgres", "wrong-password"), "refuses the user or the password"),
        (server.url("nowhere"), "does not exist on the server"),
    ):
        done = keeper("run", "--once", DATABASE_URL=url)
        assert (done.code, done.stdout) == (3, ""), done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert says in done.errors[0]
        assert PASSWORD not in done.stderr
