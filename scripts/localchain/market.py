"""The market moves: feeds take new prices, an arbitrageur brings the pools there, time passes, roles are renewed."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from scripts.localchain import arbitrage, owner, tokens
from scripts.localchain.deployment import BASE_FEE, Deployment
from scripts.localchain.node import Node


@dataclass(frozen=True, slots=True)
class Moved:
    """A step of the market: the block that holds all of it, and how many swaps it took."""

    block: int
    timestamp: int
    swaps: int


class Market:
    """Moves one local chain."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self._deployment = deployment

    def step(self, prices: Mapping[str, Decimal], *, at: int) -> Moved:
        """One block at chain time `at`, in which every feed and every pool goes to `prices` (USD by symbol).

        What `prices` leaves out keeps its price, in a new round of its feed.
        `at` must be after the newest block. One block, so that no observer meets a feed that has moved and a
        pool that has not. The base fee starts anew: empty blocks would let it decay to nothing.
        """
        now = tokens.prices(self._node, self._deployment.tokens) | dict(prices)
        answers = [tokens.set_answer(token, now[token.symbol]) for token in self._deployment.tokens]
        swaps = arbitrage.closing_swaps(self._node, self._deployment, now)
        roles = owner.renew_keepers(self._node, self._deployment.treasuries, at)
        self._node.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE))
        receipts = self._node.execute([*answers, *swaps, *roles], timestamp=at)
        return Moved(int(receipts[0]["blockNumber"], 16), at, len(swaps))
