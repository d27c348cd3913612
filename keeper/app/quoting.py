"""What a provider off the chain says of all tokens that it is to be asked about, in one question."""

from collections.abc import Iterable, Mapping

from keeper.app.world import World
from keeper.core.model import Policy, PriceSource, Treasury
from keeper.core.quotes import CoinId, Fault, Quote
from keeper.core.units import Address, Timestamp
from keeper.market_ports import MarketData

Quotes = Mapping[Address, Quote | Fault]
"""By token."""


async def ask_quotes(policies: Iterable[Policy], at: Timestamp, world: World) -> Quotes:
    """Empty without a provider, and when none of the funds listens to it. Raises BooksUnavailable."""
    if world.market_data is None or all(policy.price_source is PriceSource.FEED for policy in policies):
        return {}
    return await quotes_of(await world.books.coins(), at, world.market_data)


async def quotes_of(coins: Mapping[Address, CoinId], at: Timestamp, provider: MarketData | None) -> Quotes:
    """Of each of these tokens, which are those coins. Empty without a provider."""
    if provider is None or not coins:
        return {}
    answers = await provider.quotes(set(coins.values()), at)
    return {token: answers[coin] for token, coin in coins.items()}


def of_assets(treasury: Treasury, quotes: Quotes) -> dict[int, Quote | Fault]:
    """By asset index."""
    return {asset.index: quotes[asset.token] for asset in treasury.assets if asset.token in quotes}
