"""Faults 26 to 30: pools that forget, spikes, and ladders.

The real keeper behind a proxy, before a node with the rules of real mempools, before a real Anvil. Blocks are 12 s
apart, so that a transaction is raised after four of them, unless a test says otherwise.
"""

import itertools

import pytest

from keeper.core.fees import BUMP_SECONDS
from tests.faults.attempts import fees, mined_hash, outbids, stuck, until_cancel_is_sent
from tests.faults.kit import rules
from tests.faults.kit.node_rules import EIGHTH
from tests.faults.kit.rules import Rule
from tests.faults.scenes import GWEI, SEND, PooledScene

pytestmark = pytest.mark.e2e
deep = pytest.mark.deep


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
