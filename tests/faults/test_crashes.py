"""Faults 1 to 10: kill -9 at every persisted step. The next start is a start like any other, and the plan happens once.

Each process really dies of SIGKILL at its step; what it left is looked at before the next one starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import Keeper, with_key
from tests.faults import steps
from tests.faults.kit.chain_faults import mine
from tests.faults.kit.killing import KillPoint, When, killing
from tests.faults.kit.node_rules import NodeRules, node_rules
from tests.faults.kit.proxy import proxy_to
from tests.faults.scenes import GWEI, HOUR, Scene

pytestmark = [pytest.mark.e2e]
deep = pytest.mark.deep


@pytest.fixture
def rules(chain: LocalChain) -> Iterator[NodeRules]:
    """A node whose mempool follows geth's rules, and can be told to include nothing of the keeper's."""
    with node_rules(chain.url) as shim:
        yield shim


@pytest.fixture
def stuck(chain: LocalChain, keeper: Keeper, rules: NodeRules) -> Iterator[Scene]:
    """What the keeper sends is taken and never mined, until it is admitted."""
    rules.censor(accounts.KEEPER)
    with proxy_to(rules.url) as front:
        yield Scene(chain, keeper, front)


def killed(scene: Scene, tmp_path: Path, step: str, when: When, nth: int = 1) -> None:
    """A keeper that dies there."""
    point = KillPoint(step, when, tmp_path / f"killed-{when}-{nth}", nth)
    with dying(scene, point):
        pass


@contextmanager
def dying(scene: Scene, point: KillPoint) -> Iterator[None]:
    """A keeper that dies at `point`; what happens meanwhile is up to the caller."""
    with scene.keeper.running(prepare=killing(point), RPC_URL=with_key(scene.front.url)) as child:
        yield
        code = scene.keeper.until(child.exit_code, "killed")
    point.assert_fired(code)


def left(scene: Scene) -> tuple[str, int, int]:
    """State of the newest intent, its attempts, and what waits or was mined of the keeper's."""
    return scene.state, len(scene.attempts()), scene.nonces()[1]


def test_fault_01_killed_after_planned(scene: Scene, tmp_path: Path) -> None:
    """One transaction at most: a plan without a nonce is dropped, never sent late."""
    scene.rise()
    killed(scene, tmp_path, steps.books("commit_cycle"), "after")
    assert left(scene) == ("planned", 0, 0)
    with scene.running():
        scene.until_state("abandoned")
        assert scene.nonces() == (0, 0)
        scene.rise(4100)
        scene.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'sent'")
        scene.finish()
    states = [row["state"] for row in scene.keeper.rows("SELECT state FROM transaction_intent ORDER BY id")]
    assert states == ["abandoned", "final_ok"]
    assert len(scene.rebalances()) == 1
    assert scene.nonces() == (1, 1)


@deep
def test_fault_02_killed_after_signing_before_the_commit(scene: Scene, tmp_path: Path) -> None:
    """The signature is gone with the process: nothing of it was sent, and nothing of it is in the books."""
    scene.rise()
    killed(scene, tmp_path, steps.inside("save_attempt"), "after")
    assert left(scene) == ("planned", 0, 0)
    with scene.running():
        scene.until_state("abandoned")
        scene.rise(4100)
        scene.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'sent'")
        scene.finish()
    assert len(scene.rebalances()) == 1
    assert [each["nonce"] for each in scene.attempts()] == [0]
    assert scene.nonces() == (1, 1)


def test_fault_03_killed_after_signed(scene: Scene, tmp_path: Path) -> None:
    """The same bytes are sent by the next process."""
    scene.rise()
    killed(scene, tmp_path, steps.books("save_attempt"), "after")
    assert left(scene) == ("signed", 1, 0)
    raw = scene.attempts()[0]["raw"]
    assert scene.sent() == []
    with scene.running():
        scene.until_state("sent")
        scene.finish()
    assert scene.sent() == ["0x" + raw.hex()]
    scene.assert_traded_once()


def test_fault_04_killed_after_sending_before_the_reply(scene: Scene, tmp_path: Path) -> None:
    """The node has them, the books do not know: they are sent again, and the node says so."""
    scene.rise()
    killed(scene, tmp_path, steps.SEND, "after")
    assert left(scene) == ("signed", 1, 1)
    with scene.running():
        (reply,) = scene.until_replies(1)
        assert "already" in reply["reply"]
        assert reply["kind"] == "known"
        scene.finish()
    assert len(set(scene.sent())) == 1
    assert len(scene.sent()) == 2
    scene.assert_traded_once()


@deep
def test_fault_05_killed_after_sent(scene: Scene, tmp_path: Path) -> None:
    """It is mined while no keeper runs: the receipt is found, nothing is sent again."""
    scene.rise()
    killed(scene, tmp_path, steps.books("mark_sent"), "after")
    assert left(scene) == ("sent", 1, 1)
    scene.climate.mine()
    assert scene.nonces() == (1, 1)
    with scene.running():
        scene.finish()
    assert len(scene.sent()) == 1
    scene.assert_traded_once()


@deep
def test_fault_06_killed_after_mining(scene: Scene, tmp_path: Path) -> None:
    """The receipt was read, and not written down."""
    scene.rise()
    point = KillPoint(steps.books("settle"), "before", tmp_path / "killed")
    with dying(scene, point):
        scene.until_state("sent")
        scene.climate.mine()
    assert left(scene) == ("sent", 1, 1)
    assert len(scene.rebalances()) == 1
    with scene.running():
        scene.finish()
    assert len(scene.sent()) == 1
    scene.assert_traded_once()


def raised_and_killed(scene: Scene, tmp_path: Path, step: str) -> None:
    """A minute without inclusion, and the keeper dies at the second time of the step."""
    scene.rise()
    point = KillPoint(step, "after", tmp_path / "killed", 2)
    with dying(scene, point):
        scene.until_state("sent")
        mine(scene.chain.node.rpc, blocks=1, seconds=60, base_fee=2 * GWEI)
    assert scene.nonces()[0] == 0, "nothing was mined"


def test_fault_07_killed_after_a_raise_was_committed_unsent(stuck: Scene, rules: NodeRules, tmp_path: Path) -> None:
    """Both hashes are followed, and the second is sent by the next process."""
    raised_and_killed(stuck, tmp_path, steps.books("save_attempt"))
    first, second = stuck.attempts()
    assert (first["sent_at"] is not None, second["sent_at"]) == (True, None)
    assert len(stuck.sent()) == 1
    with stuck.running():
        stuck.until_replies(2)
        rules.admit(accounts.KEEPER)
        stuck.finish()
    assert stuck.sent() == ["0x" + first["raw"].hex(), "0x" + second["raw"].hex()]
    assert stuck.rebalances() == [second["hash"]]
    stuck.assert_traded_once(attempts=2)


@deep
def test_fault_08_killed_after_a_raise_was_sent_without_its_reply(
    stuck: Scene, rules: NodeRules, tmp_path: Path
) -> None:
    """Both hashes are followed: whichever is mined is the outcome."""
    raised_and_killed(stuck, tmp_path, steps.SEND)
    first, second = stuck.attempts()
    assert second["sent_at"] is None
    assert [each.hash for each in rules.waiting()] == [second["hash"]]
    with stuck.running():
        replies = stuck.until_replies(2)
        assert replies[-1]["kind"] == "known"
        rules.admit(accounts.KEEPER)
        stuck.finish()
    assert stuck.rebalances() == [second["hash"]]
    assert first["hash"] != second["hash"]
    stuck.assert_traded_once(attempts=2)


def test_fault_09_killed_when_mined_and_not_final(scene: Scene, tmp_path: Path) -> None:
    """The next process waits for the final block, and settles nothing twice."""
    scene.rise()
    point = KillPoint(steps.books("settle"), "after", tmp_path / "killed")
    with dying(scene, point):
        scene.until_state("sent")
        scene.climate.mine()
    assert left(scene) == ("mined_ok", 1, 1)
    with scene.running():
        scene.finish()
    receipts = scene.keeper.rows("""SELECT 1 FROM journal WHERE body LIKE '%"event":"receipt"%'""")
    assert len(receipts) == 1
    scene.assert_traded_once()


@pytest.mark.parametrize(
    ("step", "when", "nth"),
    [
        (steps.books("save_attempt"), "after", 2),  # signed and committed, unsent
        pytest.param(steps.SEND, "after", 2, marks=deep),  # sent, no reply
        pytest.param(steps.books("cancelled"), "before", 1, marks=deep),  # final, not written down
    ],
)
def test_fault_10_killed_amid_a_cancellation(
    stuck: Scene, rules: NodeRules, tmp_path: Path, step: str, when: When, nth: int
) -> None:
    """Past its deadline; one outcome: the nonce is taken by a transfer of nothing."""
    stuck.rise()
    point = KillPoint(step, when, tmp_path / "killed", nth)
    with dying(stuck, point):
        stuck.until_state("sent")
        mine(stuck.chain.node.rpc, blocks=1, seconds=HOUR, base_fee=2 * GWEI)
        if nth == 1:
            stuck.until_replies(2)
            rules.admit(accounts.KEEPER)
            for _ in range(4):
                stuck.climate.mine()
    trade, cancel = stuck.attempts()
    assert (trade["kind"], cancel["kind"]) == ("trade", "cancel")
    with stuck.running():
        stuck.until_replies(2)
        rules.admit(accounts.KEEPER)
        stuck.keeper.until(
            lambda: stuck.keeper.rows("SELECT 1 FROM transaction_intent WHERE id = 1 AND state = 'cancelled'"),
            "cancelled",
            stuck.climate.mine,
        )
    assert int(stuck.chain.node.rpc.call("eth_getTransactionReceipt", cancel["hash"])["status"], 16) == 1
    assert stuck.chain.node.rpc.call("eth_getTransactionReceipt", trade["hash"]) is None
    nonces = [row["nonce"] for row in stuck.keeper.rows("SELECT nonce FROM transaction_attempt WHERE intent_id = 1")]
    assert nonces == [0, 0]
