"""CoinGecko as the application sees it: quotes of coins, the market, and what decides whether a coin may be held."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Self

from keeper.adapters.coingecko import dex_pools, markets, platforms, simple_prices
from keeper.adapters.coingecko.client import Client
from keeper.adapters.coingecko.question import Question
from keeper.adapters.fields import any_address
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote, aged, coin_id, said
from keeper.core.units import Address, Timestamp
from keeper.core.universe import CoinKind, DexPool, ListedCoin, Listing
from keeper.market_ports import MarketDataUnavailable

MARKET_KEPT: Final = 300.0
FACTS_KEPT: Final = 3_600.0
"""Seconds that pages of the market and facts about coins stay good: an index looks at them once a day or a month."""
MOST_PAGES: Final = 20
"""Of a category, 5,000 coins: none has as many."""


class CoinGecko:
    """`MarketData` and `CoinFacts` over one client.

    A quote older than `max_age_seconds` at the time it is asked for is a fault. `keep_seconds` is how long prices are
    not asked for again.
    """

    def __init__(
        self,
        client: Client,
        *,
        max_age_seconds: int = 180,
        keep_seconds: float = 30.0,
        categories: Mapping[CoinKind, str] = markets.CATEGORIES,
    ) -> None:
        self._client: Final = client
        self._max_age: Final = max_age_seconds
        self._keep: Final = keep_seconds
        self._categories: Final = dict(categories)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.close()

    @property
    def name(self) -> str:
        return simple_prices.SOURCE

    async def quotes(self, coins: Collection[CoinId], at: Timestamp) -> Mapping[CoinId, Quote | Fault]:
        """One request for 250 coins; what one of several requests does not bring is a fault of its coins."""
        sane = [coin for coin in coins if coin_id(coin) is not None]
        asked = [self._quotes(part, question) for part, question in simple_prices.questions(sane, self._keep)]
        found: dict[CoinId, Quote | Fault] = {
            coin: Fault(coin, self.name, FaultKind.MALFORMED, f"{said(coin)} is not the name of a coin")
            for coin in coins
        }
        for answers in await asyncio.gather(*asked):
            found |= {coin: aged(answer, at, self._max_age) for coin, answer in answers.items()}
        return found

    async def _quotes(
        self, coins: Sequence[CoinId], question: Question[simple_prices.Answers]
    ) -> simple_prices.Answers:
        try:
            return await self._client.ask(question)
        except MarketDataUnavailable as outage:
            return {coin: Fault(coin, self.name, outage.kind, str(outage)) for coin in coins}

    async def largest(self, count: int, category: str = "") -> Listing:
        """Those of most market capitalisation, in pages of 250, fewer when the market ends before."""
        size, pages = min(count, markets.LARGEST_PAGE), -(-count // markets.LARGEST_PAGE)
        turned = list[markets.Page]()
        for number in range(1, pages + 1):
            turned.append(await self._client.ask(markets.page(number, size, MARKET_KEPT, category)))
            if turned[-1].count < size:
                break
        listing = _bound(turned)
        if not listing.candidates:
            named = f"the category {said(category)} is empty: is it called so?"
            raise self._unbelievable(named if category else "the market has no coins")
        return Listing(listing.candidates[:count], listing.faults)

    async def listing_of(self, coins: Collection[CoinId]) -> Listing:
        """One request for 250 of them."""
        ordered = sorted(coin for coin in set(coins) if coin_id(coin) is not None)
        parts = [ordered[i : i + markets.LARGEST_PAGE] for i in range(0, len(ordered), markets.LARGEST_PAGE)]
        listing = _bound([await self._client.ask(markets.of_coins(part, MARKET_KEPT)) for part in parts])
        asked = set(ordered)
        return Listing(tuple(found for found in listing.candidates if found.coin in asked), listing.faults)

    async def members(self, kind: CoinKind) -> frozenset[CoinId]:
        """All of a category. One that is empty or has no end is not believed."""
        category, coins = self._categories[kind], set[CoinId]()
        for number in range(1, MOST_PAGES + 1):
            page = await self._client.ask(markets.members(category, number, FACTS_KEPT))
            coins.update(page)
            if len(page) < markets.LARGEST_PAGE:
                break
        else:
            raise self._unbelievable(f"the category {category} has no end")
        if not coins:
            raise self._unbelievable(f"the category {category} is empty: is it still called so?")
        return frozenset(coins)

    async def addresses(self, platform: str, coins: Collection[CoinId]) -> Mapping[CoinId, Address]:
        tokens = (await self._client.ask(platforms.question(FACTS_KEPT))).get(platform)
        if not tokens:
            raise self._unbelievable(f"no coin has a token on {said(platform)}: is the chain called so?")
        return {coin: Address(any_address(tokens[coin])) for coin in coins if coin in tokens}

    async def dex_pools(self, network: str, token: Address, page: int = 1) -> tuple[DexPool, ...]:
        if coin_id(network) is None:
            raise self._unbelievable(f"{said(network)} is not the name of a network")
        return await self._client.ask(dex_pools.question(network, token, page, FACTS_KEPT))

    def _unbelievable(self, what: str) -> MarketDataUnavailable:
        return MarketDataUnavailable(f"{self._client}: {what}", FaultKind.REFUSED)


def _bound(pages: Sequence[markets.Page]) -> Listing:
    """Each coin once. One that is off on one page is off on all."""
    candidates, faults = dict[CoinId, ListedCoin](), list[Fault]()
    for page in pages:
        for found in page.found:
            if isinstance(found, Fault):
                faults.append(found)
            else:
                # Ranks move while pages are turned: a coin may be on two of them, and the first counts.
                candidates.setdefault(found.coin, found)
    bad = {fault.coin for fault in faults}
    return Listing(tuple(found for coin, found in candidates.items() if coin not in bad), tuple(faults))
