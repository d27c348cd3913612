"""What an index chooses from: coins by market capitalisation, what kind they are, and where they are traded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from keeper.core.quotes import CoinId, Fault
from keeper.core.units import Address, Timestamp


class CoinKind(StrEnum):
    """Coins that stand for something else: an index that holds it already counts it twice with them."""

    STABLECOIN = "stablecoin"
    WRAPPED = "wrapped"
    STAKED = "staked"
    BACKED = "backed"
    """By other coins, such as a wrapped bitcoin of a custodian."""


@dataclass(frozen=True, slots=True)
class ChainNames:
    """What a provider calls a chain: `platform` where tokens of coins are listed, `network` where their pools are.

    `wrapped` are the provider's coins that are tokens standing for coins of other chains, by the token's symbol: other
    tokens may have the same symbol, so that it is no name to ask for.
    """

    platform: str
    network: str
    wrapped: Mapping[str, CoinId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DexPool:
    """A pool that trades a token. `dex` is the provider's name of the exchange, `reserve_usd` what lies on both sides
    of it, None where the provider does not know."""

    address: str
    dex: str
    reserve_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class ListedCoin:
    """A coin of the market. `usd` is for one whole token, `market_cap` of all; None is what the provider does not know.

    `rank` is the provider's, by market capitalisation, 1 for the largest. Symbol and name are anybody's choice, fit to
    be shown and nothing else: two coins may have the same. `recent` are daily prices, oldest first, the newest
    included; empty when there are none.

    The last three are of a source that says by itself what others say to `CoinFacts`: categories, the token on the
    fund's chain, and its pools, None when it does not say where the coin is traded.
    """

    coin: CoinId
    source: str
    symbol: str
    name: str
    usd: Decimal | None
    market_cap: Decimal | None
    rank: int | None
    updated_at: Timestamp | None
    recent: tuple[Decimal, ...] = ()
    categories: tuple[str, ...] = ()
    token: Address | None = None
    pools: tuple[DexPool, ...] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Candidates, each coin once, in the provider's order: largest first. `faults` are coins that were there and cannot
    be believed."""

    candidates: tuple[ListedCoin, ...]
    faults: tuple[Fault, ...]
