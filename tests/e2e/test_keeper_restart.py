"""Restart is the normal path: whenever a keeper ends, however, the next one goes on, and every plan happens once."""

import os
import random
import signal
import time
from decimal import Decimal

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.lockstep import Step
from tests.e2e.gateway import gateway_to
from tests.e2e.keepers import Keeper, nonce, with_key
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import assert_every_plan_happened_once, finish

pytestmark = pytest.mark.e2e

HOUR = 3600
STOP_SECONDS = 5


@pytest.mark.parametrize("mempool", ["kept", "lost"])
def test_sigterm_while_waiting_for_a_receipt(chain: LocalChain, keeper: Keeper, mempool: str) -> None:
    """Mining stands still. The intent stays open; the next keeper sends the same bytes again, and one trade it is."""
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + HOUR)
    chain.node.mine_every(0)
    with keeper.running(installed=True) as child:
        keeper.query_until("SELECT * FROM transaction_intent WHERE state = 'sent'")
        asked = time.monotonic()
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(STOP_SECONDS) == 0
        assert time.monotonic() - asked < STOP_SECONDS
    assert "an open transaction is taken up at the next start" in keeper.said()
    sent = keeper.rows("SELECT hash, nonce FROM transaction_attempt")
    assert len(sent) == 1
    assert nonce(chain) == 1
    if mempool == "lost":
        chain.node.rpc.call("anvil_dropAllTransactions")
        assert nonce(chain) == 0

    with keeper.running():
        replies = keeper.until(
            lambda: len(found := keeper.rows("SELECT reply FROM transaction_reply ORDER BY id")) == 2 and found,
            "resent",
        )
        assert replies[0]["reply"] == "accepted"
        assert ("already imported" in replies[1]["reply"]) == (mempool == "kept")
        finish(chain, keeper)
    assert keeper.rows("SELECT hash, nonce FROM transaction_attempt") == sent
    assert assert_every_plan_happened_once(chain, keeper) == 1


MOMENTS = [
    ("before", "eth_sendRawTransaction"),  # signed and committed, never sent
    ("after", "eth_sendRawTransaction"),  # sent, the reply never read
    ("before", "eth_getTransactionReceipt"),  # sent, perhaps mined
    ("after", "eth_getTransactionReceipt"),  # mined, not written down
    ("before", "eth_maxPriorityFeePerGas"),  # planned, not committed
]


def test_killed_at_every_moment_of_a_transaction(chain: LocalChain, keeper: Keeper) -> None:
    """kill -9, by the node's own front door, at exactly the moments that matter; each next keeper is killed at the
    next. The market makes another trade due every time."""
    prices = [Decimal(price) for price in (4000, 3000, 4000, 3000, 4000)]
    with gateway_to(chain.url) as front:
        for (when, method), price in zip(MOMENTS, prices, strict=True):
            with keeper.running(RPC_URL=with_key(front.url)) as child:
                if keeper.database.exists():
                    finish(chain, keeper)
                getattr(front, when)[method] = lambda child=child: os.kill(child.pid, signal.SIGKILL)
                chain.market.step({"WETH": price}, at=chain.node.head()[1] + 2 * HOUR)
                assert keeper.until(lambda child=child: child.exit_code(), "killed") == -signal.SIGKILL
        with keeper.running(RPC_URL=with_key(front.url)) as child:
            finish(chain, keeper)
            keeper.lockstep(chain, child).cycle(Step("rest", chain.node.head()[1] + 2 * HOUR, {}))
    assert assert_every_plan_happened_once(chain, keeper) == len(MOMENTS)


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(3, 21))])
def test_killed_at_random(chain: LocalChain, keeper: Keeper, seed: int) -> None:
    """Four kills within half a second of a move of the market, on a chain that makes a block a second."""
    chance = random.Random(seed)
    chain.node.mine_every(1)
    price = 3000
    for times in range(1, 5):
        with keeper.running() as child:
            keeper.until(lambda times=times: keeper.said().count("heartbeat") == times, "up")
            price = 7000 - price
            chain.market.step({"WETH": Decimal(price)}, at=chain.node.head()[1] + 2 * HOUR)
            child.wait(chance.uniform(0, 0.5))
            os.kill(child.pid, signal.SIGKILL)
            child.wait(5)
    with keeper.running() as child:
        finish(chain, keeper)
        market = keeper.lockstep(chain, child)
        for last in (7000 - price, price):
            market.cycle(Step("move", chain.node.head()[1] + 2 * HOUR, {"WETH": Decimal(last)}))
    assert assert_every_plan_happened_once(chain, keeper) >= 1


def test_a_nonce_that_somebody_else_used_stops_the_signer(chain: LocalChain, keeper: Keeper) -> None:
    """A transaction of the same key from elsewhere takes the nonce: nothing of ours may be sent after it."""
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + HOUR)
    chain.node.mine_every(0)
    with keeper.running():
        keeper.query_until("SELECT * FROM transaction_intent WHERE state = 'sent'")
    chain.node.rpc.call("anvil_dropAllTransactions")
    chain.node.rpc.call("anvil_impersonateAccount", accounts.KEEPER)
    stolen = {"from": accounts.KEEPER, "to": accounts.OWNER, "value": "0x1"}
    chain.node.rpc.call("eth_sendTransaction", stolen)
    chain.node.mine()
    chain.node.rpc.call("anvil_stopImpersonatingAccount", accounts.KEEPER)
    with keeper.running():
        chain.node.mine(timestamp=chain.node.head()[1] + HOUR)  # past the intent's deadline
        keeper.query_until("SELECT * FROM transaction_intent WHERE state = 'nonce_stolen'", tick=chain.node.mine)
        chain.market.step({"WETH": Decimal(4500)}, at=chain.node.head()[1] + 2 * HOUR)
        blocked = keeper.query_until("SELECT reason FROM decision WHERE action = 'blocked'")
        assert "open_transaction" in blocked["reason"]
    assert Witness(chain).rebalances() == []
    assert nonce(chain) == 1
    alerts = keeper.rows("SELECT kind, message FROM alert WHERE cleared_at IS NULL")
    assert any("nonce 0 was spent" in alert["message"] for alert in alerts), alerts
