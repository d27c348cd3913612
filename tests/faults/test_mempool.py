"""Faults 26 to 33: pools that forget, spikes, ladders, and races between the attempts of one plan.

The real keeper behind a proxy, before a node with the rules of real mempools, before a real Anvil. Blocks are 12 s
apart, so that a transaction is raised after four of them, unless a test says otherwise.
"""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from keeper.core.fees import BUMP_SECONDS
from tests.faults.kit import rules
from tests.faults.kit.families import FAMILIES, GETH, NETHERMIND, Family
from tests.faults.kit.node_rules import EIGHTH, TENTH
from tests.faults.kit.rules import Rule
from tests.faults.scenes import GWEI, SEND, K, PooledScene

pytestmark = pytest.mark.e2e
deep = pytest.mark.deep


def fees(attempt: dict[str, Any]) -> tuple[int, int]:
    """Fee and tip, wei per gas."""
    return int(attempt["max_fee"]), int(attempt["max_tip"])


def outbids(new: dict[str, Any], old: dict[str, Any], bump_bps: int = TENTH) -> bool:
    """By so much, and both of fee and tip."""
    return all(a * 10_000 >= b * (10_000 + bump_bps) for a, b in zip(fees(new), fees(old), strict=True))


@contextlib.contextmanager
def stuck(scene: PooledScene) -> Iterator[None]:
    """Nobody includes what the keeper sends, for as long as the context lasts."""
    scene.pool.censor(K)
    yield
    scene.pool.admit(K)


def until_cancel_is_sent(scene: PooledScene) -> None:
    """And the node has answered: before that the plan itself may still get in."""
    sent = "SELECT 1 FROM transaction_attempt WHERE kind = 'cancel' AND sent_at IS NOT NULL"
    scene.keeper.query_until(sent, tick=scene.mine_seen)


def mined_hash(scene: PooledScene) -> str:
    (mined,) = [each for each in scene.attempts() if each["block_number"] is not None]
    return str(mined["hash"])


# --------------------------------------------------------------------------------------------------- pools that forget


def test_fault_26_eviction(pooled: PooledScene) -> None:
    """-> sent again: the same bytes, five heads later."""
    pooled.climate.seconds = 1
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        pooled.pool.evict(pooled.attempts()[0]["hash"])
        pooled.until_replies(2, mining=True)
        assert [told["kind"] for told in pooled.replies()] == ["accepted", "accepted"]
        pooled.finish()
    assert (len(pooled.sent()), len(set(pooled.sent()))) == (2, 1)
    pooled.assert_traded_once()


@deep
def test_fault_27_all_dropped(pooled: PooledScene) -> None:
    """Every pool is empty, in slots of 12 s -> raised before it would be sent again; both hashes are tracked."""
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        assert pooled.pool.evict_all() == 1
        pooled.until_replies(2, mining=True)
        assert [told["kind"] for told in pooled.replies()] == ["accepted", "accepted"]
        pooled.finish()
    first, second = pooled.attempts()
    assert outbids(second, first)
    assert mined_hash(pooled) == second["hash"]
    pooled.assert_traded_once(attempts=2)


@deep
def test_fault_27_all_dropped_again_and_again(pooled: PooledScene) -> None:
    """A pool that forgets whatever it is given: sent again each time, never as another plan."""
    pooled.climate.seconds = 1
    pooled.rise()
    with pooled.running():
        with stuck(pooled):
            for times in range(1, 5):
                pooled.until_replies(times, mining=True)
                assert pooled.pool.evict_all() == 1
        pooled.finish()
    assert len(set(pooled.sent())) == 1
    pooled.assert_traded_once()


# ------------------------------------------------------------------------------------------------------------ spikes


def test_fault_28_base_fee_spike(pooled: PooledScene) -> None:
    """-> raised to the market once it has waited; what was outbid stays in the pool until then."""
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        (first,) = pooled.attempts()
        pooled.climate.turn(20 * GWEI)
        pooled.climate.mine()
        assert [each.hash for each in pooled.pool.waiting()] == [first["hash"]]
        assert fees(first)[0] < 20 * GWEI
        pooled.until_replies(2, mining=True)
        pooled.finish()
    first, second = pooled.attempts()
    assert second["signed_at"] - first["signed_at"] >= BUMP_SECONDS
    assert fees(second)[0] >= 2 * 20 * GWEI  # what one that begins then would offer
    assert outbids(second, first)
    assert mined_hash(pooled) == second["hash"]
    pooled.assert_traded_once(attempts=2)


@deep
def test_fault_28_spike_before_it_is_sent(pooled: PooledScene) -> None:
    """It was signed for the old base fee: the node keeps it, and it is raised all the same."""
    pooled.rise()
    hold = pooled.front.add(Rule(SEND, rules.Hold()))
    with pooled.running():
        pooled.front.wait_until_fired(hold)
        pooled.climate.turn(20 * GWEI)
        pooled.front.release(hold)
        (reply,) = pooled.until_replies(1)
        assert reply["kind"] == "accepted"
        assert pooled.nonces() == (0, 0)  # Anvil does not have it
        pooled.until_replies(2, mining=True)
        pooled.finish()
    assert mined_hash(pooled) == pooled.attempts()[1]["hash"]
    pooled.assert_traded_once(attempts=2)


@deep
def test_fault_29_spike_over_the_cap(pooled: PooledScene) -> None:
    """-> held at what MAX_FEE_GWEI leaves to a trade, and cancelled at the deadline for the little that was left."""
    pooled.rise()
    with pooled.running(MAX_FEE_GWEI="20"):
        pooled.until_state("sent")
        pooled.climate.turn(100 * GWEI)
        pooled.until_replies(2, mining=True)
        deadline = int(pooled.rows("SELECT deadline FROM transaction_intent")[0]["deadline"])
        while pooled.chain.node.head()[1] < deadline - 24:
            pooled.mine_seen()
        assert [each["kind"] for each in pooled.attempts()] == ["trade", "trade"]
        assert (pooled.state, pooled.nonces()[0]) == ("sent", 0)
        until_cancel_is_sent(pooled)
        assert pooled.nonces()[0] == 0
        pooled.climate.turn(2 * GWEI)
        pooled.until_state("cancelled", mining=True)
    first, second, cancel = pooled.attempts()
    assert fees(second)[0] == 20 * GWEI * 10_000 // 11_300
    assert fees(second)[0] < fees(cancel)[0] <= 20 * GWEI
    assert outbids(second, first)
    assert outbids(cancel, second, EIGHTH)
    pooled.assert_cancelled()


@deep
def test_fault_29_spike_that_ends_before_the_deadline(pooled: PooledScene) -> None:
    """Held, and mined as soon as the base fee allows."""
    pooled.rise()
    with pooled.running(MAX_FEE_GWEI="20"):
        pooled.until_state("sent")
        pooled.climate.turn(100 * GWEI)
        pooled.until_replies(4, mining=True)  # at the limit the same bytes are sent again
        assert (pooled.state, pooled.nonces()[0]) == ("sent", 0)
        pooled.climate.turn(2 * GWEI)
        pooled.finish()
    assert len(set(pooled.sent())) == 2
    pooled.assert_traded_once(attempts=2)


# ----------------------------------------------------------------------------------------------------------- ladders


@deep
def test_fault_30_stuck(pooled: PooledScene) -> None:
    """-> a rung every 48 s, each at least a tenth above the last, until one gets in."""
    pooled.rise()
    with pooled.running():
        pooled.until_state("sent")
        with stuck(pooled):
            pooled.until_replies(5, mining=True)
            assert pooled.nonces()[0] == 0
        pooled.finish()
    attempts = pooled.attempts()
    for old, new in itertools.pairwise(attempts):
        assert outbids(new, old)
        assert new["signed_at"] - old["signed_at"] >= BUMP_SECONDS
    assert {told["kind"] for told in pooled.replies()} == {"accepted"}
    assert pooled.pool.refused == []
    assert mined_hash(pooled) in {each["hash"] for each in attempts[4:]}
    pooled.assert_traded_once(attempts=len(attempts))


@deep
def test_fault_30_stuck_past_its_deadline(pooled: PooledScene) -> None:
    """The ladder ends at the deadline: cancelled, whatever it cost to get past the last rung."""
    pooled.rise()
    with pooled.running(DEADLINE_SECONDS="150"):
        pooled.until_state("sent")
        with stuck(pooled):
            until_cancel_is_sent(pooled)
        pooled.until_state("cancelled", mining=True)
    *trades, cancel = pooled.attempts()
    assert len(trades) >= 3
    assert outbids(cancel, trades[-1], EIGHTH)
    pooled.assert_cancelled()


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
