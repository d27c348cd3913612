"""CoinGecko as the environment wants it."""

from keeper.adapters.coingecko.client import Client, Limits
from keeper.adapters.coingecko.source import CoinGecko
from keeper.ports import Clock
from keeper.settings import Settings


def coingecko(settings: Settings, clock: Clock) -> CoinGecko:
    """One for the whole process: its limits are counted there. To be closed."""
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
