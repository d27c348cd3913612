"""What a contract has logged, from nodes that answer for a limited range of blocks; and which blocks a time was in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.events import Log, read_log
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import JsonRpc, Request
from keeper.core.model import Block
from keeper.core.units import Address, Hash32, Timestamp

Topics = Sequence[bytes | Sequence[bytes] | None]
"""By position: this topic, one of these, or any."""

_MOST_REQUESTS: Final = 300
"""For one question. A node that gives 10,000 blocks at a time is asked about a month of Ethereum with 22."""
_PROBES: Final = 16
"""Blocks that are asked for their time at once: 17^6 is more than any chain has blocks."""


class LogsRefused(Exception):
    """The node does not serve logs as far back as they are needed. One line for an operator."""


@dataclass(frozen=True, slots=True)
class PlacedLog:
    """A log and where it stands."""

    log: Log
    block: int
    index: int
    tx_hash: Hash32


async def logs_of(
    rpc: JsonRpc, emitters: Sequence[Address], topics: Topics, first: int, last: int, most: int = _MOST_REQUESTS
) -> list[PlacedLog]:
    """All logs of `emitters` in the blocks `first` to `last`, oldest first.

    Asked for at once; a node that refuses is asked for half as many blocks at a time, and so on. Raises LogsRefused
    when it refuses a single block or would need more than `most` requests, ChainUnavailable.
    """
    found: list[PlacedLog] = []
    span, start, refusal = last - first + 1, first, "none"
    for _ in range(most):
        if start > last:
            return sorted(found, key=lambda log: (log.block, log.index))
        end = min(last, start + span - 1)
        answer = await rpc.try_ask(_request(emitters, topics, start, end))
        if not isinstance(answer, RpcError):
            found += answer
            start = end + 1
        elif span == 1:
            raise LogsRefused(f"the node does not serve the logs of block {start}: {answer.message}")
        else:
            span, refusal = -(-span // 2), answer.message
    if start > last:
        return sorted(found, key=lambda log: (log.block, log.index))
    raise LogsRefused(f"the node serves the logs of {span} blocks at a time, {last - first + 1} are needed: {refusal}")


async def first_block_since(rpc: JsonRpc, time: Timestamp, head: Block) -> int:
    """The lowest block with that time or a later one; above `head` when there is none."""
    low, high = 0, head.number + 1  # the answer is among low..high
    while low < high:
        step = max(1, -(-(high - low) // (_PROBES + 1)))
        probes = list(range(low, high, step))[:_PROBES]
        answers = await rpc.try_batch(
            [Request("eth_getBlockByNumber", [hex(number), False], _number_and_time) for number in probes]
        )
        for number, item in zip(probes, answers, strict=True):
            answered, timestamp = rpc.require(item)
            if answered != number:
                raise rpc.unavailable(f"eth_getBlockByNumber: answered block {answered}, not {number}")
            if timestamp >= time:
                high = number
                break
            low = number + 1
    return low


def _number_and_time(value: object) -> tuple[int, int]:
    """Of a header, which may be older than EIP-1559."""
    header = wire.mapping(value)
    return wire.quantity(wire.field(header, "number")), wire.quantity(wire.field(header, "timestamp"))


def _request(emitters: Sequence[Address], topics: Topics, first: int, last: int) -> Request[list[PlacedLog]]:
    question = {
        "address": list(emitters),
        "topics": [_spelled(topic) for topic in topics],
        "fromBlock": hex(first),
        "toBlock": hex(last),
    }
    asked = frozenset(emitters)

    def read(value: object) -> list[PlacedLog]:
        if not isinstance(value, list):
            raise wire.Malformed(f"{wire.shown(value)} where logs belong")
        return [_placed(item, asked, first, last) for item in value]

    return Request("eth_getLogs", [question], read)


def _spelled(topic: bytes | Sequence[bytes] | None) -> object:
    if topic is None or isinstance(topic, bytes):
        return None if topic is None else wire.hexed(topic)
    return [wire.hexed(one) for one in topic]


def _placed(value: object, asked: frozenset[Address], first: int, last: int) -> PlacedLog:
    """A node or its cache may answer another question: a log that was not asked for is refused."""
    log = wire.mapping(value)
    placed = PlacedLog(
        log=read_log(value),
        block=wire.quantity(wire.field(log, "blockNumber")),
        index=wire.quantity(wire.field(log, "logIndex")),
        tx_hash=wire.hash32(wire.field(log, "transactionHash")),
    )
    if placed.log.emitter not in asked or not first <= placed.block <= last or log.get("removed"):
        raise wire.Malformed("logs that were not asked for")
    return placed
