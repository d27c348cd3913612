"""No key, password or credential of an endpoint in anything that a run wrote, however badly it went.

The endpoints of this test repeat in their errors what they were asked with, as some providers do.
"""

import asyncio
import os
import resource
import signal
from pathlib import Path

import asyncpg
import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.adapters.storage.postgres import PASSWORD, PostgresServer
from tests.e2e.keepers import RPC_KEY, Keeper, with_key
from tests.faults.kit.proxy import Proxy, proxy_to
from tests.faults.kit.rules import Refuse, Rule, Say
from tests.faults.scenes import SEND, Scene

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("postgres")]

FALLBACK_KEY, PRIVATE_KEY_OF_URL, STATUS_KEY = "fallback-5d1c77aa", "relay-8e0b1c22", "status-31f7c0de"
KEY = accounts.keeper_key().key.hex().removeprefix("0x")


def secrets(keeper: Keeper) -> dict[str, str]:
    return {
        "key": KEY,
        "keystore password": (keeper.folder / "secrets" / "keeper-password").read_text(),
        "RPC_URL": RPC_KEY,
        "RPC_FALLBACK_URLS": FALLBACK_KEY,
        "PRIVATE_RPC_URL": PRIVATE_KEY_OF_URL,
        "PRIVATE_STATUS_URL": STATUS_KEY,
        "database password": PASSWORD,
    }


def found(where: dict[str, bytes], words: dict[str, str]) -> list[str]:
    """Which secret stands where, in any case."""
    return [
        f"{name} in {place}"
        for place, text in where.items()
        for name, word in words.items()
        if word.lower().encode() in text.lower()
    ]


def files(folder: Path) -> dict[str, bytes]:
    """Everything below `folder` but its secrets."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "secrets" not in path.relative_to(folder).parts
    }


async def rows(url: str) -> dict[str, bytes]:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [table["tablename"] for table in tables]
        return {
            name: "\n".join(
                row["t"] for row in await connection.fetch(f'SELECT (x.*)::text AS t FROM "{name}" x')
            ).encode()
            for name in names
        }
    finally:
        await connection.close()


def echo(text: str) -> Refuse:
    return Refuse(-32000, f"upstream http://10.1.2.3/v2/{text}?apikey={text} said: authentication of {text} failed")


def blabbing(front: Proxy, key: str) -> list[Rule]:
    """Errors that repeat the credential: of a sending, of a call, and as a page."""
    body = f"<html>GET /?apikey={key} not allowed</html>".encode()
    return [
        front.add(Rule("eth_call", echo(key))),
        front.add(Rule("eth_getBlockByNumber", Say(body, 403, "text/html"))),
        front.add(Rule(SEND, echo(key))),
        front.add(Rule("eth_getTransactionReceipt", echo(key))),
    ]


def test_nothing_that_a_faulty_run_wrote_holds_a_secret(chain: LocalChain, keeper: Keeper, front: Proxy) -> None:
    server = PostgresServer()
    server.start()
    try:
        url = server.url("postgres")
        with proxy_to(chain.url) as second:
            variables = {
                "DATABASE_URL": url,
                "RPC_FALLBACK_URLS": f"{second.url}/v2/{FALLBACK_KEY}",
                "LOG_LEVEL": "debug",
                "KEYSTORE_FILE": "",
                "KEYSTORE_PASSWORD_FILE": "",
                "PRIVATE_KEY": KEY,
                "HEAD_POLL_SECONDS": "0.2",
            }
            scene = Scene(chain, keeper, front)
            with scene.running(**variables) as child:
                keeper.until(lambda: "heartbeat" in keeper.said(), "up")
                rules = [*blabbing(front, RPC_KEY), *blabbing(second, FALLBACK_KEY)]
                scene.rise()
                keeper.until(lambda: front.count(SEND) and second.count(SEND), "sent to both")
                keeper.until(lambda: asyncio.run(final(url)), "final", scene.climate.mine)
                os.kill(child.pid, signal.SIGKILL)
                child.wait(5)
            fired = {rule.method for rule in rules[:4] if front.fired(rule)}
            fired |= {rule.method for rule in rules[4:] if second.fired(rule)}
            assert fired == {rule.method for rule in rules}, "the endpoints did not say enough"
            closed = f"http://127.0.0.1:9/{STATUS_KEY}/{{hash}}"
            for broken in (
                {"PRIVATE_RPC_URL": f"http://127.0.0.1:9/{PRIVATE_KEY_OF_URL}", "PRIVATE_STATUS_URL": closed},
                {"PRIVATE_STATUS_URL": closed},
                {"RPC_URL": with_key("http://127.0.0.1:9"), "RPC_FALLBACK_URLS": ""},
                {"DATABASE_URL": url.replace(f"{server.port}", "9")},
                {"CHAIN_ID": "1"},
                {"KEEPER_ADDRESS": accounts.OWNER},
                {"PRIVATE_KEY": KEY[:-1] + "g"},
            ):
                keeper("run", "--once", **variables | broken)
                keeper("doctor", **variables | broken)
                keeper("config", "show", **variables | broken)
        written = files(keeper.folder) | asyncio.run(rows(url))
        assert {"keeper.log", "commands.log", "journal", "transaction_reply"} <= set(written)
        assert any(b"***" in text for text in written.values()), "something was hidden"
        assert found(written, secrets(keeper)) == []
        for word in secrets(keeper).values():
            planted = {"here": f"x{word.upper()}y".encode()}
            assert found(planted, secrets(keeper)), "the search finds what is there"
    finally:
        server.stop()


async def final(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetch("SELECT 1 FROM transaction_intent WHERE state = 'final_ok'"))
    finally:
        await connection.close()


def test_a_crash_leaves_no_memory_behind(keeper: Keeper) -> None:
    """A core file would hold the key: there is none, whatever the shell allows."""
    with keeper.running(ends=-signal.SIGABRT) as child:
        keeper.query_until("SELECT 1 FROM decision")
        assert resource.prlimit(child.pid, resource.RLIMIT_CORE) == (0, 0)
        os.kill(child.pid, signal.SIGABRT)
        assert child.wait(5) == -signal.SIGABRT
    assert not list(keeper.folder.rglob("core*"))
