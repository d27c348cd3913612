"""Node or database away: said in one line at the start, survived while it runs, and never paid for with a trade."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from decimal import Decimal

import pytest

from scripts.localchain.chain import LocalChain
from tests.e2e.gateway import HTML, SILENCE, UNAVAILABLE, Canned, Gateway, gateway_to
from tests.e2e.keepers import Keeper, nonce, with_key
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import assert_every_plan_happened_once, finish

pytestmark = pytest.mark.e2e

HOUR = 3600
NULL = Canned(b'{"jsonrpc": "2.0", "id": 1, "result": null}')


@pytest.fixture
def front(chain: LocalChain) -> Iterator[Gateway]:
    with gateway_to(chain.url) as gateway:
        yield gateway


def rise(chain: LocalChain, price: int = 4000) -> None:
    chain.market.step({"WETH": Decimal(price)}, at=chain.node.head()[1] + 2 * HOUR)


@contextlib.contextmanager
def held(keeper: Keeper) -> Iterator[None]:
    """Another program holds the database, as a backup or a shell that forgot to commit does."""
    with contextlib.closing(sqlite3.connect(keeper.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


# ---------------------------------------------------------------------------------------------- at the start


@pytest.mark.parametrize(
    ("canned", "says"),
    [
        (HTML, "answered HTML instead of JSON"),
        (UNAVAILABLE, "HTTP status 502"),
        (SILENCE, "the connection was closed before an answer came"),
        (Canned(b""), "answered nothing"),
        (Canned(b"[" * 100_000), "answered no JSON"),
        (NULL, "the reply has id 1, not the request's"),
    ],
    ids=["html", "502", "silence", "nothing", "brackets", "another's reply"],
)
@pytest.mark.parametrize("command", [["run", "--once"], ["plan"]], ids=" ".join)
def test_a_node_that_is_none(
    chain: LocalChain, keeper: Keeper, front: Gateway, canned: Canned, says: str, command: list[str]
) -> None:
    front.canned = canned
    done = keeper(*command, RPC_URL=with_key(front.url))
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr.splitlines() == [f"error: RPC {front.url}: eth_chainId: {says}"]
    assert nonce(chain) == 0
    assert not keeper.database.exists()


def test_a_locked_database(chain: LocalChain, keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    rise(chain)
    written = keeper.everything()
    with held(keeper):
        for done in (keeper.command("run"), keeper("pause")):
            assert (done.code, done.stdout) == (3, "")
            assert done.stderr == f"error: database {keeper.database} is locked by another process\n"
        assert keeper("status").code == 0  # who only looks does not care
        assert keeper("doctor").code == 0
    assert keeper.everything() == written
    assert nonce(chain) == 0


# --------------------------------------------------------------------------------------------- while it runs


def test_the_node_goes_away_and_comes_back(chain: LocalChain, keeper: Keeper, front: Gateway) -> None:
    with keeper.running(RPC_URL=with_key(front.url)) as child:
        keeper.query_until("SELECT * FROM decision WHERE action = 'held'")
        for canned in (SILENCE, HTML):
            asked = len(front.asked)
            front.canned = canned
            keeper.until(lambda asked=asked: len(front.asked) > asked + 3, "asked again")
            front.canned = None
        assert "answered HTML instead of JSON" in keeper.said()
        rise(chain)
        keeper.query_until("SELECT * FROM transaction_intent")
        finish(chain, keeper)
        assert child.exit_code() is None
    assert assert_every_plan_happened_once(chain, keeper) == 1
    assert "Traceback" not in keeper.said()


def test_an_observation_that_fails_is_a_recorded_cycle(chain: LocalChain, keeper: Keeper, front: Gateway) -> None:
    """The head is told, the rest is not: the cycle is due, and cannot see. The log says so, as JSON."""
    with keeper.running(RPC_URL=with_key(front.url), LOG_FORMAT="json", LOG_LEVEL="debug"):
        keeper.query_until("SELECT * FROM decision WHERE action = 'held'")
        front.only, front.canned = frozenset({"eth_call"}), UNAVAILABLE
        rise(chain)
        failed = keeper.query_until("SELECT * FROM decision WHERE action = 'failed'")
        assert "HTTP status 502" in failed["reason"]
        alert = keeper.rows("SELECT * FROM alert WHERE cleared_at IS NULL")
        assert [row["kind"] for row in alert] == ["REBALANCE_FAILED"]
        front.canned = None
        keeper.query_until("SELECT * FROM transaction_intent")
        finish(chain, keeper)
        assert keeper.rows("SELECT * FROM alert WHERE cleared_at IS NULL") == []
    assert assert_every_plan_happened_once(chain, keeper) == 1
    lines = [json.loads(line) for line in keeper.said().splitlines()]
    assert {"keeper started", "heartbeat", "cycle", "cycle failed", "alert", "transaction sent", "keeper stopped"} <= {
        line["event"] for line in lines
    }
    cycles = [line for line in lines if line["event"] in ("cycle", "cycle failed")]
    recorded = {row["cycle_id"] for row in keeper.rows("SELECT cycle_id FROM decision")}
    assert {line["cycle"] for line in cycles} == recorded
    assert {line["fund"] for line in cycles} == {"lci"}


def test_a_lost_reply_is_not_a_lost_transaction(chain: LocalChain, keeper: Keeper, front: Gateway) -> None:
    """The node takes the transaction, its answer is lost: sent, and never sent as another."""
    with keeper.running(RPC_URL=with_key(front.url)):
        keeper.query_until("SELECT * FROM decision")

        def lose_the_reply() -> None:
            front.only, front.canned = frozenset({"eth_getTransactionReceipt"}), UNAVAILABLE
            raise ConnectionError("the reply is lost")

        front.after["eth_sendRawTransaction"] = lose_the_reply
        rise(chain)
        reply = keeper.query_until("SELECT * FROM transaction_reply")
        assert reply["reply"].startswith("no reply: ")
        assert keeper.rows("SELECT state FROM transaction_intent") == [{"state": "sent"}]
        front.canned = None
        finish(chain, keeper)
    assert front.sent() == 1
    assert assert_every_plan_happened_once(chain, keeper) == 1


def test_a_database_locked_while_it_runs_stops_signing_not_the_keeper(chain: LocalChain, keeper: Keeper) -> None:
    with keeper.running() as child:
        keeper.query_until("SELECT * FROM decision")
        with held(keeper):
            rise(chain)
            keeper.until(lambda: keeper.said().count("is locked by another process") >= 2, "two tries")
            assert nonce(chain) == 0
            assert child.exit_code() is None
        keeper.query_until("SELECT * FROM transaction_intent")
        finish(chain, keeper)
    assert assert_every_plan_happened_once(chain, keeper) == 1
    assert "Traceback" not in keeper.said()


def test_a_cycle_that_hangs_is_cut_off_and_recorded(chain: LocalChain, keeper: Keeper) -> None:
    """Nothing is mined: following the transaction would take for ever. It stays open, and ends well afterwards."""
    rise(chain)
    chain.node.mine_every(0)
    with keeper.running(CYCLE_TIMEOUT_SECONDS="1"):
        keeper.until(lambda: "cut off after 1 s" in keeper.said(), "cut off")
        assert keeper.rows("SELECT state FROM transaction_intent") == [{"state": "sent"}]
        finish(chain, keeper)
    assert assert_every_plan_happened_once(chain, keeper) == 1
    assert len(Witness(chain).rebalances()) == 1
