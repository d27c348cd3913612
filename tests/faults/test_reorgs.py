"""Faults 39 to 44: blocks that are replaced, down to those that were final."""

from typing import Any

import pytest
from eth_account import Account

from scripts.localchain import accounts
from tests.e2e.reckoning import assert_journal_recomputes
from tests.faults.kit.chain_faults import Fate, reorg, rollback
from tests.faults.scenes import GWEI, Scene

pytestmark = [pytest.mark.e2e]
deep = pytest.mark.deep


def mined(scene: Scene, *, blocks: int = 1) -> dict[str, Any]:
    """A trade that is mined and not final, `blocks` deep; its attempt."""
    scene.rise()
    scene.until_state("sent")
    scene.climate.mine(blocks)
    scene.until_state("mined_ok")
    (attempt,) = scene.attempts()
    return attempt


def changes(scene: Scene) -> list[tuple[str | None, str]]:
    """Of the only intent's state, in order, without what happened within one."""
    rows = scene.keeper.rows("SELECT state_from, state_to FROM transaction_event ORDER BY id")
    return [(row["state_from"], row["state_to"]) for row in rows if row["state_from"] != row["state_to"]]


def trade_rows(scene: Scene) -> list[dict[str, Any]]:
    return scene.keeper.rows("SELECT * FROM rebalance")


def test_fault_39_reorg_of_depth_1(scene: Scene) -> None:
    """MINED, SENT, MINED: one transaction, one row of the trade log."""
    with scene.running():
        first = mined(scene)
        done = reorg(scene.chain.node.rpc, 1, Fate.POOLED)
        assert first["block_hash"] in done.old
        scene.until_state("sent")
        assert scene.rebalances() == []
        assert [row["status"] for row in trade_rows(scene)] == ["pending"]
        scene.finish()
    assert changes(scene)[3:] == [
        ("sent", "mined_ok"), ("mined_ok", "sent"), ("sent", "mined_ok"), ("mined_ok", "final_ok")
    ]  # fmt: skip
    assert [row["status"] for row in trade_rows(scene)] == ["completed"]
    scene.assert_traded_once()


@deep
def test_fault_39_reorg_that_forgets_the_transaction(scene: Scene) -> None:
    """Nobody has it any more: the same bytes are sent again."""
    with scene.running():
        mined(scene)
        reorg(scene.chain.node.rpc, 1, Fate.DROPPED)
        scene.until_state("sent")
        scene.until_replies(2, mining=True)
        scene.finish()
    assert len(set(scene.sent())) == 1
    scene.assert_traded_once()


def test_fault_40_included_elsewhere(scene: Scene) -> None:
    """The same transaction in another block: the receipt in the books is that one's."""
    with scene.running():
        first = mined(scene, blocks=2)
        done = reorg(scene.chain.node.rpc, 2, Fate.AGAIN, later=1)
        moved = f"SELECT 1 FROM transaction_attempt WHERE block_hash = '{done.new[1]}'"
        scene.keeper.query_until(moved)
        scene.finish()
    (attempt,) = scene.attempts()
    assert (attempt["block_number"], attempt["hash"]) == (first["block_number"] + 1, first["hash"])
    receipt = scene.chain.node.rpc.call("eth_getTransactionReceipt", attempt["hash"])
    assert (attempt["block_hash"], attempt["tx_index"]) == (receipt["blockHash"], int(receipt["transactionIndex"], 16))
    assert len(trade_rows(scene)) == 1
    scene.assert_traded_once()


@deep
def test_fault_41_a_competitor_is_included(scene: Scene) -> None:
    """Another transaction of the key takes the nonce for good: NONCE_STOLEN, and nothing more is sent."""
    key = accounts.keeper_key()
    with scene.running():
        attempt = mined(scene)
        competitor = Account.sign_transaction(
            {
                "type": 2,
                "chainId": 31337,
                "nonce": 0,
                "to": accounts.OWNER,
                "value": 1,
                "gas": 21_000,
                "maxFeePerGas": 100 * GWEI,
                "maxPriorityFeePerGas": GWEI,
            },
            key.key,
        )
        reorg(scene.chain.node.rpc, 1, lambda _: competitor.raw_transaction.to_0x_hex())
        scene.until_state("sent")
        scene.until_state("nonce_stolen", mining=True)
        sent = len(scene.sent())
        scene.rise(4500)
        scene.keeper.query_until("SELECT 1 FROM decision WHERE action = 'blocked'")
        assert len(scene.sent()) == sent
    assert scene.rebalances() == []
    assert scene.chain.node.rpc.call("eth_getTransactionReceipt", attempt["hash"]) is None
    assert [row["status"] for row in trade_rows(scene)] == ["failed"]
    assert any("nonce 0 was spent" in message for message in scene.alerts())
    look = scene.keeper("reconcile", "--dry-run")
    assert look.code == 3
    assert "HELD: nonce 0 of transaction 1 was spent by another" in look.stdout
    accepted = scene.keeper("reconcile", "--accept", "--why", "it was us")
    assert (accepted.code, accepted.errors) == (0, [])
    assert scene.state == "cancelled"
    with scene.running():
        scene.rise(4600)
        scene.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'sent'")
        scene.finish()
    assert len(scene.rebalances()) == 1
    assert scene.nonces() == (2, 2)
    assert_journal_recomputes(scene.keeper)


@deep
def test_fault_42_a_success_becomes_a_revert(scene: Scene) -> None:
    """In its new block it came after its deadline: what the books said of a trade is taken back."""
    with scene.running():
        mined(scene, blocks=2)
        assert [row["status"] for row in trade_rows(scene)] == ["completed"]
        reorg(scene.chain.node.rpc, 2, Fate.AGAIN, later=1, seconds=1000)
        scene.until_state("mined_reverted")
        scene.keeper.query_until(
            "SELECT 1 FROM transaction_intent WHERE state = 'final_reverted'", tick=scene.climate.mine
        )
    assert scene.rebalances() == []
    (row,) = trade_rows(scene)
    assert (row["status"], row["loss"], row["turnover"]) == ("failed", None, None)
    swaps = scene.keeper.rows("SELECT status, actual_in, actual_out FROM rebalance_transaction")
    assert {(swap["status"], swap["actual_in"], swap["actual_out"]) for swap in swaps} == {("failed", None, None)}
    (attempt,) = scene.attempts()
    assert attempt["revert_reason"].startswith("Expired")
    assert scene.nonces() == (1, 1)


def test_fault_43_past_finalized(scene: Scene) -> None:
    """What was final is gone: that chain is not to be traded on. SAFE_HOLD, until a person has looked."""
    with scene.running():
        mined(scene)
        scene.finish()
        (attempt,) = scene.attempts()
        depth = int(scene.chain.node.rpc.call("eth_blockNumber"), 16) - attempt["block_number"] + 1
        reorg(scene.chain.node.rpc, depth, Fate.DROPPED)
        held = scene.keeper.query_until(
            "SELECT hold FROM signer_account WHERE hold IS NOT NULL", tick=scene.climate.mine
        )
        assert "was final and is gone" in held["hold"]
        sent = len(scene.sent())
        scene.rise(4500)
        scene.keeper.query_until("SELECT 1 FROM decision WHERE action = 'blocked' AND reason LIKE 'safe_hold%'")
        assert len(scene.sent()) == sent == 1
    assert scene.rebalances() == []
    assert scene.nonces() == (0, 0)
    assert scene.state == "final_ok", "what was written down as final is not rewritten"
    assert "not signing, its signer is on hold" in scene.keeper("status").stdout


@deep
def test_fault_43_accepted_it_trades_on(scene: Scene) -> None:
    """Final, and then final in another block: a person has looked, and the same block holds nobody a second time."""
    with scene.running():
        mined(scene)
        scene.finish()
        (attempt,) = scene.attempts()
        depth = int(scene.chain.node.rpc.call("eth_blockNumber"), 16) - attempt["block_number"] + 1
        reorg(scene.chain.node.rpc, depth, Fate.AGAIN, later=1)
        scene.keeper.query_until("SELECT 1 FROM signer_account WHERE hold IS NOT NULL", tick=scene.climate.mine)
    accepted = scene.keeper("reconcile", "--accept", "--why", "the chain's own fault, and over")
    assert (accepted.code, accepted.errors) == (0, [])
    with scene.running():
        scene.rise(4500)
        scene.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'sent'")
        scene.finish()
        scene.climate.mine(5)
    assert scene.keeper.rows("SELECT hold FROM signer_account") == [{"hold": None}]
    assert len(scene.rebalances()) == 2
    assert scene.nonces() == (2, 2)
    assert_journal_recomputes(scene.keeper)


@deep
def test_fault_44_rollback(scene: Scene) -> None:
    """The head goes back, no block takes the place: seen by polling, and sent again."""
    with scene.running():
        mined(scene)
        newest = rollback(scene.chain.node.rpc, 1)
        assert int(scene.chain.node.rpc.call("eth_blockNumber"), 16) == newest
        scene.until_state("sent")
        assert scene.rebalances() == []
        scene.until_replies(2, mining=True)
        scene.finish()
    assert len(set(scene.sent())) == 1
    scene.assert_traded_once()
