"""Faults 19 to 25: nodes that hang, restart, are of another chain, or tell what was true before.

The real keeper and a real SQLite file behind a proxy that misbehaves, before a real Anvil.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.localchain.anvil import running_anvil
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import default_config
from scripts.localchain.market import Market
from scripts.localchain.node import Node
from tests.e2e.keepers import Keeper, with_key
from tests.e2e.nursery import Nursery
from tests.faults.kit import rules
from tests.faults.kit.chain_faults import Fate, reorg, transplant
from tests.faults.kit.processes import stopped
from tests.faults.kit.proxy import proxy_to
from tests.faults.kit.rules import ANY, Rule
from tests.faults.scenes import HOUR, LATEST, RECEIPT, SEND, K, Scene, number

pytestmark = pytest.mark.e2e
deep = pytest.mark.deep


@contextlib.contextmanager
def other_chain(folder: Path, chain_id: int) -> Iterator[Node]:
    """A node that is of another chain."""
    with running_anvil(folder / "other.log") as node:
        node.rpc.call("anvil_setChainId", chain_id)
        node.mine()
        yield node


@deep
@pytest.mark.parametrize("moment", ["waiting", "sending"])
def test_fault_19_hung_node(scene: Scene, moment: str) -> None:
    """The node's process is stopped -> bounded timeout, again and again; when it goes on so does the keeper."""
    scene.rise()
    pid = scene.chain.node.pid
    assert pid
    hold = Rule(SEND, rules.Hold())
    if moment == "sending":
        scene.front.add(hold)
    with scene.running(RPC_TIMEOUT_SECONDS="0.5"):
        if moment == "sending":
            scene.front.wait_until_fired(hold)
        else:
            scene.until_state("sent")
        with stopped(pid):
            scene.front.upstream.url = scene.chain.url
            began, before = time.monotonic(), scene.keeper.said().count("no answer within 0.5 s")
            scene.keeper.until(
                lambda: scene.keeper.said().count("no answer within 0.5 s") >= before + 3, "three timeouts"
            )
            assert time.monotonic() - began < 10
            assert scene.state == "sent" if moment == "waiting" else "signed"
        if moment == "sending":
            scene.front.release(hold)
        scene.finish()
    scene.assert_traded_once()


@deep
def test_fault_19_hung_node_holds_up_no_stop(scene: Scene) -> None:
    """SIGTERM while every question hangs: it ends in time, and the next one goes on."""
    scene.rise()
    pid = scene.chain.node.pid
    assert pid
    with scene.running(RPC_TIMEOUT_SECONDS="30") as child:
        scene.until_state("sent")
        with stopped(pid):
            scene.front.wait_until(lambda: scene.front.log[-1].node is None or None, 20, "a question that hangs")
            began = time.monotonic()
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait(8) == 0
            assert time.monotonic() - began < 6
    with scene.running():
        scene.finish()
    scene.assert_traded_once()


@pytest.fixture
def own_chain(tmp_path: Path) -> Iterator[LocalChain]:
    """A chain of this test alone, whose node may be replaced."""
    with local_chain(tmp_path / "chain", default_config()) as made:
        yield made


@deep
def test_fault_20_node_restarted(own_chain: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    """The node comes back with its chain and without its mempool -> sent again, the same bytes."""
    keeper = Keeper.of(own_chain, tmp_path / "keeper", nursery)
    with proxy_to(own_chain.url) as front, running_anvil(tmp_path / "again.log") as again:
        scene = Scene(own_chain, keeper, front)
        scene.rise()
        with scene.running():
            scene.until_state("sent")
            assert scene.nonces() == (0, 1)
            front.upstream.url = "http://127.0.0.1:1"  # nobody is there
            front.front.cut()
            scene.keeper.until(lambda: "the connection was closed" in keeper.said(), "nobody is there")
            transplant(own_chain.node.rpc, again.rpc)
            front.upstream.url = again.url
            restarted = Scene(
                LocalChain(again, own_chain.deployment, Market(again, own_chain.deployment)), keeper, front
            )
            assert restarted.nonces() == (0, 0)
            restarted.until_replies(2, mining=True)
            restarted.finish()
        assert len(set(scene.sent())) == 1
        restarted.assert_traded_once()
    assert keeper.leaks() == []


def test_fault_21_two_providers_on_different_chains(scene: Scene, tmp_path: Path) -> None:
    """-> it does not start: one line, nothing signed, nothing written."""
    scene.rise()
    with other_chain(tmp_path, 1) as other:
        done = scene.keeper("run", "--once", RPC_FALLBACK_URLS=with_key(other.url))
        assert other.rpc.call("eth_chainId") == "0x1"
    assert (done.code, done.stdout) == (2, "")
    assert done.errors == [f"CHAIN_ID is 31337, but the node at {other.url} (RPC_FALLBACK_URLS) is of chain 1"]
    assert scene.nonces() == (0, 0)
    assert not scene.keeper.database.exists()


@deep
def test_fault_21_a_fallback_that_turns_out_to_be_of_another_chain(scene: Scene, tmp_path: Path) -> None:
    """It was silent at the start. When it is needed it is not believed: nothing is read from it, nothing sent to it."""
    with other_chain(tmp_path, 1) as other, proxy_to(other.url) as second:
        silent = second.add(Rule(ANY, rules.Drop(), times=None))
        with scene.running(RPC_FALLBACK_URLS=with_key(second.url)):
            scene.until_up()
            second.assert_fired(silent)
            second.remove(silent)
            down = scene.front.add(Rule(ANY, rules.Drop(), times=None))
            scene.rise()
            scene.keeper.until(lambda: "is of chain 1, not of 31337" in scene.keeper.said(), "not believed")
            assert scene.rows("SELECT * FROM transaction_intent") == []
            scene.front.assert_fired(down)
            scene.front.remove(down)
            scene.until_planned()
            scene.finish()
        assert {entry.method for entry in second.log if entry.node} == {"eth_chainId"}
    scene.assert_traded_once()


@deep
def test_fault_22_wrong_chain_id_at_the_start(scene: Scene) -> None:
    """-> no signing: it does not start."""
    scene.rise()
    with scene.front.fault(Rule("eth_chainId", rules.Result("0x1"), times=None)):
        done = scene.keeper("run", "--once", RPC_URL=with_key(scene.front.url))
    assert (done.code, done.errors) == (2, ["CHAIN_ID is 31337, but the node at RPC_URL is of chain 1"])
    assert scene.sent() == []
    assert not scene.keeper.database.exists()


@deep
def test_fault_22_wrong_chain_id_while_it_runs(own_chain: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    """The node behind the endpoint becomes one of another chain -> no signing, until it is the right one again."""
    keeper = Keeper.of(own_chain, tmp_path / "keeper", nursery)
    with proxy_to(own_chain.url) as front:
        scene = Scene(own_chain, keeper, front)
        with scene.running():
            scene.until_up()
            own_chain.node.rpc.call("anvil_setChainId", 1)
            own_chain.node.mine(timestamp=own_chain.node.head()[1] + 2 * HOUR)
            failed = keeper.query_until("SELECT reason FROM decision WHERE action = 'failed'")
            assert "the node is on chain 1, not on 31337" in failed["reason"]
            assert scene.attempts() == []
            own_chain.node.rpc.call("anvil_setChainId", 31337)
            scene.rise()
            scene.until_planned()
            scene.finish()
        scene.assert_traded_once()


# ------------------------------------------------------------------------------------------------------ stale answers


@deep
def test_fault_23_old_head(tmp_path: Path, nursery: Nursery) -> None:
    """The node is stuck at an old block -> the guard on the head's age blocks; nothing is signed on it."""
    with local_chain(tmp_path / "chain", default_config(), genesis_timestamp=int(time.time()) - 2 * 86_400) as chain:
        keeper = Keeper.of(chain, tmp_path / "keeper", nursery)
        with proxy_to(chain.url) as front:
            scene = Scene(chain, keeper, front)
            scene.rise()
            assert chain.node.head()[1] < time.time() - HOUR
            with scene.running(MAX_HEAD_AGE_SECONDS="3600", INTERVAL_MINUTES="1"):
                blocked = keeper.query_until("SELECT reason FROM decision WHERE action = 'blocked'")
                assert "head_age" in blocked["reason"]
                old = front.add(Rule(LATEST, rules.Stale(), times=None, when=lambda call: call.params[0] == "latest"))
                chain.market.step({"WETH": Decimal(4000)}, at=int(time.time()))
                front.wait_until_fired(old, 5)
                assert keeper.rows("SELECT * FROM transaction_intent") == []
                front.remove(old)
                scene.until_planned()
                scene.finish()
            scene.assert_traded_once()


@deep
def test_fault_23_one_of_two_endpoints_goes_back(scene: Scene) -> None:
    """It shows a head that is older than one seen before: not taken, and the other one is asked."""
    with proxy_to(scene.chain.url) as second, scene.running(RPC_FALLBACK_URLS=with_key(second.url)):
        scene.until_up()
        old = scene.front.wait_for(LATEST, answered=True).node
        assert old
        top = scene.climate.mine(8)
        scene.front.wait_for(LATEST, answered=True, when=lambda entry: number(entry) == top)
        stuck = Rule(LATEST, rules.Result(old["result"]), times=None, when=lambda call: call.params[0] == "latest")
        scene.front.add(stuck)
        scene.front.wait_until_fired(stuck)
        scene.rise()
        scene.until_state("sent")
        assert (scene.front.count(SEND), second.count(SEND)) == (0, 1)
        scene.finish()
    scene.assert_traded_once()


@deep
def test_fault_24_stale_receipt(scene: Scene) -> None:
    """A reorganisation takes the transaction out; the node's index goes on showing its receipt -> not final, sent
    again, and settled by the receipt of the block that it is in at last."""
    scene.rise()
    with scene.running():
        scene.until_state("sent")
        scene.climate.mine()
        scene.until_state("mined_ok")
        (first,) = scene.attempts()
        stale = scene.front.add(Rule(RECEIPT, rules.Stale(), times=None))
        done = reorg(scene.chain.node.rpc, 1, lambda each: Fate.DROPPED if each["from"] == K.lower() else Fate.AGAIN)
        assert first["block_hash"] in done.old
        scene.until_state("sent")
        scene.until_replies(2)
        for _ in range(8):
            before = scene.front.fired(stale)
            scene.climate.mine()
            scene.front.wait_until_fired(stale, before + 1)
        assert scene.nonces()[0] == 1  # it is in again, and final, but its receipt is that of the block that is gone
        assert scene.state == "sent"
        scene.front.remove(stale)
        scene.finish()
    (last,) = scene.attempts()
    assert (last["hash"], last["block_hash"] in done.old) == (first["hash"], False)
    assert len(set(scene.sent())) == 1
    scene.assert_traded_once()


@deep
def test_fault_25_connections_cut(scene: Scene) -> None:
    """There is no WebSocket to be cut: heads are polled over HTTP. Its connections are, at every moment -> polling goes
    on over new ones."""
    scene.rise()
    with scene.running():
        for moment in ("eth_call", SEND, RECEIPT):
            scene.front.wait_for(moment, answered=True)
            scene.front.front.cut()
        scene.until_state("sent")
        for _ in range(5):
            asked = scene.front.mark()
            scene.front.wait_for(LATEST, since=asked, answered=True)  # there is a connection
            assert scene.front.front.cut() >= 1
        scene.finish()
    scene.assert_traded_once()
