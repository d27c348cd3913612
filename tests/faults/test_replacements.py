"""Faults 31 to 33: nodes with rules for replacements, and races between the attempts of one plan.

The real keeper behind a proxy, before a node with the rules of real mempools, before a real Anvil. Blocks are 12 s
apart, so that a transaction is raised after four of them, unless a test says otherwise.
"""

import pytest

from tests.faults.attempts import mined_hash, outbids, stuck
from tests.faults.kit import rules
from tests.faults.kit.families import FAMILIES, GETH, NETHERMIND, Family
from tests.faults.kit.node_rules import EIGHTH
from tests.faults.kit.rules import Rule
from tests.faults.scenes import GWEI, SEND, PooledScene

pytestmark = pytest.mark.e2e
deep = pytest.mark.deep


# ------------------------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    "family", [GETH, *(pytest.param(each, marks=deep) for each in FAMILIES[1:])], ids=lambda each: each.name
)
def test_fault_31_a_node_that_enforces_a_tenth(pooled: PooledScene, family: Family) -> None:
    """-> the first raise is right."""
    pooled.pool.family = family
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        with stuck(pooled):
            pooled.until_replies(2, mining=True)
        pooled.finish()
    assert [told["kind"] for told in pooled.replies()] == ["accepted", "accepted"]
    assert pooled.pool.refused == []
    first, second = pooled.attempts()
    assert outbids(second, first)
    assert mined_hash(pooled) == second["hash"]
    pooled.assert_traded_once(attempts=2)


@deep
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_fault_31_a_node_that_enforces_an_eighth(pooled: PooledScene, family: Family) -> None:
    """It refuses the first raise in its family's words -> the next one is right, above the highest attempt."""
    pooled.pool.family, pooled.pool.bump_bps = family, EIGHTH
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        with stuck(pooled):
            pooled.until_replies(3, mining=True)
        pooled.finish()
    assert [told["kind"] for told in pooled.replies()] == ["accepted", "replacement", "accepted"]
    first, second, third = pooled.attempts()
    assert [tx_hash for tx_hash, _ in pooled.pool.refused] == [second["hash"]]
    assert not outbids(second, first, EIGHTH)
    assert outbids(third, second, EIGHTH)
    assert mined_hash(pooled) == third["hash"]
    pooled.assert_traded_once(attempts=3)


@deep
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_fault_31_a_node_that_asks_for_a_tip(pooled: PooledScene, family: Family) -> None:
    """More than it suggests, in a market where tips are raised: underpriced -> raised until it is enough."""
    pooled.pool.family, pooled.pool.least_tip = family, GWEI * 12 // 10
    pooled.rise()
    with pooled.running():
        pooled.keeper.query_until("SELECT 1 FROM transaction_reply WHERE kind = 'accepted'", tick=pooled.mine_seen)
        pooled.finish()
    kinds = [told["kind"] for told in pooled.replies()]
    assert kinds == ["low_fee"] * (len(kinds) - 1) + ["accepted"]
    assert len(pooled.pool.refused) == len(kinds) - 1 >= 1
    pooled.assert_traded_once(attempts=len(kinds))


# ------------------------------------------------------------------------------------------------------------- races


@deep
@pytest.mark.parametrize("fault", [rules.Drop(), rules.LoseReply()], ids=["raise lost", "raise refused"])
def test_fault_32_original_mined_after_the_raise(pooled: PooledScene, fault: rules.Fault) -> None:
    """-> success through any hash. The raise never reaches the node, or reaches one that does not take it."""
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        (original,) = pooled.attempts()
        if isinstance(fault, rules.LoseReply):
            pooled.pool.bump_bps = 30_000
        with stuck(pooled), pooled.front.fault(Rule(SEND, fault)):
            pooled.until_replies(2, mining=True)
        assert [each.hash for each in pooled.pool.waiting()] == [original["hash"]]
        pooled.finish()
    first, second = pooled.attempts()
    assert outbids(second, first)
    assert mined_hash(pooled) == original["hash"]
    pooled.assert_traded_once(attempts=2)


@deep
def test_fault_32_the_raise_arrives_when_the_original_is_mined(pooled: PooledScene) -> None:
    """Nonce too low: the chain is looked at, never another nonce."""
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        hold = pooled.front.add(Rule(SEND, rules.Hold()))
        with stuck(pooled):
            pooled.until_attempts(2, mining=True)
            pooled.front.wait_until_fired(hold)
        pooled.climate.mine()
        assert pooled.nonces()[0] == 1
        pooled.front.release(hold)
        reply = pooled.until_replies(2)[-1]
        assert reply["kind"] == "nonce_low"
        pooled.finish()
    assert mined_hash(pooled) == pooled.attempts()[0]["hash"]
    pooled.assert_traded_once(attempts=2)


def asked_to_cancel(scene: PooledScene) -> None:
    done = scene.keeper("tx", "cancel", "1", "--why", "changed my mind")
    assert done.code == 0, done.stderr


@deep
@pytest.mark.parametrize("fault", [rules.Drop(), rules.Hold()], ids=["cancel lost", "cancel late"])
def test_fault_33_original_beats_the_cancel(pooled: PooledScene, fault: rules.Fault) -> None:
    """-> FINAL_OK: the plan happened, and the books say so."""
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        rule = pooled.front.add(Rule(SEND, fault))
        with stuck(pooled):
            asked_to_cancel(pooled)
            pooled.until_attempts(2, mining=True)
            pooled.front.wait_until_fired(rule)
        pooled.climate.mine()
        pooled.front.remove(rule)
        pooled.until_replies(2)
        pooled.finish()
    trade, cancel = pooled.attempts()
    assert (trade["kind"], cancel["kind"]) == ("trade", "cancel")
    assert mined_hash(pooled) == trade["hash"]
    assert pooled.state == "final_ok"
    pooled.assert_traded_once(attempts=2)


@deep
@pytest.mark.parametrize("family", [GETH, NETHERMIND], ids=lambda family: family.name)
def test_fault_33_the_cancel_beats_the_original(pooled: PooledScene, family: Family) -> None:
    """-> CANCELLED, on a node that asks for an eighth as well."""
    pooled.pool.family, pooled.pool.bump_bps = family, EIGHTH
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        with stuck(pooled):
            asked_to_cancel(pooled)
            pooled.until_replies(2, mining=True)
        assert pooled.replies()[-1]["kind"] == "accepted"
        pooled.until_state("cancelled", mining=True)
    assert [each["kind"] for each in pooled.attempts()] == ["trade", "cancel"]
    pooled.assert_cancelled()


@deep
def test_fault_33_original_mined_after_its_deadline(pooled: PooledScene) -> None:
    """The treasury refuses it: FINAL_REVERTED, which says nothing against the plan."""
    pooled.rise()
    lost = Rule(SEND, rules.Drop(), times=None, when=lambda call: call.params[0] != pooled.sent()[0])
    with pooled.running(DEADLINE_SECONDS="60"):
        pooled.until_state("sent")
        pooled.front.add(lost)
        with stuck(pooled):
            pooled.keeper.query_until("SELECT 1 FROM transaction_attempt WHERE kind = 'cancel'", tick=pooled.mine_seen)
        pooled.until_state("final_reverted", mining=True)
    pooled.front.assert_fired(lost)
    trade = pooled.attempts()[0]
    assert mined_hash(pooled) == trade["hash"]
    assert trade["revert_reason"].startswith("Expired")
    assert pooled.rebalances() == []
    assert pooled.rows("SELECT status FROM rebalance") == [{"status": "failed"}]
    assert pooled.nonces() == (1, 1)
