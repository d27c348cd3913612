"""Several endpoints as one: whoever fails, lags or hangs is passed over in bounded time, and nobody learns a key."""

import asyncio
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from keeper.adapters.ethereum.endpoints import CHAIN_ID
from keeper.ports import ChainUnavailable
from tests.adapters.ethereum.fake_node import (
    Refusal,
    answering,
    break_off,
    drop,
    hang,
    replying,
    reset,
    saying,
)
from tests.adapters.ethereum.pairs import (
    BALANCE,
    KEY,
    LOGS,
    TIMEOUT,
    Pair,
    Paused,
    header,
    well,
)

pytestmark = pytest.mark.adapter


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
        assert time.monotonic() - started < 10, "bounded, however busy the machine"
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
    with pytest.raises(ChainUnavailable, match=r"no answer within 0.8 s; .*no answer within 0.8 s"):
        await pair.balance()
    assert TIMEOUT * 0.9 < time.monotonic() - started < 10, "bounded, however busy the machine"


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
