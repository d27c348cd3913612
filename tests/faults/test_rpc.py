"""Faults 11 to 18: whatever a node says, or does not, one plan makes one trade.

The real keeper and a real SQLite file behind a proxy that misbehaves, before a real Anvil.
"""

import pytest

from tests.e2e.keepers import with_key
from tests.faults.kit import rules
from tests.faults.kit.proxy import proxy_to
from tests.faults.kit.rules import ANY, Fault, Rule
from tests.faults.scenes import COUNT, LATEST, SEND, Scene, number

pytestmark = pytest.mark.e2e
deep = pytest.mark.deep


# ------------------------------------------------------------------------------------------- what is handed over


def test_fault_11_reply_lost(scene: Scene) -> None:
    """-> SENT. The node has it; the keeper, which does not know, sends nothing else."""
    scene.rise()
    with scene.front.fault(Rule(SEND, rules.LoseReply())), scene.running():
        scene.front.wait_for(SEND, answered=True)
        (reply,) = scene.until_replies(1)
        assert (reply["kind"], reply["reply"][:10]) == ("unknown", "no reply: ")
        assert scene.state == "sent"
        assert scene.nonces() == (0, 1)
        scene.finish()
    assert len(scene.sent()) == 1
    scene.assert_traded_once()


@deep
def test_fault_12_request_lost(scene: Scene) -> None:
    """-> sent again: the same bytes, some heads later."""
    scene.rise()
    with scene.front.fault(Rule(SEND, rules.Drop())), scene.running():
        (reply,) = scene.until_replies(1)
        assert (reply["kind"], scene.state, scene.nonces()) == ("unknown", "sent", (0, 0))
        scene.until_replies(2, mining=True)
        assert scene.nonces()[1] == 1
        scene.finish()
    assert [told["kind"] for told in scene.replies()] == ["unknown", "accepted"]
    assert len(scene.sent()) == 2
    assert len(set(scene.sent())) == 1
    scene.assert_traded_once()


@deep
def test_fault_12_request_lost_in_slots_of_12_seconds(scene: Scene) -> None:
    """-> raised before five heads have passed: other bytes at the same nonce."""
    scene.climate.seconds = 12
    scene.rise()
    with scene.front.fault(Rule(SEND, rules.Drop())), scene.running():
        scene.until_replies(2, mining=True)
        scene.finish()
    assert len(scene.sent()) == len(set(scene.sent())) == 2
    scene.assert_traded_once(attempts=2)


@deep
@pytest.mark.parametrize(("first", "kind"), [(False, "known"), (True, "accepted")], ids=["second reply", "first reply"])
def test_fault_13_duplicated(scene: Scene, first: bool, kind: str) -> None:
    """-> KNOWN, or nobody notices: the nonce counts once."""
    scene.rise()
    with scene.front.fault(Rule(SEND, rules.Duplicate(first=first))), scene.running():
        (reply,) = scene.until_replies(1)
        assert reply["kind"] == kind
        assert scene.nonces() == (0, 1)
        scene.finish()
    scene.assert_traded_once()


@deep
def test_fault_14_late(scene: Scene) -> None:
    """-> unknown counts as sent: it reaches the node when nobody waits for its answer any more."""
    scene.rise()
    hold = scene.front.add(Rule(SEND, rules.Hold()))
    with scene.running(RPC_TIMEOUT_SECONDS="0.5"):
        (reply,) = scene.until_replies(1)
        assert "no answer within 0.5 s" in reply["reply"]
        assert (reply["kind"], scene.state, scene.nonces()) == ("unknown", "sent", (0, 0))
        scene.front.release(hold)
        scene.front.wait_for(SEND, answered=True)
        assert scene.nonces() == (0, 1)
        scene.finish()
    scene.front.assert_fired(hold, 1)
    assert len(scene.sent()) == 1
    scene.assert_traded_once()


@deep
def test_fault_14_late_after_it_was_sent_again(scene: Scene) -> None:
    """The first copy arrives when the second one has been mined: too late to do anything."""
    scene.rise()
    hold = scene.front.add(Rule(SEND, rules.Hold()))
    with scene.running(RPC_TIMEOUT_SECONDS="0.5"):
        scene.until_replies(2, mining=True)
        scene.finish()
        scene.front.release(hold)
        late = scene.front.wait_for(SEND, answered=True, when=lambda entry: entry.done is not None)
        assert late.node
        assert "nonce too low" in late.node["error"]["message"]
        seen = scene.climate.mine()
        scene.front.wait_for(LATEST, answered=True, when=lambda entry: number(entry) >= seen)
    scene.front.assert_fired(hold, 1)
    assert len(set(scene.sent())) == 1
    scene.assert_traded_once()


# --------------------------------------------------------------------------------------------------- answers that fail


FAILING = {
    "429": rules.too_many_requests(5),
    "500": rules.SERVER_ERROR,
    "502": rules.BAD_GATEWAY,
    "503": rules.UNAVAILABLE,
}


@pytest.mark.parametrize("status", ["429", *(pytest.param(each, marks=deep) for each in list(FAILING)[1:])])
def test_fault_15_failover(scene: Scene, status: str) -> None:
    """429 and 5xx to everything -> the next endpoint, for reading and for sending."""
    scene.rise()
    failing = scene.front.add(Rule(ANY, FAILING[status], times=None))
    with (
        proxy_to(scene.chain.url) as second,
        scene.running(RPC_FALLBACK_URLS=with_key(second.url)),
    ):
        scene.until_state("sent")
        assert f"HTTP status {status}" in scene.keeper.said()
        assert "rpc endpoint changed" in scene.keeper.said()
        scene.finish()
        assert (second.count(SEND), scene.front.count(SEND)) == (1, 0)
    scene.front.assert_fired(failing)
    scene.assert_traded_once()


@deep
@pytest.mark.parametrize("reached", [False, True], ids=["never forwarded", "forwarded"])
def test_fault_15_failover_amid_a_sending(scene: Scene, reached: bool) -> None:
    """502 to the transaction alone: the same bytes go to the next, which may know them already."""
    scene.rise()
    fault = rules.Say(b"bad gateway", 502, forward=reached)
    with (
        proxy_to(scene.chain.url) as second,
        scene.front.fault(Rule(SEND, fault)),
        scene.running(RPC_FALLBACK_URLS=with_key(second.url)),
    ):
        (reply,) = scene.until_replies(1)
        assert reply["kind"] == ("known" if reached else "accepted")
        assert "HTTP status 502" in reply["reply"]
        assert second.asked(SEND)[0].params == scene.front.asked(SEND)[0].params
        scene.finish()
    scene.assert_traded_once()


@deep
@pytest.mark.parametrize("status", FAILING)
def test_fault_15_without_another_endpoint(scene: Scene, status: str) -> None:
    """A refusal by the gateway says nothing of the transaction: unknown, sent again."""
    scene.rise()
    with scene.front.fault(Rule(SEND, FAILING[status])), scene.running():
        (reply,) = scene.until_replies(1)
        assert (reply["kind"], scene.state) == ("unknown", "sent")
        assert f"HTTP status {status}" in reply["reply"]
        scene.until_replies(2, mining=True)
        scene.finish()
    assert len(set(scene.sent())) == 1
    scene.assert_traded_once()


@deep
@pytest.mark.parametrize("reached", [False, True], ids=["never forwarded", "forwarded"])
def test_fault_16_html_to_a_sending(scene: Scene, reached: bool) -> None:
    """-> unknown counts as sent."""
    scene.rise()
    fault = rules.Say(rules.HTML.body, kind="text/html", forward=reached)
    with scene.front.fault(Rule(SEND, fault)), scene.running():
        (reply,) = scene.until_replies(1)
        assert "answered HTML instead of JSON" in reply["reply"]
        assert (reply["kind"], scene.state, scene.nonces()[1]) == ("unknown", "sent", int(reached))
        if not reached:
            scene.until_replies(2, mining=True)
        scene.finish()
    scene.assert_traded_once()


BROKEN: dict[str, Fault] = {
    "html": rules.HTML,
    "nothing": rules.EMPTY,
    "half": rules.Truncate(),
    "broken off": rules.Truncate(broken=True),
}


@deep
@pytest.mark.parametrize("body", BROKEN)
def test_fault_16_no_json_to_everything(scene: Scene, body: str) -> None:
    """While it lasts nothing is decided and nothing signed; then everything."""
    with scene.running():
        scene.until_up()
        broken = scene.front.add(Rule(ANY, BROKEN[body], times=None))
        scene.rise()
        scene.front.wait_until_fired(broken, 8)
        assert scene.rows("SELECT * FROM transaction_intent") == []
        scene.front.remove(broken)
        scene.until_planned()
        scene.finish()
    scene.assert_traded_once()


@deep
@pytest.mark.parametrize("at", ["latest", "pending"])
def test_fault_17_null_nonce(scene: Scene, at: str) -> None:
    """-> refused: no plan is stored with a nonce that nobody said, and the cycle says why."""
    scene.rise()
    null = scene.front.add(Rule(COUNT, rules.NULL, times=None, when=lambda call: call.params[1] == at))
    with scene.running(INTERVAL_MINUTES="1"):
        failed = scene.keeper.query_until("SELECT reason FROM decision WHERE action = 'failed'")
        assert f"{COUNT}: answered null where a number belongs" in failed["reason"]
        assert scene.rows("SELECT * FROM transaction_intent") == []
        scene.front.remove(null)
        scene.climate.mine(90)
        scene.until_planned()
        scene.finish()
    scene.front.assert_fired(null)
    scene.assert_traded_once()


@deep
@pytest.mark.parametrize("when", ["before the plan", "after the sending"])
def test_fault_17_null_block(scene: Scene, when: str) -> None:
    """-> refused: no head, so that nothing is decided on it, or given up for it."""
    null = Rule(LATEST, rules.NULL, times=None, when=lambda call: call.params[0] == "latest")
    with scene.running():
        scene.until_up()
        if when == "before the plan":
            scene.front.add(null)
            scene.rise()
        else:
            scene.rise()
            scene.until_state("sent")
            scene.front.add(null)
            scene.front.wait_until_fired(null, 4)  # no earlier question is on its way any more
            scene.climate.mine()
        scene.front.wait_until_fired(null, 8)
        scene.keeper.until(lambda: "null where an object belongs" in scene.keeper.said(), "refused")
        assert scene.state == ("sent" if when == "after the sending" else "")
        scene.front.remove(null)
        scene.until_state("final_ok", mining=True)
        scene.finish()
    scene.assert_traded_once()


@deep
def test_fault_18_wrong_id_to_a_sending(scene: Scene) -> None:
    """-> refused, which says nothing of the transaction: unknown counts as sent."""
    scene.rise()
    with scene.front.fault(Rule(SEND, rules.WrongId())), scene.running():
        (reply,) = scene.until_replies(1)
        assert "the reply has id 987654321, not the request's" in reply["reply"]
        assert (reply["kind"], scene.state, scene.nonces()) == ("unknown", "sent", (0, 1))
        scene.finish()
    scene.assert_traded_once()


@deep
@pytest.mark.parametrize("fault", [rules.WrongId(), rules.Omit()], ids=["wrong id", "missing"])
def test_fault_18_wrong_id_in_a_batch(scene: Scene, fault: Fault) -> None:
    """-> refused: a nonce is never read from another question's reply."""
    scene.rise()
    wrong = scene.front.add(Rule(COUNT, fault, times=None))
    with scene.running(INTERVAL_MINUTES="1"):
        failed = scene.keeper.query_until("SELECT reason FROM decision WHERE action = 'failed'")
        assert "or wrong ids" in failed["reason"]
        assert scene.rows("SELECT * FROM transaction_intent") == []
        scene.front.remove(wrong)
        scene.climate.mine(90)
        scene.until_planned()
        scene.finish()
    scene.front.assert_fired(wrong)
    scene.assert_traded_once()


@deep
def test_fault_18_replies_in_another_order_are_right(scene: Scene) -> None:
    """JSON-RPC allows it, so nothing is refused."""
    scene.rise()
    with scene.front.fault(Rule(rules.BATCH, rules.Backwards(), times=None)), scene.running():
        scene.until_state("sent")
        scene.finish()
    assert scene.rows("SELECT * FROM decision WHERE action = 'failed'") == []
    scene.assert_traded_once()
