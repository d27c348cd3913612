"""How many HTTP requests the node gets from the daemon: of an idle round, and of a trade up to its signed bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from keeper.core.ledger import Action
from scripts.benchmarks.funds import STEP_SECONDS, keeper_on
from scripts.benchmarks.proxy import counting_proxy
from scripts.localchain.chain import LocalChain
from scripts.localchain.fund import Treasury
from scripts.localchain.paths import Prices

IDLE_THRESHOLD = Decimal("0.9")
_POLL = 4.0
"""Seconds between two looks for a head, the default: each look is one more request, whether or not a fund is due."""

_SEND = "eth_sendRawTransaction"


@dataclass(frozen=True, slots=True)
class Requests:
    """The methods, request by request, without the two of a process's start.

    `idle` by number of funds, `restarted` of the first cycle of a process that finds its database, `trade` up to and
    with the request that holds the signed bytes.
    """

    restarted: list[list[str]]
    idle: dict[int, list[list[str]]]
    trade: list[list[str]]


async def count_requests(
    chain: LocalChain, treasuries: Sequence[Treasury], counts: Sequence[int], folder: Path, moves: Iterator[Prices]
) -> Requests:
    """Through a counting proxy. The trade is the first that the market's `moves` bring about."""
    async with counting_proxy(chain.url) as proxy:
        idle: dict[int, list[list[str]]] = {}
        idle_folder = folder / "counting-idle"
        async with keeper_on(chain, idle_folder, IDLE_THRESHOLD, rpc_url=proxy.url, poll_seconds=_POLL) as keeper:
            for count in counts:
                await keeper.register(treasuries[:count])
                chain.market.step({}, at=chain.node.head()[1] + STEP_SECONDS)  # all are due again
                proxy.take()
                results = await keeper.run_until_all_ran()
                assert [result.action for result in results] == [Action.HELD] * count
                idle[count] = _after_start(proxy.take())
        async with keeper_on(chain, idle_folder, IDLE_THRESHOLD, rpc_url=proxy.url) as keeper:
            proxy.take()
            await keeper.round_of(Action.HELD)
            restarted = _after_start(proxy.take())
        chain.node.automine()
        async with keeper_on(chain, folder / "counting-trade", Decimal("0.01"), rpc_url=proxy.url) as keeper:
            action = Action.HELD
            while action is Action.HELD:
                chain.market.step(next(moves), at=chain.node.head()[1] + STEP_SECONDS)
                proxy.take()
                (result,) = await keeper.cycle_of_all()
                action, asked = result.action, _after_start(proxy.take())
            assert action is Action.SUBMITTED, f"the trade was {action}: {result.reason}"
            sent = next(number for number, methods in enumerate(asked) if _SEND in methods)
    return Requests(restarted, idle, asked[: sent + 1])


def _after_start(asked: list[list[str]]) -> list[list[str]]:
    """A process begins with the head and a look at all signers, once in its life."""
    begins = len(asked) > 1 and asked[1][0] == "eth_getTransactionCount"
    return asked[2:] if begins else asked
