"""Several endpoints as one: heads that are old or stand still, what is final, and what takes every endpoint's word."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.endpoints import STANDS_STILL
from keeper.ports import ChainUnavailable
from tests.adapters.ethereum.fake_node import (
    Refusal,
    answering,
    drop,
    hang,
    saying,
)
from tests.adapters.ethereum.pairs import SIGNER, Pair, Paused, well

pytestmark = pytest.mark.adapter


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


async def test_one_that_stands_still_is_left_when_another_has_a_newer_block(paused: Paused) -> None:
    pair, endpoints = paused.pair, paused.endpoints
    pair.first.respond, pair.second.respond = answering(well(1, head=110)), answering(well(2, head=111))
    assert (await endpoints.head()).number == 110
    paused.clock.now += STANDS_STILL - 1
    assert (await endpoints.head()).number == 110
    assert pair.second.bodies == []
    paused.clock.now += 1
    with capture_logs() as lines:
        assert (await endpoints.head()).number == 111
    assert [(line["now"], "stands still at 110, 111 is out" in line["reason"]) for line in lines] == [
        (pair.second.url(""), True)
    ]
    assert await paused.balance() == 2
    paused.clock.now += 2 * STANDS_STILL
    assert (await endpoints.head()).number == 111, "a head that is the newest is none that stands still"


@pytest.mark.parametrize("other", [answering(well(2, head=110)), answering(well(2, head=90)), drop, hang])
async def test_a_chain_that_stands_still_changes_nothing(paused: Paused, other: Any) -> None:
    pair, endpoints = paused.pair, paused.endpoints
    pair.first.respond, pair.second.respond = answering(well(1, head=110)), other
    for _ in range(4):
        assert (await endpoints.head()).number == 110
        paused.clock.now += STANDS_STILL
    assert (await endpoints.head()).number == 110
    asked = len(pair.second.bodies)
    for _ in range(3):  # once in a while, not at every poll
        assert (await endpoints.head()).number == 110
    assert len(pair.second.bodies) == asked
    assert await paused.balance() == 1


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
        assert time.monotonic() - started < 10, "bounded, however busy the machine"


async def test_the_quorums_finality_is_the_configured_one(pair: Pair) -> None:
    pair.first.respond = pair.second.respond = quorum()
    urls = [pair.first.url(), pair.second.url()]
    pair.second.respond = quorum(eth_getTransactionCount=lambda _, at: "0x8" if at == "0x60" else "0x7")
    for depth, spent in ((4, True), (5, False)):
        async with EthereumChain(urls[0], 1, fallback_urls=urls[1:], finality=depth) as chain:
            assert await chain.spent_elsewhere(SIGNER, 7, []) is spent
