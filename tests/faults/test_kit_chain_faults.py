"""Anvil really does what the helpers promise: blocks, receipts and pools after each of them."""

from pathlib import Path

import pytest

from scripts.localchain import accounts
from scripts.localchain.anvil import running_anvil
from scripts.localchain.node import Node
from tests.faults.clients import GWEI, Signed, signed
from tests.faults.kit import chain_faults
from tests.faults.kit.chain_faults import Climate, Fate, finality, finalize, foreign, mine, reorg, rollback

pytestmark = pytest.mark.adapter

K = accounts.KEEPER
STRANGER = "0x" + "ab" * 20


def send(node: Node, tx: Signed) -> str:
    assert node.rpc.call("eth_sendRawTransaction", tx.raw) == tx.hash
    return tx.hash


def block_of(node: Node, tx_hash: str) -> int | None:
    """The number of the block that it was mined in, which is the chain's at that height."""
    receipt = node.rpc.call("eth_getTransactionReceipt", tx_hash)
    if receipt is None:
        return None
    assert node.rpc.call("eth_getBlockByNumber", receipt["blockNumber"], False)["hash"] == receipt["blockHash"]
    return int(receipt["blockNumber"], 16)


def nonces(node: Node) -> tuple[int, int]:
    latest, pending = (int(node.rpc.call("eth_getTransactionCount", K, at), 16) for at in ("latest", "pending"))
    return latest, pending


def known(node: Node, tx_hash: str) -> bool:
    return node.rpc.call("eth_getTransactionByHash", tx_hash) is not None


def times(node: Node, first: int) -> list[int]:
    numbers = range(first, node.head()[0] + 1)
    return [int(node.rpc.call("eth_getBlockByNumber", hex(n), False)["timestamp"], 16) for n in numbers]


def test_reorg_with_the_transactions_put_back(node: Node) -> None:
    """Also of an account without a key, whose bytes nobody could send."""
    node.speak_for(STRANGER, 10**20)
    first = send(node, signed(0))
    second = node.rpc.call("eth_sendTransaction", {"from": STRANGER, "to": K, "value": "0x7", "gas": "0x5208"})
    mine(node.rpc, blocks=3)
    before = times(node, 5)
    done = reorg(node.rpc, 3)
    assert (done.ancestor, len(done.old), len(done.new)) == (5, 3, 3)
    assert node.head()[0] == 8
    assert (block_of(node, first), block_of(node, second)) == (6, 6)
    assert nonces(node) == (1, 1)
    assert times(node, 5) == before
    assert node.rpc.call("eth_getBlockByHash", done.old[0], False) is None


def test_reorg_with_the_transaction_in_a_later_block(node: Node) -> None:
    tx = send(node, signed(0))
    mine(node.rpc, blocks=3)
    reorg(node.rpc, 3, later=2)
    assert block_of(node, tx) == 8
    with pytest.raises(AssertionError, match="cannot come 1 blocks later"):
        reorg(node.rpc, 1, later=1)


def test_reorg_with_the_transaction_back_in_the_pool(node: Node) -> None:
    tx = send(node, signed(0))
    mine(node.rpc)
    reorg(node.rpc, 1, Fate.POOLED)
    assert block_of(node, tx) is None
    assert known(node, tx)
    assert nonces(node) == (0, 1)
    mine(node.rpc)
    assert block_of(node, tx) == 7


def test_reorg_with_the_transaction_dropped(node: Node) -> None:
    tx = send(node, signed(0))
    mine(node.rpc)
    reorg(node.rpc, 1, Fate.DROPPED)
    assert not known(node, tx)
    assert nonces(node) == (0, 0)


def test_reorg_with_another_in_its_place_and_the_rest_put_back(node: Node) -> None:
    tx, other = send(node, signed(0)), signed(0, value=5)
    rest = node.rpc.call("eth_sendTransaction", {"from": accounts.OWNER, "to": K, "value": "0x7", "gas": "0x5208"})
    mine(node.rpc)
    reorg(node.rpc, 1, lambda each: other.raw if each["hash"] == tx else Fate.AGAIN)
    assert not known(node, tx)
    assert (block_of(node, other.hash), block_of(node, rest)) == (6, 6)
    assert nonces(node) == (1, 1)


def test_reorg_leaves_what_waits_in_the_pool(node: Node) -> None:
    mine(node.rpc)
    tx = send(node, signed(0))
    reorg(node.rpc, 1)
    assert nonces(node) == (0, 1)
    mine(node.rpc)
    assert block_of(node, tx) == 7


def test_reorg_that_anvil_leaves_something_out_of_is_noticed(node: Node) -> None:
    tx = send(node, signed(0))
    mine(node.rpc)
    with pytest.raises(AssertionError, match="left some transactions out"):
        reorg(node.rpc, 1, lambda _: signed(7).raw)
    assert not known(node, tx)


def test_rollback(node: Node) -> None:
    tx = send(node, signed(0))
    mine(node.rpc, blocks=2)
    assert rollback(node.rpc, 2) == 5
    assert node.head()[0] == 5
    assert not known(node, tx)
    assert nonces(node) == (0, 0)


def test_a_snapshot_outlives_a_reorganisation_above_it(node: Node) -> None:
    """As the fixture of the shared chain counts on."""
    snapshot = node.snapshot()
    send(node, signed(0))
    mine(node.rpc, blocks=2)
    reorg(node.rpc, 2)
    mine(node.rpc)
    node.revert(snapshot)
    assert (node.head()[0], nonces(node)) == (5, (0, 0))


def test_finality(node: Node) -> None:
    assert finality(node.rpc) == 2
    finalize(node.rpc, 10)
    assert node.head()[0] == 12


def test_a_spike_that_holds(node: Node) -> None:
    climate = Climate(node.rpc, 30 * GWEI)
    climate.mine(3)
    fees = [int(node.rpc.call("eth_getBlockByNumber", hex(n), False)["baseFeePerGas"], 16) for n in (6, 7, 8)]
    assert fees == [30 * GWEI] * 3
    climate.turn(2 * GWEI)
    tx = send(node, signed(0, 3 * GWEI))
    climate.mine()
    assert block_of(node, tx) == 9
    assert times(node, 6)[-1] - times(node, 6)[0] == 36
    mine(node.rpc)
    assert int(node.rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16) < 2 * GWEI


def test_evictions(node: Node) -> None:
    first, second = send(node, signed(0)), send(node, signed(1))
    chain_faults.evict(node.rpc, second)
    assert nonces(node) == (0, 1)
    assert chain_faults.evict_all(node.rpc) == 1
    mine(node.rpc)
    assert not known(node, first)
    assert nonces(node) == (0, 0)
    with pytest.raises(AssertionError, match="is not there"):
        chain_faults.evict(node.rpc, first)


def test_a_foreign_transaction_of_our_key(node: Node) -> None:
    mine(node.rpc, base_fee=GWEI)
    tx = foreign(node.rpc, accounts.keeper_key(), 0, fee=10 * GWEI, tip=GWEI)
    assert nonces(node) == (0, 1)
    gap = foreign(node.rpc, accounts.keeper_key(), 2, fee=10 * GWEI, tip=GWEI)
    assert nonces(node) == (0, 1)
    mine(node.rpc)
    assert (block_of(node, tx), block_of(node, gap)) == (7, None)


def test_nonce_and_balance(node: Node) -> None:
    chain_faults.set_nonce(node.rpc, K, 7)
    chain_faults.set_nonce(node.rpc, K, 3)
    before = chain_faults.set_balance(node.rpc, K, 5)
    assert chain_faults.set_balance(node.rpc, K, before) == 5
    mine(node.rpc)
    assert nonces(node) == (3, 3)


def test_a_node_restarted(node: Node, tmp_path: Path) -> None:
    mined, waiting = send(node, signed(0)), signed(1)
    mine(node.rpc, blocks=2, seconds=3600)
    send(node, waiting)
    with running_anvil(tmp_path / "second.log") as second:
        chain_faults.transplant(node.rpc, second.rpc)
        assert (second.head(), nonces(second)) == (node.head(), (1, 1))
        assert block_of(second, mined) == 6
        assert not known(second, waiting.hash)
        send(second, waiting)
        second.mine()
        assert block_of(second, waiting.hash) == 8
        assert second.head()[1] > node.head()[1]
