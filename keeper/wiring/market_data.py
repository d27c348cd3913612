"""The provider of market data that the environment wants, if any."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keeper.adapters.clock import SystemClock
from keeper.adapters.coingecko.client import Client, Limits
from keeper.adapters.coingecko.source import CoinGecko
from keeper.adapters.price_file import PriceFile
from keeper.market_ports import MarketData
from keeper.ports import Clock
from keeper.settings import Settings


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
