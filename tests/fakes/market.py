"""A provider of market data in memory: `MarketData` and `CoinFacts` over one list of coins, and what it was asked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from keeper.core.quotes import CoinId, Fault, FaultKind, Quote
from keeper.core.units import Address, Timestamp
from keeper.core.universe import CoinKind, DexPool, ListedCoin, Listing
from keeper.market_ports import POOLS_A_PAGE, MarketDataUnavailable
from tests.index_factories import FLOATING, NOW, POOLS, token


def coin(name: str, market_cap: object = 1_000, **changed: object) -> ListedCoin:
    """One that would be eligible, by what a listing alone can say."""
    whole = ListedCoin(
        coin=CoinId(name),
        source="fake",
        symbol=name.upper(),
        name=name.capitalize(),
        usd=Decimal(14),
        market_cap=None if market_cap is None else Decimal(str(market_cap)),
        rank=None,
        updated_at=Timestamp(NOW - 60),
        recent=FLOATING[-7:],
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


@dataclass
class FakeMarket:
    """`asked` are the questions in their order, each as (what, about what). `down` are the kinds of question that find
    no answer. Every coin has the token `token(coin)` and three deep pools, unless `without_token`, or `pools` says
    otherwise. `page` is how many coins a page of the market has."""

    coins: list[ListedCoin]
    kinds: dict[CoinKind, set[str]] = field(default_factory=dict)
    of_category: dict[str, set[str]] = field(default_factory=dict)
    without_token: set[str] = field(default_factory=set)
    tokens: dict[str, Address] = field(default_factory=dict)
    pools: dict[Address, tuple[DexPool, ...]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    page: int = 250
    down: dict[str, MarketDataUnavailable] = field(default_factory=dict)
    asked: list[tuple[str, object]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "fake"

    def questions(self, what: str) -> list[object]:
        return [about for kind, about in self.asked if kind == what]

    async def quotes(self, coins: Collection[CoinId], at: Timestamp) -> Mapping[CoinId, Quote | Fault]:
        raise AssertionError("an index asks for no quotes")

    async def largest(self, count: int, category: str = "") -> Listing:
        self._ask("largest", (count, category) if category else count)
        there = self.of_category[category] if category else {each.coin for each in self.coins}
        found = sorted(
            (each for each in self.coins if each.coin in there), key=lambda each: each.market_cap or 0, reverse=True
        )
        return Listing(tuple(found[: min(count, self.page)]), self.faults)

    async def listing_of(self, coins: Collection[CoinId]) -> Listing:
        self._ask("listing_of", sorted(coins))
        return Listing(tuple(each for each in self.coins if each.coin in coins), ())

    async def members(self, kind: CoinKind) -> frozenset[CoinId]:
        self._ask("members", kind)
        return frozenset(map(CoinId, self.kinds.get(kind, set())))

    async def addresses(self, platform: str, coins: Collection[CoinId]) -> Mapping[CoinId, Address]:
        self._ask("addresses", (platform, sorted(coins)))
        return {each: self.tokens.get(each, token(each)) for each in coins if each not in self.without_token}

    async def dex_pools(self, network: str, token: Address, page: int = 1) -> tuple[DexPool, ...]:
        self._ask("dex_pools", (network, token) if page == 1 else (network, token, page))
        return self.pools.get(token, POOLS)[(page - 1) * POOLS_A_PAGE : page * POOLS_A_PAGE]

    def _ask(self, what: str, about: object) -> None:
        self.asked.append((what, about))
        if what in self.down:
            raise self.down[what]


def limited(seconds: float) -> MarketDataUnavailable:
    return MarketDataUnavailable("too many calls", FaultKind.LIMITED, seconds)
