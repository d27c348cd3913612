"""Each fault of the proxy does what it says to a real node's answers, and nothing else."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.localchain import accounts
from scripts.localchain.node import Node
from tests.faults.clients import Told, ask, ask_batch, post, signed
from tests.faults.kit import rules
from tests.faults.kit.proxy import Proxy
from tests.faults.kit.rules import ANY, BATCH, Rule

pytestmark = pytest.mark.adapter

SEND, NUMBER, CHAIN = "eth_sendRawTransaction", "eth_blockNumber", "eth_chainId"


def pending(node: Node) -> int:
    return int(node.rpc.call("eth_getTransactionCount", accounts.KEEPER, "pending"), 16)


def in_background(work: Callable[[], Told]) -> "Future[Told]":
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def test_without_rules_it_passes_everything_on(proxy: Proxy, node: Node) -> None:
    assert ask(proxy.url, NUMBER).json["result"] == "0x5"
    told = ask_batch(proxy.url, (NUMBER,), (CHAIN,)).json
    assert [(reply["id"], reply["result"]) for reply in told] == [(1, "0x5"), (2, "0x7a69")]
    assert ask(proxy.url, "eth_nonsense").json["error"]["code"] == -32601
    assert [(entry.method, entry.exchange) for entry in proxy.log] == [
        (NUMBER, 1),
        (NUMBER, 2),
        (CHAIN, 2),
        ("eth_nonsense", 3),
    ]
    assert all(entry.done is None and entry.node is not None for entry in proxy.log)


# ------------------------------------------------------------------------------------------- of a whole exchange


def test_drop(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(SEND, rules.Drop())):
        assert ask(proxy.url, SEND, signed(0).raw).status == 0
    assert pending(node) == 0
    assert proxy.asked(SEND)[0].node is None


def test_lose_reply(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(SEND, rules.LoseReply())):
        assert ask(proxy.url, SEND, signed(0).raw).status == 0
    assert pending(node) == 1
    assert proxy.asked(SEND)[0].node == {"jsonrpc": "2.0", "id": 1, "result": signed(0).hash}


def test_delay_of_a_request_that_is_forwarded_though_nobody_waits(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(SEND, rules.Delay(0.4))):
        with pytest.raises(TimeoutError):
            ask(proxy.url, SEND, signed(0).raw, timeout=0.1)
        assert pending(node) == 0
        proxy.wait_for(SEND, answered=True)
    assert pending(node) == 1


def test_delay_of_a_reply(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(SEND, rules.Delay(0.3, reply=True))):
        began = time.monotonic()
        answer = in_background(lambda: ask(proxy.url, SEND, signed(0).raw))
        proxy.wait_for(SEND, answered=True)
        assert not answer.done()
        assert answer.result().json["result"] == signed(0).hash
        assert time.monotonic() - began >= 0.3


def test_hold_until_another_method_has_passed(proxy: Proxy, node: Node) -> None:
    ask(proxy.url, NUMBER)  # one that came before is no reason
    with proxy.fault(Rule(SEND, rules.Hold(until=NUMBER))) as rule:
        answer = in_background(lambda: ask(proxy.url, SEND, signed(0).raw))
        proxy.wait_until_fired(rule)
        assert pending(node) == 0
        ask(proxy.url, CHAIN)
        assert not answer.done()
        ask(proxy.url, NUMBER)
        assert answer.result().json["result"] == signed(0).hash
    assert pending(node) == 1


def test_hold_of_a_reply_until_it_is_released(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(SEND, rules.Hold(reply=True), times=None)) as rule:
        for number in (0, 1):
            answer = in_background(partial(ask, proxy.url, SEND, signed(number).raw))
            proxy.wait_for(SEND, answered=True, count=number + 1)
            assert pending(node) == number + 1
            assert not answer.done()
            proxy.release(rule)
            assert answer.result().status == 200
    proxy.assert_fired(rule, 2)


def test_hang_until_the_rule_is_removed(proxy: Proxy, node: Node) -> None:
    rule = proxy.add(Rule(SEND, rules.Hang()))
    answer = in_background(lambda: ask(proxy.url, SEND, signed(0).raw))
    proxy.wait_until_fired(rule)
    assert ask(proxy.url, NUMBER).status == 200
    assert not answer.done()
    proxy.remove(rule)
    assert answer.result().status == 0
    assert pending(node) == 0


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (rules.HTML, 200, b"<!DOCTYPE html>"),
        (rules.EMPTY, 200, b""),
        (rules.SERVER_ERROR, 500, b"internal"),
        (rules.BAD_GATEWAY, 502, b"bad gateway"),
        (rules.UNAVAILABLE, 503, b"service"),
        (rules.too_many_requests(7), 429, b"too many"),
    ],
    ids=["html", "empty", "500", "502", "503", "429"],
)
def test_say_something_else(proxy: Proxy, node: Node, fault: rules.Say, status: int, body: bytes) -> None:
    with proxy.fault(Rule(SEND, fault)):
        told = ask(proxy.url, SEND, signed(0).raw)
    assert (told.status, told.body[: len(body)]) == (status, body)
    assert told.retry_after == ("7" if status == 429 else None)
    assert pending(node) == 0


def test_say_something_else_of_what_the_node_got(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(SEND, rules.Say(b"bad gateway", 502, forward=True))):
        assert ask(proxy.url, SEND, signed(0).raw).status == 502
    assert pending(node) == 1


@pytest.mark.parametrize("broken", [False, True])
def test_truncate(proxy: Proxy, broken: bool) -> None:
    whole = ask(proxy.url, NUMBER).body
    with proxy.fault(Rule(NUMBER, rules.Truncate(broken))):
        told = ask(proxy.url, NUMBER)
    assert (told.status, told.body, told.broken) == (200, whole[: len(whole) // 2], broken)


def test_backwards(proxy: Proxy) -> None:
    with proxy.fault(Rule(BATCH, rules.Backwards())):
        told = ask_batch(proxy.url, (NUMBER,), (CHAIN,)).json
    assert [reply["id"] for reply in told] == [2, 1]


def test_a_batch_as_a_whole(proxy: Proxy) -> None:
    with proxy.fault(Rule(BATCH, rules.Drop())):
        assert ask(proxy.url, NUMBER).status == 200
        assert ask_batch(proxy.url, (NUMBER,), (CHAIN,)).status == 0


def test_a_fault_of_the_exchange_for_a_call_within_a_batch(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(CHAIN, rules.LoseReply())):
        assert ask_batch(proxy.url, (SEND, signed(0).raw), (CHAIN,)).status == 0
    assert pending(node) == 1
    assert [entry.done for entry in proxy.log] == [None, "LoseReply"]


# ------------------------------------------------------------------------------------------------ of a single call


@pytest.mark.parametrize(("fault", "reached"), [(rules.Omit(), 0), (rules.OmitReply(), 1)], ids=["call", "reply"])
def test_omit(proxy: Proxy, node: Node, fault: rules.Fault, reached: int) -> None:
    with proxy.fault(Rule(SEND, fault)):
        told = ask_batch(proxy.url, (NUMBER,), (SEND, signed(0).raw), (CHAIN,)).json
    assert [reply["id"] for reply in told] == [1, 3]
    assert pending(node) == reached
    with proxy.fault(Rule(SEND, fault)):
        assert ask(proxy.url, SEND, signed(1).raw).status == 0


def test_duplicate(proxy: Proxy, node: Node) -> None:
    with proxy.fault(Rule(SEND, rules.Duplicate())):
        assert ask(proxy.url, SEND, signed(0).raw).json["error"]["message"] == "transaction already imported"
    with proxy.fault(Rule(SEND, rules.Duplicate(first=True))):
        assert ask(proxy.url, SEND, signed(1).raw).json["result"] == signed(1).hash
    assert pending(node) == 2


def test_last_of_its_batch(proxy: Proxy, node: Node) -> None:
    """The count is asked first but answered after the transaction, which it sees."""
    count = ("eth_getTransactionCount", accounts.KEEPER, "pending")
    with proxy.fault(Rule("eth_getTransactionCount", rules.Last())):
        told = ask_batch(proxy.url, count, (SEND, signed(0).raw)).json
    assert [(reply["id"], reply["result"]) for reply in told] == [(1, "0x1"), (2, signed(0).hash)]


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        (rules.NULL, {"id": 2, "result": None}),
        (rules.Result("0x1"), {"id": 2, "result": "0x1"}),
        (rules.Change(lambda old: hex(int(old, 16) + 1)), {"id": 2, "result": "0x6"}),
        (rules.Refuse(-32000, "no", "0xdd"), {"id": 2, "error": {"code": -32000, "message": "no", "data": "0xdd"}}),
        (rules.WrongId(77), {"id": 77, "result": "0x5"}),
    ],
    ids=["null", "result", "change", "refuse", "wrong id"],
)
def test_another_reply_alone_and_in_a_batch(proxy: Proxy, fault: rules.Fault, wanted: dict[str, Any]) -> None:
    rule = proxy.add(Rule(NUMBER, fault, times=2))
    told = ask_batch(proxy.url, (CHAIN,), (NUMBER,)).json
    assert told == [{"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}, {"jsonrpc": "2.0", **wanted}]
    alone = ask(proxy.url, NUMBER).json
    assert alone | {"id": 2} == {"jsonrpc": "2.0", **wanted} | {"id": 2}
    proxy.assert_fired(rule, 2)
    assert ask(proxy.url, NUMBER).json["result"] == "0x5"


@pytest.mark.parametrize(
    "fault", [rules.Result("0x0", forward=True), rules.Refuse(-32000, "no", forward=True)], ids=["result", "refuse"]
)
def test_another_reply_though_the_node_got_it(proxy: Proxy, node: Node, fault: rules.Fault) -> None:
    with proxy.fault(Rule(SEND, fault)):
        assert ask(proxy.url, SEND, signed(0).raw).json.get("result") != signed(0).hash
    assert pending(node) == 1


def test_stale(proxy: Proxy, node: Node) -> None:
    for number in (5, 6):
        assert ask(proxy.url, "eth_getBlockByNumber", "latest", False).json["result"]["number"] == hex(number)
        node.mine()
    rule = proxy.add(Rule("eth_getBlockByNumber", rules.Stale(), times=None))
    assert ask(proxy.url, "eth_getBlockByNumber", "0x1", False).json["result"]["number"] == "0x1"
    proxy.assert_fired(rule, 0)  # which was never asked before
    told = post(proxy.url, {"jsonrpc": "2.0", "id": 9, "method": "eth_getBlockByNumber", "params": ["latest", False]})
    assert (told.json["id"], told.json["result"]["number"]) == (9, "0x6")
    proxy.remove(rule)
    with proxy.fault(Rule("eth_getBlockByNumber", rules.Stale(back=1))):
        assert ask(proxy.url, "eth_getBlockByNumber", "latest", False).json["result"]["number"] == "0x5"
    assert ask(proxy.url, "eth_getBlockByNumber", "latest", False).json["result"]["number"] == "0x7"


# ------------------------------------------------------------------------------------------------------- rules, log


def test_times_when_and_order(proxy: Proxy) -> None:
    even = Rule(NUMBER, rules.NULL, times=None, when=lambda call: call.id % 2 == 0)
    twice, always = Rule(NUMBER, rules.Result("0x1"), times=2), Rule(ANY, rules.Result("0x2"), times=None)
    for rule in (even, twice, always):
        proxy.add(rule)
    told = post(proxy.url, [{"jsonrpc": "2.0", "id": n, "method": NUMBER, "params": []} for n in range(1, 7)]).json
    assert [reply["result"] for reply in told] == ["0x1", None, "0x1", None, "0x2", None]
    assert ask(proxy.url, CHAIN).json["result"] == "0x2"
    assert [proxy.fired(rule) for rule in (even, twice, always)] == [3, 2, 2]
    for rule in (even, twice, always):
        proxy.remove(rule)
    assert ask(proxy.url, CHAIN).json["result"] == "0x7a69"
    assert proxy.fired(always) == 2


def test_an_injection_that_never_happened_fails_the_test(proxy: Proxy) -> None:
    with pytest.raises(AssertionError, match="fired 0 times"), proxy.fault(Rule(SEND, rules.Drop())):
        ask(proxy.url, NUMBER)
    with pytest.raises(AssertionError, match="1 x eth_chainId; the last that came: eth_blockNumber"):
        proxy.wait_for(CHAIN, 0.1)
    rule = proxy.add(Rule(SEND, rules.Drop()))
    with pytest.raises(AssertionError, match=r"not within 0\.1 s"):
        proxy.wait_until_fired(rule, timeout=0.1)
    with pytest.raises(AssertionError, match="fired 0 times, not 2"):
        proxy.assert_fired(rule, 2)


def test_waiting_for_what_comes(proxy: Proxy) -> None:
    waiting = threading.Thread(target=proxy.wait_for, args=(NUMBER,), kwargs={"count": 2})
    waiting.start()
    ask(proxy.url, NUMBER)
    since = proxy.mark()
    assert waiting.is_alive()
    ask_batch(proxy.url, (CHAIN,), (NUMBER,))
    waiting.join(10)
    assert not waiting.is_alive()
    assert proxy.wait_for(NUMBER, 0.1, since=since).number == 2
    assert proxy.wait_for(NUMBER, 0.1, when=lambda entry: entry.call.batched).number == 2
    assert (proxy.count(NUMBER), proxy.count(NUMBER, since)) == (2, 1)


def test_many_at_once_are_counted_right(proxy: Proxy) -> None:
    rule = proxy.add(Rule(NUMBER, rules.NULL, times=50))
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: ask(proxy.url, NUMBER).json["result"], range(100)))
    assert sorted(map(str, told)) == ["0x5"] * 50 + ["None"] * 50
    proxy.assert_fired(rule, 50)
    assert [entry.number for entry in proxy.log] == list(range(100))


def test_connections_can_be_cut(proxy: Proxy) -> None:
    where = urlsplit(proxy.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as idle:
        idle.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n")
        ask(proxy.url, NUMBER)  # connections are taken in order: the idle one is known by now
        assert proxy.front.cut() >= 1
        assert idle.recv(10) == b""
    assert ask(proxy.url, NUMBER).status == 200


def test_another_node_behind_it_or_none(proxy: Proxy, node: Node) -> None:
    real, proxy.upstream.url = proxy.upstream.url, "http://127.0.0.1:1"
    assert ask(proxy.url, NUMBER).status == 0
    proxy.upstream.url = real
    assert ask(proxy.url, NUMBER).status == 200
