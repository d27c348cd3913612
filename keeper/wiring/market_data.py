"""The provider of market data that the environment wants, if any."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keeper.adapters.clock import SystemClock
from keeper.adapters.coingecko.chains import CHAINS, WRAPPED
from keeper.adapters.coingecko.client import Client, Limits
from keeper.adapters.coingecko.source import CoinGecko
from keeper.adapters.price_file import PriceFile
from keeper.app.world import Universe
from keeper.core.universe import ChainNames
from keeper.market_ports import CoinFacts, MarketData
from keeper.ports import Clock
from keeper.settings import ConfigurationError, Settings


@asynccontextmanager
async def open_market_data(settings: Settings) -> AsyncIterator[MarketData | None]:
    """None when MARKET_DATA is off. One for the whole process: its limits are counted there."""
    match settings.market_data:
        case "coingecko":
            async with coingecko(settings, SystemClock()) as source:
                yield source
        case "file":
            assert settings.market_data_file is not None
            yield PriceFile(settings.market_data_file, settings.coingecko_max_age_seconds)
        case _:
            yield None


def facts_of(provider: MarketData) -> CoinFacts | None:
    """Who says what its coins are. None for a file: that says it in its listing."""
    return provider if isinstance(provider, CoinGecko) else None


def place_of(settings: Settings) -> ChainNames:
    """What CoinGecko calls the chain of these settings. Raises ConfigurationError when nobody has said it."""
    known = CHAINS.get(settings.chain_id)
    platform = settings.coingecko_platform or (known.platform if known else None)
    network = settings.coingecko_network or (known.network if known else None)
    names = {"COINGECKO_PLATFORM": platform, "COINGECKO_NETWORK": network}
    if platform is None or network is None:
        raise ConfigurationError(
            f"{name}: is not set, and what CoinGecko calls chain {settings.chain_id} is not known here"
            for name, value in names.items()
            if value is None
        )
    return ChainNames(platform, network, WRAPPED)


def universe_of(settings: Settings, provider: MarketData | None) -> Universe:
    """Whom an index asks. Raises ConfigurationError when there is nobody: it says what to set."""
    if provider is None:
        raise ConfigurationError(
            ["MARKET_DATA: is off, and an index needs a market to choose from: set it to coingecko or file"]
        )
    facts = facts_of(provider)
    return Universe(provider, facts, None if facts is None else place_of(settings))


def universe_or_why_not(settings: Settings, provider: MarketData | None) -> Universe | str:
    """For those who may not need one: funds that follow no index have none, and the first look that needs it tells."""
    try:
        return universe_of(settings, provider)
    except ConfigurationError as error:
        return "; ".join(error.problems)


def coingecko(settings: Settings, clock: Clock) -> CoinGecko:
    """To be closed."""
    key, url = settings.coingecko_api_key, settings.coingecko_url
    client = Client(
        settings.plan_in_force,
        None if key is None else key.get_secret_value(),
        clock,
        Limits(settings.coingecko_calls_per_minute, settings.coingecko_timeout_seconds),
        url=None if url is None else url.get_secret_value(),
    )
    return CoinGecko(
        client,
        max_age_seconds=settings.coingecko_max_age_seconds,
        keep_seconds=settings.coingecko_cache_seconds,
    )
