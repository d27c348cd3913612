"""Faults 34 to 38: a signer without funds, and others who use its nonces."""

import pytest

from keeper.core.holds import DOUBTED_HEADS
from scripts.localchain import accounts
from scripts.localchain.rpc import Rpc
from tests.e2e.reckoning import assert_every_plan_happened_once, assert_journal_recomputes
from tests.faults.kit import rules
from tests.faults.kit.chain_faults import foreign, rollback, set_balance, set_nonce
from tests.faults.kit.families import FAMILIES, Family
from tests.faults.kit.rules import Rule
from tests.faults.scenes import COUNT, GWEI, SEND, K, PooledScene, Scene

pytestmark = pytest.mark.e2e
deep = pytest.mark.deep
KEY = accounts.keeper_key()


def blocked(scene: Scene, why: str) -> None:
    """The newest plan was not sent, for that reason."""
    scene.keeper.query_until(f"SELECT 1 FROM decision WHERE action = 'blocked' AND reason LIKE '%{why}%'")


# -------------------------------------------------------------------------------------------------------------- funds


@pytest.mark.parametrize(
    "family", [FAMILIES[0], *(pytest.param(each, marks=deep) for each in FAMILIES[1:])], ids=lambda each: each.name
)
def test_fault_34_no_funds(pooled: PooledScene, family: Family) -> None:
    """The signer is emptied before the node has its transaction -> the same bytes again and an alert, never a raise."""
    pooled.pool.family = family
    pooled.rise()
    hold = pooled.front.add(Rule(SEND, rules.Hold()))
    with pooled.running():
        pooled.front.wait_until_fired(hold)
        held = set_balance(pooled.chain.node.rpc, K, 10**9)
        pooled.front.release(hold)
        (reply,) = pooled.until_replies(1)
        assert (reply["kind"], pooled.state, pooled.nonces()) == ("funds", "sent", (0, 0))
        pooled.keeper.until(lambda: any("a node refused it" in alert for alert in pooled.alerts()), "an alert")
        told = pooled.until_replies(3, mining=True)  # over more than a minute of chain time
        assert {each["kind"] for each in told} == {"funds"}
        set_balance(pooled.chain.node.rpc, K, held)
        pooled.keeper.query_until("SELECT 1 FROM transaction_reply WHERE kind = 'accepted'", tick=pooled.mine_seen)
        pooled.finish()
    assert len(pooled.pool.refused) >= 3
    assert len(set(pooled.sent())) == 1
    pooled.assert_traded_once()


@deep
def test_fault_35_drained_while_pooled(pooled: PooledScene) -> None:
    """The pool forgets it -> sent again after a top-up."""
    pooled.climate.seconds = 1
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        held = set_balance(pooled.chain.node.rpc, K, 10**9)
        pooled.climate.mine()
        assert pooled.pool.waiting() == []
        told = pooled.until_replies(2, mining=True)
        assert [each["kind"] for each in told] == ["accepted", "funds"]
        set_balance(pooled.chain.node.rpc, K, held)
        pooled.until_replies(3, mining=True)
        pooled.finish()
    assert len(set(pooled.sent())) == 1
    pooled.assert_traded_once()


# ------------------------------------------------------------------------------------------------------------- others


@deep
def test_fault_36_foreign_transaction_before_the_plan(pooled: PooledScene) -> None:
    """Somebody else's waits at our nonce -> nothing is planned. Mined, it is one that the books do not know: held."""
    pooled.rise()
    other = foreign(pooled.chain.node.rpc, KEY, 0, fee=10 * GWEI, tip=GWEI)
    with pooled.running(INTERVAL_MINUTES="1"):
        blocked(pooled, "1 of % transactions wait in the node''s pool")
        pooled.climate.mine(10)
        assert pooled.nonces() == (1, 1)
        blocked(pooled, "safe_hold: the chain has 1 transactions")
    assert pooled.chain.node.rpc.call("eth_getTransactionReceipt", other)
    assert pooled.sent() == []
    assert pooled.rebalances() == []
    assert_journal_recomputes(pooled.keeper)


def test_fault_36_foreign_transaction_at_our_nonce(pooled: PooledScene) -> None:
    """It comes between our look and our sending -> a person is called; nothing is raised against it. It is mined: the
    nonce is stolen, nothing follows, until an operator has looked."""
    pooled.rise()
    hold = pooled.front.add(Rule(SEND, rules.Hold()))
    with pooled.running():
        pooled.front.wait_until_fired(hold)
        other = foreign(pooled.chain.node.rpc, KEY, 0, fee=50 * GWEI, tip=9 * GWEI)
        pooled.front.release(hold)
        (reply,) = pooled.until_replies(1)
        assert reply["kind"] == "replacement"
        pooled.keeper.until(lambda: any("not ours waits at nonce 0" in alert for alert in pooled.alerts()), "an alert")
        pooled.until_state("nonce_stolen", mining=True)
        pooled.rise(4500)
        blocked(pooled, "open_transaction")
    assert len(pooled.attempts()) == 1
    assert pooled.chain.node.rpc.call("eth_getTransactionReceipt", other)
    assert (pooled.rebalances(), pooled.nonces()) == ([], (1, 1))
    looked = pooled.keeper("reconcile", "--dry-run")
    assert (looked.code, "HELD: nonce 0 of transaction 1 was spent" in looked.stdout) == (3, True)
    assert pooled.keeper("reconcile", "--accept", "--why", "it was me").code == 0
    assert pooled.state == "cancelled"
    pooled.rise(3500)
    with pooled.running():
        pooled.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2")
        pooled.finish()
    assert [each["nonce"] for each in pooled.attempts()] == [0, 1]
    assert len(pooled.rebalances()) == 1
    assert_journal_recomputes(pooled.keeper)


@deep
@pytest.mark.parametrize("deadline", [600, 150], ids=["before the deadline", "after it"])
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_fault_36_foreign_transaction_that_goes_on_waiting(pooled: PooledScene, family: Family, deadline: int) -> None:
    """-> the same bytes are tried again, and nothing is bid against it, however long it takes. When it is gone, ours
    gets in; after the deadline that is the cancellation."""
    pooled.pool.family = family
    pooled.rise()
    hold = pooled.front.add(Rule(SEND, rules.Hold()))
    with pooled.running(DEADLINE_SECONDS=str(deadline)):
        pooled.front.wait_until_fired(hold)
        pooled.pool.censor(K)
        other = foreign(Rpc(pooled.pool.url), KEY, 0, fee=50 * GWEI, tip=9 * GWEI)
        pooled.front.release(hold)
        for _ in range(20):
            pooled.mine_seen()
        told = pooled.until_replies(3)
        assert {each["kind"] for each in told} == {"replacement"}
        assert [each["kind"] for each in pooled.attempts()] == ["trade", "cancel"][: 1 if deadline > 240 else 2]
        assert [each.hash for each in pooled.pool.waiting()] == [other]
        pooled.pool.evict(other)
        pooled.pool.admit(K)
        pooled.keeper.query_until("SELECT 1 FROM transaction_reply WHERE kind = 'accepted'", tick=pooled.mine_seen)
        pooled.finish()
    if deadline > 240:
        pooled.assert_traded_once()
    else:
        pooled.assert_cancelled()


@deep
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_fault_37_foreign_gap(pooled: PooledScene, family: Family) -> None:
    """The node waits for a transaction before ours that is not ours -> a person is called; nothing is raised or signed
    anew. When the gap is filled the same bytes go in."""
    pooled.pool.family = family
    set_nonce(pooled.chain.node.rpc, K, 1)
    pooled.rise()
    with pooled.running():
        blocked(pooled, "safe_hold: the chain has 1 transactions")
    assert pooled.keeper("reconcile", "--accept", "--why", "the key was used before").code == 0
    hold = pooled.front.add(Rule(SEND, rules.Hold()))
    with pooled.running():
        pooled.rise(4500)
        pooled.front.wait_until_fired(hold)
        set_nonce(pooled.chain.node.rpc, K, 0)
        pooled.front.release(hold)
        (reply,) = pooled.until_replies(1)
        assert reply["kind"] == "gap"
        pooled.keeper.until(
            lambda: any("waits for a transaction before nonce 1" in alert for alert in pooled.alerts()), "an alert"
        )
        pooled.until_replies(2, mining=True)
        assert {each["kind"] for each in pooled.replies()} == {"gap"}
        foreign(pooled.chain.node.rpc, KEY, 0, fee=10 * GWEI, tip=GWEI)
        pooled.keeper.query_until("SELECT 1 FROM transaction_reply WHERE kind = 'accepted'", tick=pooled.mine_seen)
        pooled.finish()
    assert len(set(pooled.sent())) == 1
    assert [each["nonce"] for each in pooled.attempts()] == [1]
    assert (len(pooled.rebalances()), pooled.nonces()) == (1, (2, 2))
    assert_journal_recomputes(pooled.keeper)


@deep
def test_fault_37_foreign_transaction_after_ours(pooled: PooledScene) -> None:
    """It waits at the next nonce: ours is mined, then it is, and the books do not know it -> SAFE_HOLD."""
    foreign(pooled.chain.node.rpc, KEY, 1, fee=50 * GWEI, tip=GWEI)
    pooled.rise()
    with pooled.running():
        pooled.until_state("final_ok", mining=True)
        assert pooled.nonces() == (2, 2)
        pooled.rise(3000)
        blocked(pooled, "safe_hold: the chain has 2 transactions")
    assert len(pooled.rebalances()) == 1
    assert len(pooled.attempts()) == 1
    assert pooled.keeper("status").code == 0


@deep
def test_fault_38_nonce_went_back(scene: Scene) -> None:
    """The chain shows fewer transactions than were final -> nothing is signed, and SAFE_HOLD when it goes on."""
    scene.rise()
    with scene.running(INTERVAL_MINUTES="1"):
        scene.until_state("final_ok", mining=True)
        set_nonce(scene.chain.node.rpc, K, 0)
        scene.rise(3000)
        blocked(scene, "nonce: the chain has 0 transactions")
        scene.keeper.query_until(
            "SELECT 1 FROM decision WHERE reason LIKE '%safe_hold: the chain has 0 transactions%'",
            tick=lambda: scene.climate.mine(70),
        )
        assert len(scene.rows("SELECT 1 FROM decision WHERE reason LIKE 'nonce: %'")) == DOUBTED_HEADS - 1
    assert (len(scene.attempts()), len(scene.sent()), len(scene.rebalances())) == (1, 1, 1)
    assert any("rolled back" in alert for alert in scene.alerts())
    assert scene.keeper("reconcile", "--dry-run").code == 3


@deep
def test_fault_38_a_node_that_lags_for_a_moment(scene: Scene) -> None:
    """It shows an old nonce once -> nothing is signed then, and nobody has to be called."""
    scene.rise()
    with scene.running(INTERVAL_MINUTES="1"):
        scene.until_state("final_ok", mining=True)
        old = Rule(COUNT, rules.Result("0x0"), times=2)
        scene.front.add(old)
        scene.rise(3000)
        blocked(scene, "nonce: the chain has 0 transactions")
        scene.front.assert_fired(old, 2)
        scene.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2", tick=lambda: scene.climate.mine(70))
        scene.finish()
    assert assert_every_plan_happened_once(scene.chain, scene.keeper) == 2
    assert [each["nonce"] for each in scene.attempts()] == [0, 1]


@deep
def test_fault_38_rolled_back_below_what_was_final(scene: Scene) -> None:
    """The blocks are gone, the trade's among them -> SAFE_HOLD; the plan is not made a second time."""
    scene.rise()
    with scene.running(INTERVAL_MINUTES="1"):
        scene.until_state("final_ok", mining=True)
        (attempt,) = scene.attempts()
        back = rollback(scene.chain.node.rpc, scene.chain.node.head()[0] - int(attempt["block_number"]) + 1)
        assert back < int(attempt["block_number"])
        assert (scene.rebalances(), scene.nonces()) == ([], (0, 0))
        scene.keeper.query_until("SELECT 1 FROM signer_account WHERE hold IS NOT NULL", tick=scene.mine_seen)
        scene.climate.mine(70)
        blocked(scene, "safe_hold")
    assert (len(scene.attempts()), len(set(scene.sent())), scene.rebalances()) == (1, 1, [])
    assert any("was final and is gone" in alert or "rolled back" in alert for alert in scene.alerts())
