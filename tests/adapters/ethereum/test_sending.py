"""To whom signed bytes go, what is made of the words, and what a private relay is believed: nothing but a hint."""

import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web
from eth_utils.crypto import keccak
from structlog.testing import capture_logs

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, Hash32
from keeper.ports import Reply
from tests.adapters.ethereum.fake_node import FakeNode, Refusal, answering, drop, fake_node, hang, saying

pytestmark = pytest.mark.adapter

KEY = "Zr7s3cretApiKey9"
TIMEOUT = 1.6
RAW = b"\x02\x01"
HASH = Hash32("0x" + keccak(RAW).hex())
TREASURY = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")

Respond = Callable[[Any, Any], Awaitable[web.StreamResponse]]


def taking(answer: Any = HASH, chain_id: str = "0x1") -> Respond:
    return answering({"eth_sendRawTransaction": answer, "eth_chainId": chain_id, "eth_getTransactionReceipt": None})


def refusing(message: str) -> Respond:
    return taking(Refusal(-32000, message))


def sent(node: FakeNode) -> int:
    return sum(body["method"] == "eth_sendRawTransaction" for body in node.bodies if isinstance(body, dict))


def keyed(node: FakeNode) -> str:
    return node.url(f"/v3/{KEY}")


HANDED_ON: dict[str, tuple[Respond, Respond, ReplyKind, str]] = {
    "nothing came": (drop, taking(), ReplyKind.ACCEPTED, "no reply: .* closed .*accepted"),
    "hung": (hang, taking(), ReplyKind.ACCEPTED, "no reply: .*no answer within 0.8 s; .*accepted"),
    "HTML": (saying("<html></html>"), refusing("already known"), ReplyKind.KNOWN, "no reply: .*error: already known"),
    "429": (saying("", 429), refusing("nonce too low"), ReplyKind.UNKNOWN, "rate limit.*error: nonce too low"),
    "wrong hash": (taking("0x" + "ee" * 32), taking(), ReplyKind.ACCEPTED, "another hash, 0xee.*accepted"),
    "fatal for one": (refusing("exceeds block gas limit"), taking(), ReplyKind.ACCEPTED, "block gas limit; .*accepted"),
    "fatal for both": (
        refusing("exceeds block gas limit"), refusing("invalid sender"), ReplyKind.FATAL,
        "error: exceeds block gas limit; .*error: invalid sender",
    ),
    "fatal, and unknown": (refusing("invalid sender"), drop, ReplyKind.UNKNOWN, "error: invalid sender; .*no reply: "),
    "nobody there": (drop, saying("{}", 502), ReplyKind.UNKNOWN, "no reply: .*; .*no reply: .*502"),
    "strange words": (refusing("the pool is full"), taking(), ReplyKind.ACCEPTED, "the pool is full; .*accepted"),
}  # fmt: skip


@pytest.mark.parametrize("case", HANDED_ON.values(), ids=HANDED_ON.keys())
async def test_the_same_bytes_go_to_the_next_when_nothing_is_known_of_them(
    case: tuple[Respond, Respond, ReplyKind, str],
) -> None:
    one, two, kind, words = case
    async with fake_node(taking()) as first, fake_node(taking()) as second:
        chain = EthereumChain(keyed(first), 1, fallback_urls=[keyed(second)], timeout_seconds=TIMEOUT)
        assert [found for _, found in await chain.chain_ids()] == [1, 1]
        first.respond, second.respond = one, two
        started = time.monotonic()
        reply = await chain.send(RAW)
        assert time.monotonic() - started < 15  # bounded, however busy the machine
        await chain.close()
        assert reply.kind is kind
        said = re.fullmatch(rf"{first.url('')}: (.*); {second.url('')}: (.*)", reply.text)
        assert said is not None
        assert re.search(words, reply.text)
        assert KEY not in reply.text
        assert "RPC" not in reply.text
        for node in (first, second):
            assert [body["params"] for body in node.bodies[1:]] == [["0x0201"]]


@pytest.mark.parametrize("words", ["already known", "nonce too low", "replacement transaction underpriced"])
async def test_what_is_known_is_not_sent_to_others(words: str) -> None:
    async with fake_node(refusing(words)) as first, fake_node(taking()) as second:
        async with EthereumChain(first.url(), 1, fallback_urls=[second.url()]) as chain:
            reply = await chain.send(RAW)
        assert reply.text == f"error: {words}"
        assert second.bodies == []


async def test_bytes_never_reach_a_node_of_another_chain() -> None:
    async with fake_node(drop) as first, fake_node(taking(chain_id="0x5")) as second:
        async with EthereumChain(first.url(), 1, fallback_urls=[second.url()]) as chain:
            reply = await chain.send(RAW)
        assert reply.kind is ReplyKind.UNKNOWN
        assert reply.text.endswith("no reply: is of chain 5, not of 1")
        assert sent(second) == 0


async def test_who_did_not_take_the_bytes_is_not_asked_next() -> None:
    async with fake_node(drop) as first, fake_node(taking()) as second:
        async with EthereumChain(keyed(first), 1, fallback_urls=[keyed(second)]) as chain:
            with capture_logs() as lines:
                await chain.send(RAW)
                first.respond = taking()
                await chain.receipts([HASH], TREASURY)
        assert [(line["was"], line["now"]) for line in lines] == [(first.url(""), second.url(""))]
        assert KEY not in str(lines)
        assert "eth_getTransactionReceipt" in str(second.bodies[-1])


async def test_private_means_there_and_nowhere_else() -> None:
    async with AsyncExitStack() as stack:
        public, other = [await stack.enter_async_context(fake_node(taking())) for _ in range(2)]
        relay = await stack.enter_async_context(fake_node(taking()))
        chain = await stack.enter_async_context(
            EthereumChain(
                keyed(public), 1, fallback_urls=[other.url()], private_url=keyed(relay), timeout_seconds=TIMEOUT
            )
        )
        assert await chain.send(RAW) == Reply("accepted", ReplyKind.ACCEPTED)
        assert await chain.receipts([HASH], TREASURY) == [None]
        assert [body["method"] for body in relay.bodies] == ["eth_sendRawTransaction"]
        requests = chain.requests
        for respond, kind in (
            (refusing("invalid sender"), ReplyKind.FATAL),
            (drop, ReplyKind.UNKNOWN),
            (hang, ReplyKind.UNKNOWN),
            (saying("<html></html>"), ReplyKind.UNKNOWN),
        ):
            relay.respond = respond
            reply = await chain.send(RAW)
            assert reply.kind is kind
            assert KEY not in reply.text
        assert chain.requests == requests + 4
        assert sent(public) == sent(other) == 0


async def test_a_private_endpoint_says_its_chain_where_it_can() -> None:
    async with (
        fake_node(taking()) as public,
        fake_node(taking(chain_id="0x5")) as relay,
        EthereumChain(public.url(), 1, private_url=keyed(relay)) as chain,
    ):
        assert await chain.chain_ids() == [(public.url(""), 1), (relay.url(""), 5)]
        relay.respond = answering({})
        assert await chain.chain_ids() == [(public.url(""), 1)]


def telling(status: Any) -> Respond:
    async def respond(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response(status)

    return respond


async def relay_status(respond: Respond, path: str = "/tx/{hash}") -> tuple[str | None, list[str]]:
    """What is made of an answer, and the paths that were asked for."""
    asked = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await respond(request, None)

    app = web.Application()
    app.router.add_get("/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        chain = EthereumChain(
            origin, 1, private_url=origin, status_url=f"{origin}/{KEY}{path}", timeout_seconds=TIMEOUT
        )
        async with chain:
            return await chain.relay_status(HASH), asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", ["PENDING", "INCLUDED", "FAILED", "CANCELLED", "UNKNOWN"])
async def test_what_a_relay_says(status: str) -> None:
    assert await relay_status(telling({"status": status, "hash": HASH})) == (status, [f"/{KEY}/tx/{HASH}"])


NONSENSE: dict[str, Respond] = {
    "another word": telling({"status": "PROBABLY"}),
    "a number": telling({"status": 1}),
    "no status": telling({"state": "FAILED"}),
    "a list": telling(["FAILED"]),
    "null": telling(None),
    "HTML": saying("<html></html>"),
    "an error with a status": saying('{"status": "FAILED"}', 404),
    "a redirect": saying('{"status": "FAILED"}', 302),
    "nested without end": saying("[" * 60_000),
    "without end": saying('{"status": "FAILED", "x": "' + "x" * 100_000 + '"}'),
    "hung": hang,
    "dropped": drop,
}


@pytest.mark.parametrize("respond", NONSENSE.values(), ids=NONSENSE.keys())
async def test_nonsense_of_a_relay_is_nothing(respond: Respond) -> None:
    started = time.monotonic()
    assert (await relay_status(respond))[0] is None
    assert time.monotonic() - started < 15  # bounded, however busy the machine


async def test_no_relay_says_nothing() -> None:
    async with fake_node(hang) as gone:
        url = gone.url("/{hash}")
    async with EthereumChain(url, 1, private_url=url, status_url=url, timeout_seconds=TIMEOUT) as chain:
        assert await chain.relay_status(HASH) is None
    async with EthereumChain(url, 1, private_url=url) as chain:
        assert await chain.relay_status(HASH) is None
