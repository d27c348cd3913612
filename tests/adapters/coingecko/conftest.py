"""CoinGecko's adapter as wiring would set it up, on a clock that tests move."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from keeper.adapters.coingecko.client import Client, Limits
from keeper.adapters.coingecko.plans import Plan
from keeper.adapters.coingecko.source import CoinGecko
from keeper.core.quotes import CoinId
from keeper.core.units import Timestamp
from tests.adapters.coingecko.fake_gecko import UPDATED

KEY = "CG-Zr7s3cretApiKey9"
SECRET_PATH = "s3cretProxyPath"
TIMEOUT = 5.0
"""Seconds, for what answers: a busy machine may take its time."""
SHORT = 1.0
"""For what never does."""
AT = Timestamp(UPDATED + 40)
ALPHA, BETA = CoinId("alpha"), CoinId("beta")


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(AT, UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def gecko_at(
    clock: Clock,
    url: str | None = None,
    *,
    plan: Plan = Plan.DEMO,
    calls: int = 30,
    timeout_seconds: float = TIMEOUT,
    keep_seconds: float = 30.0,
    connections: httpx.AsyncBaseTransport | None = None,
) -> CoinGecko:
    key = None if plan is Plan.NONE else KEY
    client = Client(plan, key, clock, Limits(calls, timeout_seconds), url=url, connections=connections)
    return CoinGecko(client, max_age_seconds=180, keep_seconds=keep_seconds)
