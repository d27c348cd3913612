"""Logs from nodes that limit what they serve, and blocks by their time."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keeper.adapters.ethereum.history import LogsRefused, first_block_since, logs_of
from keeper.adapters.ethereum.rpc import Rpc
from keeper.core.model import Block
from keeper.core.units import Address, Hash32, Timestamp, Wei
from keeper.ports import ChainUnavailable
from tests.adapters.ethereum.fake_node import Refusal, answering, fake_node

pytestmark = pytest.mark.adapter

TREASURY = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
TOPIC = b"\x01" * 32


def log(block: int, index: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "address": TREASURY.lower(),
        "topics": ["0x" + TOPIC.hex()],
        "data": "0x",
        "blockNumber": hex(block),
        "logIndex": hex(index),
        "transactionHash": "0x" + "ab" * 32,
        "removed": False,
        **changes,
    }


class Archive:
    """Serves the logs of at most `span` blocks at a time, newest first as no node should."""

    def __init__(self, blocks: list[int], span: int) -> None:
        self.blocks, self.span, self.asked = blocks, span, 0

    def __call__(self, question: dict[str, Any]) -> Any:
        self.asked += 1
        first, last = int(question["fromBlock"], 16), int(question["toBlock"], 16)
        if last - first + 1 > self.span:
            return Refusal(-32005, f"query returned more than {self.span} blocks")
        return [log(number) for number in reversed(self.blocks) if first <= number <= last]


async def ask(answer: Callable[[dict[str, Any]], Any], first: int = 0, last: int = 9_999, most: int = 300) -> list[int]:
    async with fake_node(answering({"eth_getLogs": answer})) as node:
        rpc = Rpc(node.url(), 5)
        try:
            return [found.block for found in await logs_of(rpc, [TREASURY], [TOPIC], first, last, most)]
        finally:
            await rpc.close()


async def test_a_willing_node_is_asked_once() -> None:
    archive = Archive([3, 70, 9_999], 10_000)
    assert await ask(archive) == [3, 70, 9_999]
    assert archive.asked == 1


@pytest.mark.parametrize("span", [1, 7, 100, 4_999, 5_000])
async def test_a_limited_node_is_asked_piece_by_piece_and_nothing_is_missed_or_doubled(span: int) -> None:
    blocks = [100, 101, 106, 107, 150, 199]
    assert await ask(Archive(blocks, span), first=100, last=199) == blocks


async def test_only_the_range_that_was_asked_for() -> None:
    assert await ask(Archive([99, 100, 199, 200], 1_000), first=100, last=199) == [100, 199]


async def test_a_node_that_would_need_too_many_requests_is_given_up() -> None:
    archive = Archive([], 10)
    with pytest.raises(LogsRefused, match="10 blocks at a time, 10000 are needed: query returned more than"):
        await ask(archive, most=30)
    assert archive.asked == 30


async def test_a_node_that_refuses_a_single_block_is_given_up() -> None:
    with pytest.raises(LogsRefused, match="block 0: pruned"):
        await ask(lambda _: Refusal(-32000, "pruned"), last=1)


@pytest.mark.parametrize(
    "wrong",
    [
        log(10_000),
        log(3, address="0x" + "02" * 20),
        log(3, removed=True),
        log(3, blockNumber=None),
        {},
        "no log",
    ],
)
async def test_what_was_not_asked_for_is_refused(wrong: Any) -> None:
    with pytest.raises(ChainUnavailable):
        await ask(lambda _: [wrong])


async def test_an_answer_that_is_no_list_is_refused() -> None:
    with pytest.raises(ChainUnavailable, match="where logs belong"):
        await ask(lambda _: {})


async def block_since(times: list[int], time: int) -> int:
    def header(number: str, _: bool) -> dict[str, Any]:
        return {"number": number, "timestamp": hex(times[int(number, 16)])}  # as before EIP-1559

    async with fake_node(answering({"eth_getBlockByNumber": header})) as node:
        rpc = Rpc(node.url(), 5)
        head = Block(len(times) - 1, Hash32("0x" + "01" * 32), Hash32("0x"), Timestamp(times[-1]), Wei(1))
        try:
            return await first_block_since(rpc, Timestamp(time), head)
        finally:
            await rpc.close()


@settings(max_examples=30)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=80), st.integers(-1, 70))
async def test_the_first_block_since_a_time(times: list[int], time: int) -> None:
    times = sorted(times)
    expected = next((number for number, found in enumerate(times) if found >= time), len(times))
    assert await block_since(times, time) == expected


async def test_a_long_chain_takes_few_requests() -> None:
    asked = 0

    def header(number: str, _: bool) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"number": number, "timestamp": hex(int(number, 16) * 12)}

    async with fake_node(answering({"eth_getBlockByNumber": header})) as node:
        rpc = Rpc(node.url(), 5)
        head = Block(20_000_000, Hash32("0x"), Hash32("0x"), Timestamp(240_000_000), Wei(1))
        assert await first_block_since(rpc, Timestamp(120_000_001), head) == 10_000_001
        assert rpc.requests <= 7
        await rpc.close()
