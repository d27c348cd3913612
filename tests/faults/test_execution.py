"""Faults 45 to 48: plans that the treasury refuses, in the block or before, and a relay that gives up."""

import contextlib
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import Keeper, with_key
from tests.faults.kit.chain_faults import mine
from tests.faults.kit.node_rules import NodeRules, node_rules
from tests.faults.kit.proxy import proxy_to
from tests.faults.kit.rules import Change, Rule
from tests.faults.scenes import GWEI, Scene

pytestmark = [pytest.mark.e2e]
deep = pytest.mark.deep

_UNLOCKED_SLOT = 12
"""Of UniswapV2Pair: 1 while nobody is inside."""


@pytest.fixture
def rules(chain: LocalChain) -> Iterator[NodeRules]:
    with node_rules(chain.url) as shim:
        yield shim


@deep
def test_fault_45_slippage_revert(chain: LocalChain, keeper: Keeper, rules: NodeRules) -> None:
    """Pools move between rehearsal and inclusion: FINAL_REVERTED, and the breaker counts it."""
    rules.censor(accounts.KEEPER)
    with proxy_to(rules.url) as front:
        scene = Scene(chain, keeper, front)
        with scene.running(BREAKER_REVERTS="1"):
            scene.rise()
            scene.until_state("sent")
            at = chain.node.head()[1] + 30
            chain.market.step({"WETH": Decimal(3500)}, at=at)
            rules.admit(accounts.KEEPER)
            scene.until_state("final_reverted", mining=True)
            scene.rise(4500)
            blocked = keeper.query_until("SELECT reason FROM decision WHERE action = 'blocked'")
        assert scene.rebalances() == []
        (attempt,) = [each for each in scene.attempts() if each["block_number"]]
        assert attempt["revert_reason"]
        assert not attempt["revert_reason"].startswith("Expired")
        assert blocked["reason"].startswith("breaker: 1 transactions reverted within 24 h")
        assert keeper("breaker", "show").code == 3
        assert scene.nonces() == (1, 1)


def test_fault_46_the_simulation_reverts(scene: Scene) -> None:
    """A pair that is locked looks well and refuses every swap: there is no transaction, and the reason is kept."""
    scene.rise()
    locked = [pool.address for pool in scene.chain.deployment.pools if pool.version == 2]
    for pair in locked:
        scene.chain.node.rpc.call("anvil_setStorageAt", pair, hex(_UNLOCKED_SLOT), "0x" + "00" * 32)
    scene.climate.mine()
    with scene.running():
        refused = scene.keeper.query_until("SELECT seq, reason FROM decision WHERE action = 'reverted'")
        assert refused["reason"].startswith("the treasury would refuse: ")
        assert "LOCKED" in refused["reason"]
        assert scene.sent() == []
        assert scene.keeper.rows("SELECT 1 FROM transaction_intent") == []
        for pair in locked:
            scene.chain.node.rpc.call("anvil_setStorageAt", pair, hex(_UNLOCKED_SLOT), "0x" + f"{1:064x}")
        scene.rise(4100)
        scene.until_state("sent")
        scene.finish()
    scene.assert_traded_once()


_LARGEST_GAS = 16_777_216
_GAS_BYTES = 32
"""The rehearsal answers one word, its gas; the Lens many."""


@deep
def test_fault_47_out_of_gas(scene: Scene) -> None:
    """A node says that less gas is needed than is: it runs out of gas in its block, and the next plan has its own
    nonce."""
    told: list[int] = []

    def less(answer: str) -> str:
        if len(answer) != 2 + 2 * _GAS_BYTES or int(answer, 16) > _LARGEST_GAS:
            return answer
        told.append(int(answer, 16) * 2 // 5)
        return f"0x{told[-1]:064x}"

    lying = Rule("eth_call", Change(less), times=None)
    with scene.running(INTERVAL_MINUTES="5", COOLDOWN_MINUTES="0"):
        with scene.front.fault(lying):
            scene.rise()
            scene.until_state("sent")
        assert len(told) == 1
        scene.until_state("final_reverted", mining=True)
        (spent,) = scene.attempts()
        receipt = scene.chain.node.rpc.call("eth_getTransactionReceipt", spent["hash"])
        assert int(receipt["status"], 16) == 0
        assert (
            int(receipt["gasUsed"], 16) * 100
            > 95 * scene.keeper.rows("SELECT gas_limit FROM transaction_intent")[0]["gas_limit"]
        )
        scene.rise(4100)
        scene.keeper.query_until(
            "SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'final_ok'", tick=scene.climate.mine
        )
    nonces = [row["nonce"] for row in scene.keeper.rows("SELECT nonce FROM transaction_intent ORDER BY id")]
    assert nonces == [0, 1]
    assert len(scene.rebalances()) == 1


@contextlib.contextmanager
def saying(status: str) -> Iterator[tuple[str, list[str]]]:
    """A relay's page of a transaction's status: its URL, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps({"status": status}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/tx/{{hash}}", asked
        finally:
            server.shutdown()
            thread.join()


def test_fault_48_the_relay_says_failed(chain: LocalChain, keeper: Keeper, rules: NodeRules) -> None:
    """It stays open: the bytes are valid until their nonce is used. They are raised, and mined after all."""
    rules.censor(accounts.KEEPER)
    with proxy_to(chain.url) as front, proxy_to(rules.url) as relay, saying("FAILED") as (status_url, asked):
        scene = Scene(chain, keeper, front)
        with scene.running(PRIVATE_RPC_URL=with_key(relay.url), PRIVATE_STATUS_URL=status_url):
            scene.rise()
            scene.until_state("sent")
            mine(chain.node.rpc, blocks=1, seconds=60, base_fee=2 * GWEI)
            scene.until_replies(2)
            first, second = scene.attempts()
            assert asked == [f"/tx/{first['hash']}"]
            assert scene.state == "sent"
            assert any("the relay says FAILED" in message for message in scene.alerts())
            rules.admit(accounts.KEEPER)
            scene.finish()
        assert scene.sent() == [], "nothing went past the relay"
        assert relay.count("eth_sendRawTransaction") == 2
        assert scene.rebalances() == [second["hash"]]
        scene.assert_traded_once(attempts=2)
