"""Several endpoints as one: whoever fails, lags or hangs is passed over in bounded time, and nobody learns a key."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.endpoints import CHAIN_ID, Endpoints
from keeper.adapters.ethereum.rpc import Request
from keeper.core.units import Address
from keeper.ports import ChainUnavailable
from tests.adapters.ethereum.fake_node import (
    Answers,
    FakeNode,
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
TIMEOUT = 0.6
SIGNER = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
BALANCE: Request[int] = Request("eth_getBalance", [SIGNER, "latest"], wire.quantity)
LOGS: Request[object] = Request("eth_getLogs", [{}], lambda value: value)


def header(number: int) -> dict[str, str]:
    return {
        "number": hex(number),
        "hash": f"0x{number:064x}",
        "parentHash": f"0x{number - 1:064x}",
        "timestamp": hex(1_000 + 12 * number),
        "baseFeePerGas": "0x7",
    }


def well(balance: int, head: int = 100, **more: Any) -> Answers:
    return {
        "eth_chainId": "0x1",
        "eth_getBalance": hex(balance),
        "eth_getBlockByNumber": lambda number, _: header(head if number == "latest" else int(number, 16)),
        **more,
    }


@dataclass(slots=True)
class Pair:
    """Two providers of one chain; `first` is RPC_URL. They differ in what they say the balance is: 1 and 2."""

    first: FakeNode
    second: FakeNode
    chain: EthereumChain

    async def balance(self) -> int:
        return await self.chain.rpc.ask(BALANCE)

    def asked(self, node: FakeNode, method: str = "eth_getBalance") -> int:
        flat = [one for body in node.bodies for one in (body if isinstance(body, list) else [body])]
        return sum(one["method"] == method for one in flat)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(fake_node(answering(well(1))))
        second = await stack.enter_async_context(fake_node(answering(well(2))))
        urls = [node.url(f"/v3/{KEY}?token={KEY}").replace("//", f"//{KEY}:{KEY}@") for node in (first, second)]
        chain = EthereumChain(urls[0], 1, fallback_urls=urls[1:], timeout_seconds=TIMEOUT)
        yield Pair(first, second, await stack.enter_async_context(chain))


async def test_as_long_as_the_first_answers_nobody_else_is_asked(pair: Pair) -> None:
    assert [await pair.balance() for _ in range(3)] == [1, 1, 1]
    assert pair.second.bodies == []
    assert pair.asked(pair.first, "eth_chainId") == 1


FAILURES: dict[str, Any] = {
    "HTML": saying("<!DOCTYPE html><html></html>"),
    "HTML with its status": saying("<html></html>", 502),
    "server error": saying("{}", 500),
    "rate limit": saying("slow down", 429),
    "nothing": saying(""),
    "broken off": break_off,
    "dropped": drop,
    "reset": reset,
    "hung": hang,
    "wrong id": replying(lambda reply: reply | {"id": 77}),
    "null": replying(lambda reply: reply | {"result": None}),
    "malformed": replying(lambda reply: reply | {"result": "0xzz"}),
    "another chain": answering(well(1) | {"eth_chainId": "0x5"}),
    "rate limit as an error": answering(well(1) | {"eth_getBalance": Refusal(-32005, "daily quota is used up")}),
    "header not found": answering(well(1) | {"eth_getBalance": Refusal(-32000, "header not found")}),
    "pruned": answering(well(1) | {"eth_getBalance": Refusal(-32000, "missing trie node 5c0ee7 (path )")}),
    "lags": answering(well(1) | {"eth_getBalance": Refusal(-32001, "Resource not found")}),
}


@pytest.mark.parametrize("respond", FAILURES.values(), ids=FAILURES.keys())
async def test_what_the_first_does_not_answer_the_second_does(pair: Pair, respond: Any) -> None:
    pair.first.respond = respond
    started = time.monotonic()
    with capture_logs() as lines:
        assert await pair.balance() == 2
        assert time.monotonic() - started < TIMEOUT
        asked = len(pair.first.bodies)
        assert [await pair.balance() for _ in range(3)] == [2, 2, 2]
    assert len(pair.first.bodies) == asked
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("rpc endpoint changed", "warning")
    assert (line["was"], line["now"]) == (pair.first.url(""), pair.second.url(""))
    assert KEY not in str(line)


async def test_a_batch_comes_from_one_endpoint(pair: Pair) -> None:
    pair.first.respond = answering(well(1) | {"eth_getBalance": Refusal(-32000, "header not found")})
    assert await pair.chain.rpc.try_batch([CHAIN_ID, BALANCE]) == [1, 2]
    assert pair.asked(pair.second, "eth_chainId") == 2  # once for itself, once to be believed


async def test_a_nodes_own_error_is_an_answer(pair: Pair) -> None:
    for refusal in (Refusal(3, "execution reverted: header not found", "0x"), Refusal(-32601, "no such method")):
        pair.first.respond = answering(well(1) | {"eth_getBalance": refusal})
        with pytest.raises(ChainUnavailable, match=refusal.message):
            await pair.balance()
    wide = Refusal(-32005, "query returned more than 10000 results")
    pair.first.respond = answering(well(1) | {"eth_getLogs": wide})
    answer = await pair.chain.rpc.try_ask(LOGS)
    assert (answer.code, answer.message) == (wide.code, wide.message)  # type: ignore[attr-defined]
    assert pair.second.bodies == []


async def test_what_none_of_them_has_is_an_answer_and_no_reason_to_change(pair: Pair) -> None:
    for node in (pair.first, pair.second):
        node.respond = answering(well(0) | {"eth_getBalance": Refusal(-32000, "header not found")})
    with capture_logs() as lines, pytest.raises(ChainUnavailable, match="header not found"):
        await pair.balance()
    pair.first.respond, pair.second.respond = answering(well(1)), answering(well(2))
    assert await pair.balance() == 1
    assert lines == []


async def test_when_all_are_down_it_is_told_of_each_without_a_key_and_all_are_tried_again(pair: Pair) -> None:
    pair.first.respond, pair.second.respond = saying("<html></html>"), drop
    with capture_logs() as lines, pytest.raises(ChainUnavailable) as outage:
        await pair.balance()
    text = str(outage.value)
    assert f"RPC {pair.first.url('')}: " in text
    assert f"RPC {pair.second.url('')}: " in text
    assert KEY not in text
    assert lines == []
    pair.second.respond = answering(well(2))
    assert await pair.balance() == 2


async def test_the_time_of_a_question_is_shared_and_bounded(pair: Pair) -> None:
    pair.first.respond = pair.second.respond = hang
    started = time.monotonic()
    with pytest.raises(ChainUnavailable, match=r"no answer within 0.3 s; .*no answer within 0.3 s"):
        await pair.balance()
    assert TIMEOUT * 0.9 < time.monotonic() - started < TIMEOUT * 2


@dataclass(slots=True)
class Clock:
    """Of the pauses; what takes time on the wire runs on the event loop's."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Paused:
    """The same two providers, and a clock that a test moves."""

    pair: Pair
    clock: Clock
    endpoints: Endpoints

    async def balance(self) -> int:
        return await self.endpoints.ask(BALANCE)

    async def fails(self) -> bool:
        """Nobody answers. Whether the first was asked at all."""
        self.pair.first.respond = self.pair.second.respond = saying("", 500)
        before = len(self.pair.first.bodies)
        with pytest.raises(ChainUnavailable):
            await self.balance()
        self.pair.second.respond = answering(well(2))
        return len(self.pair.first.bodies) > before


@pytest.fixture
async def paused(pair: Pair) -> AsyncIterator[Paused]:
    clock = Clock()
    endpoints = Endpoints([pair.first.url(), pair.second.url()], 1, TIMEOUT, clock)
    yield Paused(pair, clock, endpoints)
    await endpoints.close()


async def test_one_that_failed_is_avoided_for_a_pause_that_doubles(paused: Paused) -> None:
    """The second stays the current one; the first is wanted when the second hangs, and then only if it is not avoided:
    one that is gets no more than the time that others left."""
    paused.pair.first.respond = saying("", 500)
    assert await paused.balance() == 2
    for pause in (5, 10, 20):
        await ends_after(pause, paused)
    for _ in range(4):
        paused.clock.now += 1_000
        await paused.fails()
    assert await paused.balance() == 2
    await ends_after(300, paused)


async def ends_after(pause: float, paused: Paused) -> None:
    """The first one's pause, which has just begun."""
    for seconds, is_asked in ((pause - 1, False), (2, True)):
        paused.clock.now += seconds
        paused.pair.second.respond = hang
        before = len(paused.pair.first.bodies)
        with pytest.raises(ChainUnavailable):
            await paused.balance()
        assert (len(paused.pair.first.bodies) > before) is is_asked
        paused.pair.second.respond = answering(well(2))
        assert await paused.balance() == 2


async def test_all_that_are_avoided_are_asked_all_the_same(paused: Paused) -> None:
    assert await paused.fails()
    assert await paused.fails()
    assert await paused.balance() == 2


async def test_an_answer_ends_the_pauses(paused: Paused) -> None:
    for _ in range(6):
        await paused.fails()
        paused.clock.now += 1_000
    paused.pair.first.respond, paused.pair.second.respond = answering(well(1)), hang
    assert await paused.balance() == 1
    paused.pair.first.respond, paused.pair.second.respond = saying("", 500), answering(well(2))
    assert await paused.balance() == 2
    paused.clock.now += 5.1
    paused.pair.first.respond, paused.pair.second.respond = answering(well(1)), hang
    assert await paused.balance() == 1


async def test_questions_under_way_together_count_as_one_failure(paused: Paused) -> None:
    paused.pair.first.respond = saying("", 500)
    with capture_logs() as lines:
        assert await asyncio.gather(*(paused.balance() for _ in range(8))) == [2] * 8
    assert len(lines) == 1
    paused.clock.now += 5.1
    paused.pair.first.respond, paused.pair.second.respond = answering(well(1)), hang
    assert await paused.balance() == 1


async def test_a_head_that_is_old_is_refused_and_the_next_endpoint_asked(pair: Pair) -> None:
    pair.first.respond = answering(well(1, head=110))
    assert (await pair.chain.head()).number == 110
    pair.first.respond = drop
    pair.second.respond = answering(well(2, head=106))
    with pytest.raises(ChainUnavailable, match="head 106 is old, 110 was seen before"):
        await pair.chain.head()
    pair.second.respond = answering(well(2, head=107))  # nodes differ by a few
    assert (await pair.chain.head()).number == 107
    pair.first.respond = answering(well(1, head=111))
    pair.second.respond = answering(well(2, head=100))
    with capture_logs() as lines:
        assert (await pair.chain.head()).number == 111
    assert [line["now"] for line in lines] == [pair.first.url("")]


async def test_a_chain_that_went_back_is_believed_when_every_endpoint_says_so(pair: Pair) -> None:
    pair.first.respond = answering(well(1, head=200))
    assert (await pair.chain.head()).number == 200
    pair.first.respond, pair.second.respond = answering(well(1, head=50)), answering(well(2, head=51))
    assert (await pair.chain.head()).number == 50
    assert (await pair.chain.head()).number == 50
    assert pair.asked(pair.second, "eth_getBlockByNumber") == 1


async def test_another_block_than_asked_for_is_asked_of_the_next(pair: Pair) -> None:
    pair.first.respond = answering(well(1) | {"eth_getBlockByNumber": header(5)})
    block = await pair.chain.block(6)
    assert block is not None
    assert block.number == 6


async def test_a_stop_amid_a_question_is_not_a_failure(pair: Pair) -> None:
    arrived = asyncio.Event()

    async def hang_noticed(request: Any, body: Any) -> Any:
        arrived.set()
        return await hang(request, body)

    pair.first.respond = hang_noticed
    task = asyncio.create_task(pair.balance())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    pair.first.respond = answering(well(1))
    assert await pair.balance() == 1


async def test_finality_by_depth(pair: Pair) -> None:
    async with EthereumChain(pair.first.url(), 1, finality=64) as chain:
        assert await chain.finalized() == 36
    async with EthereumChain(pair.first.url(), 1, finality=1_000) as chain:
        assert await chain.finalized() == 0


Respond = Callable[[Any, Any], Awaitable[Any]]


def quorum(nonce: Any = "0x8", receipt: Any = None, **more: Any) -> Respond:
    """A node by which nonce 7 was finally spent by somebody else."""
    answers = {"eth_getTransactionCount": lambda _, at: nonce if at in ("finalized", "0x60") else "0x9"}
    return answering(well(0) | answers | {"eth_getTransactionReceipt": receipt, "eth_blockNumber": "0x64"} | more)


DOUBTS: dict[str, Respond] = {
    "nonce not final": quorum(nonce="0x7"),
    "a receipt": quorum(receipt={"status": "0x1"}),
    "no count": quorum(nonce=Refusal(-32000, "finalized block not found")),
    "no receipt index": quorum(receipt=Refusal(-32000, "transaction indexing is in progress")),
    "a malformed count": quorum(nonce=None),
    "another chain": quorum(eth_chainId="0x5"),
    "hung": hang,
    "gone": drop,
    "HTML": saying("<html></html>"),
}


async def test_a_nonce_is_stolen_when_every_endpoint_says_so(pair: Pair) -> None:
    hashes = ["0x" + "aa" * 32, "0x" + "bb" * 32]
    pair.first.respond = pair.second.respond = quorum()
    assert await pair.chain.spent_elsewhere(SIGNER, 7, hashes) is True  # type: ignore[arg-type]
    for node in (pair.first, pair.second):
        assert [len(body) for body in node.bodies if isinstance(body, list)] == [4]


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS.keys())
async def test_one_doubt_is_enough(pair: Pair, doubt: Respond) -> None:
    hashes = ["0x" + "aa" * 32]
    for node, other in ((pair.first, pair.second), (pair.second, pair.first)):
        node.respond, other.respond = doubt, quorum()
        started = time.monotonic()
        assert await pair.chain.spent_elsewhere(SIGNER, 7, hashes) is False  # type: ignore[arg-type]
        assert time.monotonic() - started < TIMEOUT * 2


async def test_the_quorums_finality_is_the_configured_one(pair: Pair) -> None:
    pair.first.respond = pair.second.respond = quorum()
    urls = [pair.first.url(), pair.second.url()]
    pair.second.respond = quorum(eth_getTransactionCount=lambda _, at: "0x8" if at == "0x60" else "0x7")
    for depth, spent in ((4, True), (5, False)):
        async with EthereumChain(urls[0], 1, fallback_urls=urls[1:], finality=depth) as chain:
            assert await chain.spent_elsewhere(SIGNER, 7, []) is spent
