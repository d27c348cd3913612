"""Faults 64 to 67: what operators do, in the worst moment or by mistake."""

import os
import signal
import time

import pytest

from scripts.localchain import accounts
from tests.faults.kit.rules import Hold, Rule
from tests.faults.scenes import SEND, Scene

pytestmark = [pytest.mark.e2e]
deep = pytest.mark.deep

STOP_SECONDS = 5


@pytest.mark.parametrize("reply", [False, True], ids=["before the node has it", "before its reply"])
def test_fault_64_sigterm_amid_a_send(scene: Scene, reply: bool) -> None:
    """It ends within seconds, and the next start goes on with the same bytes."""
    held = Rule(SEND, Hold(reply=reply))
    with scene.running() as child, scene.front.fault(held):
        scene.rise()
        scene.front.wait_until_fired(held)
        asked = time.monotonic()
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(2 * STOP_SECONDS) == 0
        assert time.monotonic() - asked < STOP_SECONDS
        assert scene.state == "signed"
        scene.front.release(held)
    with scene.running():
        scene.until_state("sent")
        scene.finish()
    assert len(set(scene.sent())) == 1
    scene.assert_traded_once()


def test_fault_65_kill_switch(scene: Scene) -> None:
    """`keeper pause` while a transaction is open: that one is followed to its end, and nothing new is signed."""
    with scene.running(INTERVAL_MINUTES="5", COOLDOWN_MINUTES="0"):
        scene.rise()
        scene.until_state("sent")
        assert scene.keeper("pause").code == 0
        scene.finish()
        scene.rise(4500)
        blocked = scene.keeper.query_until("SELECT reason FROM decision WHERE action = 'blocked'")
        assert blocked["reason"].startswith("paused")
        assert len(scene.sent()) == 1
        scene.assert_traded_once()
        assert scene.keeper("resume").code == 0
        scene.rise(4600)
        scene.keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'sent'")
        scene.finish()
    assert len(scene.rebalances()) == 2


def test_fault_66_wrong_keystore_password(scene: Scene) -> None:
    wrong = scene.keeper.folder / "secrets" / "wrong"
    wrong.write_text("not it")
    wrong.chmod(0o400)
    assert "wrong password for keystore" in refused(scene, KEYSTORE_PASSWORD_FILE=str(wrong))


def test_fault_67_the_signer_is_not_the_configured_address(scene: Scene) -> None:
    said = refused(scene, KEEPER_ADDRESS=accounts.OWNER)
    assert said == f"KEEPER_ADDRESS is {accounts.OWNER}, but the key is that of {accounts.KEEPER}"


def refused(scene: Scene, **variables: str) -> str:
    """One line, exit code 2, and nothing happened. The line."""
    scene.rise()
    before = scene.front.mark()
    done = scene.keeper("run", "--once", RPC_URL=scene.front.url, **variables)
    assert (done.code, done.stdout) == (2, ""), done.stderr
    (line,) = done.errors
    assert scene.front.count(SEND, since=before) == 0
    assert not scene.keeper.database.exists()
    assert scene.nonces() == (0, 0)
    return line
