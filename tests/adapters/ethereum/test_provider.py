"""Whatever a node or what stands before it answers: an outage in one line, in bounded time, without the URL's key."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from web3 import AsyncWeb3

from keeper.adapters.ethereum import provider, wire
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.provider import RpcError, StrictHTTPProvider
from keeper.adapters.ethereum.rpc import Request, Rpc
from keeper.core.replies import ReplyKind
from keeper.core.units import ZERO_ADDRESS
from keeper.ports import ChainUnavailable, Reply
from tests.adapters.ethereum.fake_node import (
    Refusal,
    answering,
    break_off,
    drop,
    fake_node,
    hang,
    replying,
    reset,
    saying,
)

pytestmark = pytest.mark.adapter

KEY = "Zr7s3cretApiKey9"
CHAIN_ID = Request("eth_chainId", [], wire.quantity)
TIMEOUT = 10.0
"""Of what answers at once: long, so that a busy machine does not turn a wrong answer into none."""
HANGS = 0.3

WRONG: dict[str, tuple[Any, str]] = {
    "HTML": (saying("<!DOCTYPE html><html><body>Bad gateway</body></html>"), "HTML instead of JSON"),
    "HTML with its status": (saying("<html></html>", 502), "HTTP status 502"),
    "server error": (saying("{}", 500), "HTTP status 500"),
    "rate limit": (saying("slow down", 429), "HTTP status 429 (rate limit)"),
    "redirect": (saying("", 307), "HTTP status 307"),
    "truncated JSON": (saying('{"jsonrpc":"2.0","id":0,"resu'), "no JSON"),
    "nothing": (saying(""), "answered nothing"),
    "nested without end": (saying("[" * 200_000), "no JSON"),
    "not text": (saying("\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), "no JSON"),
    "broken off": (break_off, "broke off"),
    "dropped": (drop, "closed before an answer"),
    "hung": (hang, "no answer within 0.3 s"),
    "wrong id": (replying(lambda reply: reply | {"id": 77}), "has id 77"),
    "id as text": (replying(lambda reply: reply | {"id": str(reply["id"])}), "not the request's"),
    "no id": (replying(lambda reply: {"jsonrpc": "2.0", "result": "0x1"}), "has id null"),
    "other protocol": (replying(lambda reply: reply | {"jsonrpc": "1.0"}), "not JSON-RPC 2.0"),
    "no result": (replying(lambda reply: {"jsonrpc": "2.0", "id": reply["id"]}), "neither result nor error"),
    "a list": (replying(lambda reply: [reply]), "instead of an object"),
    "null": (replying(lambda reply: None), "instead of an object"),
    "result null": (replying(lambda reply: reply | {"result": None}), "null where a number belongs"),
    "a number for hex": (replying(lambda reply: reply | {"result": 31337}), "31337 where a number belongs"),
    "hex with a blank": (replying(lambda reply: reply | {"result": "0x1 "}), "where a number belongs"),
    "error without text": (replying(lambda reply: reply | {"error": {"code": 1}}), "the error is malformed"),
    "error that commands the terminal": (
        replying(lambda reply: reply | {"error": {"code": 1, "message": "\x1b[2Jgone\x07"}}),
        "eth_chainId: [2Jgone (code 1)",
    ),
    "error that is no text": (
        replying(lambda reply: reply | {"error": {"code": 1, "message": "half \ud800 pair"}}),
        "eth_chainId: half pair (code 1)",
    ),
    "error": (answering({}), "eth_chainId: the method eth_chainId does not exist (code -32601)"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_answer_is_an_outage_without_secrets(
    wrong: tuple[Any, str], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    respond, expected = wrong
    caplog.set_level(logging.DEBUG)
    async with fake_node(respond) as node:
        url = node.url(f"/v3/{KEY}?token={KEY}").replace("//", f"//{KEY}:{KEY}@")
        rpc = Rpc(url, HANGS if respond is hang else TIMEOUT)
        started = time.monotonic()
        with pytest.raises(ChainUnavailable) as outage:
            await rpc.ask(CHAIN_ID)
        assert time.monotonic() - started < TIMEOUT - 1, "bounded, however busy the machine"
        await rpc.close()
    message = str(outage.value)
    assert expected in message
    assert message.startswith(f"RPC http://127.0.0.1:{node.port}: ")
    assert "\n" not in message
    seen = message + repr(outage.value) + caplog.text + "".join(capsys.readouterr())
    assert KEY not in seen
    assert outage.value.__cause__ is None
    assert outage.value.__suppress_context__ or outage.value.__context__ is None


async def test_no_node_is_an_outage() -> None:
    async with fake_node(hang) as gone:
        port = gone.port
    rpc = Rpc(f"http://127.0.0.1:{port}/{KEY}", TIMEOUT)
    with pytest.raises(
        ChainUnavailable, match=rf"RPC http://127.0.0.1:{port}: eth_chainId: no connection \(.*refused\)"
    ):
        await rpc.ask(CHAIN_ID)
    await rpc.close()


async def test_a_url_that_is_none_is_an_outage() -> None:
    rpc = Rpc(f"http://:{KEY}", TIMEOUT)
    with pytest.raises(ChainUnavailable) as outage:
        await rpc.ask(CHAIN_ID)
    assert KEY not in str(outage.value)
    await rpc.close()


async def test_an_error_that_quotes_the_url_is_redacted() -> None:
    async with fake_node(hang) as node:
        node.respond = answering({"eth_chainId": Refusal(-32000, f"bad key {KEY} at {node.url('/' + KEY)}")})
        rpc = Rpc(node.url(f"/v3/{KEY}"), TIMEOUT)
        answer = await rpc.try_ask(CHAIN_ID)
        await rpc.close()
    assert isinstance(answer, RpcError)
    assert KEY not in repr(answer)
    assert "bad key" in answer.message


async def test_the_connection_is_kept_and_requests_are_counted() -> None:
    peers = set()

    async def respond(request: Any, body: Any) -> Any:
        peers.add(request.transport.get_extra_info("peername"))
        return await answering({"eth_chainId": "0x7a69"})(request, body)

    async with fake_node(respond) as node:
        rpc = Rpc(node.url(), TIMEOUT)
        for _ in range(5):
            assert await rpc.ask(CHAIN_ID) == 31337
        assert await rpc.try_batch([CHAIN_ID, CHAIN_ID]) == [31337, 31337]
        assert rpc.requests == len(node.bodies) == 6
        await rpc.close()
    assert len(peers) == 1


@pytest.mark.parametrize(
    ("how", "said"), [(drop, "the connection was closed"), (reset, "no connection .*reset by peer")]
)
async def test_a_question_on_a_connection_that_died_idle_is_asked_again_but_a_transaction_never(
    how: Any, said: str
) -> None:
    well = answering({"eth_chainId": "0x1", "eth_sendRawTransaction": Refusal(-32000, "nonce too low")})
    async with fake_node(well) as node:
        chain = EthereumChain(node.url(), 1, timeout_seconds=TIMEOUT)
        assert await chain.chain_id() == 1

        async def drop_once(request: Any, body: Any) -> Any:
            node.respond = well
            return await how(request, body)

        node.respond = drop_once
        assert await chain.chain_id() == 1
        assert len(node.bodies) == 3

        node.respond = drop_once
        lost = await chain.send(b"\x02")
        assert lost.kind is ReplyKind.UNKNOWN
        assert re.match(f"no reply: RPC {re.escape(node.url(''))}: eth_sendRawTransaction: {said}", lost.text)
        assert [body["method"] for body in node.bodies].count("eth_sendRawTransaction") == 1
        assert await chain.send(b"\x02") == Reply("error: nonce too low", ReplyKind.NONCE_LOW)
        await chain.close()


async def test_a_cancelled_request_leaves_the_next_one_working() -> None:
    arrived = asyncio.Event()

    async def hang_noticed(request: Any, body: Any) -> Any:
        arrived.set()
        return await hang(request, body)

    async with fake_node(hang_noticed) as node:
        rpc = Rpc(node.url(), 30)
        task = asyncio.create_task(rpc.ask(CHAIN_ID))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        node.respond = answering({"eth_chainId": "0x1"})
        assert await rpc.ask(CHAIN_ID) == 1
        await rpc.close()


async def test_concurrent_questions_get_their_own_answers() -> None:
    async def respond(request: Any, body: Any) -> Any:
        # the later the question, the sooner its answer
        await asyncio.sleep(0.02 / int(body["params"][0], 16))
        return await answering({"eth_echo": lambda number: number})(request, body)

    async with fake_node(respond) as node:
        rpc = Rpc(node.url(), TIMEOUT)
        numbers = range(1, 20)
        asked = [rpc.ask(Request("eth_echo", [hex(number)], wire.quantity)) for number in numbers]
        assert await asyncio.gather(*asked) == list(numbers)
        await rpc.close()


BATCHES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "one missing": (lambda replies: replies[:1], "1 replies to a batch of 2"),
    "one twice": (lambda replies: [replies[0], replies[0]], "wrong ids"),
    "one too many": (lambda replies: [*replies, replies[0] | {"id": 99}], "3 replies to a batch of 2"),
    "foreign ids": (
        lambda replies: [reply | {"id": reply["id"] + 50} for reply in replies],
        "has id null|wrong ids|instead",
    ),
    "a text": (lambda replies: "later", "answered a batch with 'later'"),
    "one is no object": (lambda replies: [replies[0], 3], "answered a batch with"),
    "refused": (
        lambda _: {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": "no batches"}},
        "refuses batches: no batches",
    ),
}


@pytest.mark.parametrize("case", BATCHES.values(), ids=BATCHES.keys())
async def test_a_batch_is_whole_or_an_outage(case: tuple[Callable[[Any], Any], str]) -> None:
    change, expected = case
    async with fake_node(replying(change)) as node:
        rpc = Rpc(node.url(), TIMEOUT)
        with pytest.raises(ChainUnavailable, match=expected):
            await rpc.try_batch([CHAIN_ID, CHAIN_ID])
        await rpc.close()


async def test_a_batch_keeps_order_and_each_error_at_its_place() -> None:
    async def backwards(request: Any, body: Any) -> Any:
        return await answering({"a": "0x1", "c": "0x3"})(request, body[::-1])

    async with fake_node(backwards) as node:
        rpc = Rpc(node.url(), TIMEOUT)
        first, second, third = await rpc.try_batch([Request(name, [], wire.quantity) for name in "abc"])
        assert await rpc.try_batch([]) == []
        await rpc.close()
    assert (first, third) == (1, 3)
    assert isinstance(second, RpcError)
    assert (second.method, second.code) == ("b", -32601)


async def test_web3_works_over_the_same_transport() -> None:
    """What is not on the hot path may use web3's own calls, with the same strictness."""
    async with fake_node(answering({"eth_chainId": "0x7a69", "eth_getBalance": "0x5"})) as node:
        provider = StrictHTTPProvider(node.url(), TIMEOUT)
        w3 = AsyncWeb3(provider)
        assert await w3.eth.chain_id == 31337
        assert await w3.eth.get_balance(to_checksum_address(ZERO_ADDRESS)) == 5
        node.respond = saying("<html></html>")
        with pytest.raises(ChainUnavailable):
            await w3.eth.get_balance(to_checksum_address(ZERO_ADDRESS))
        await provider.disconnect()
        assert KEY not in str(provider)


async def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_LONGEST", 2 << 20)
    async with fake_node(saying(" " * (2 << 20) + "{")) as node:
        rpc = Rpc(node.url(), 5.0)
        with pytest.raises(ChainUnavailable, match="an answer of more than 2 MiB"):
            await rpc.ask(CHAIN_ID)
        await rpc.close()
