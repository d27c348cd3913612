"""What the application needs of a provider of market data: what coins are worth, and what they are. Beside
`keeper.ports`, which holds the other counterparties."""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from keeper.core.quotes import CoinId, Fault, FaultKind, Quote
from keeper.core.units import Address, Timestamp
from keeper.core.universe import CoinKind, DexPool, Listing

POOLS_A_PAGE: Final = 20


class MarketDataUnavailable(Exception):
    """A provider of market data did not answer, or not with what it promises. The message is fit for an operator.

    `retry_seconds` is when asking again may help; None when it will not before somebody has changed something.
    """

    def __init__(self, message: str, kind: FaultKind, retry_seconds: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_seconds = retry_seconds


class MarketData(Protocol):
    """What coins are worth, by somebody off the chain."""

    @property
    def name(self) -> str:
        """Of the provider, as quotes and faults carry it."""
        ...

    async def quotes(self, coins: Collection[CoinId], at: Timestamp) -> Mapping[CoinId, Quote | Fault]:
        """Of each coin that is asked for, one or the other. `at` is what their age is judged by: the block's time.

        One call per cycle, with the coins of all its funds. Never raises: what cannot be had is a fault of each coin.
        """
        ...

    async def largest(self, count: int, category: str = "") -> Listing:
        """The coins of most market capitalisation, of that category alone if one is named, by the provider's id of it.
        Raises MarketDataUnavailable, also when a part is missing or there are none."""
        ...

    async def listing_of(self, coins: Collection[CoinId]) -> Listing:
        """These coins, as `largest` tells of them, without those that the provider does not have. Raises
        MarketDataUnavailable, also when a part is missing."""
        ...


class CoinFacts(Protocol):
    """What decides whether a coin may be in an index. Every method raises MarketDataUnavailable, also when a part of
    the answer is missing: a coin that was not excluded for want of a page would be bought."""

    async def members(self, kind: CoinKind) -> frozenset[CoinId]:
        """The coins that are of that kind."""
        ...

    async def addresses(self, platform: str, coins: Collection[CoinId]) -> Mapping[CoinId, Address]:
        """The token of each coin on that chain, by the provider's name of the chain. Without those that have none."""
        ...

    async def dex_pools(self, network: str, token: Address, page: int = 1) -> tuple[DexPool, ...]:
        """The deepest and busiest pools of a token, at most `POOLS_A_PAGE`; of page 2 those that come next. None for a
        token that is traded nowhere, and beyond the last page."""
        ...
