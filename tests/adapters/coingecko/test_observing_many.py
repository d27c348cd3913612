"""A look at a hundred funds, with the real adapter: one request to CoinGecko for 250 coins, however many funds."""

import json
from collections.abc import Sequence

import pytest
from aiohttp import web

from keeper.app.observe import Unobserved, observe
from keeper.core.model import Asset, PriceSource
from keeper.core.quotes import CoinId, Quote
from keeper.core.units import Address
from tests import factories as f
from tests.adapters.coingecko.conftest import Clock, gecko_at
from tests.adapters.coingecko.fake_gecko import fake_gecko, saying
from tests.fakes.simulation import Simulation, simulate

pytestmark = pytest.mark.adapter

FUNDS, ASSETS = 100, 10


def token(number: int) -> Address:
    return f.address(number, "c")


def assets_of(fund: int, distinct: int) -> tuple[Asset, ...]:
    """Ten of the tokens, other ones for each fund until all are taken."""
    numbers = [(fund * ASSETS + place) % distinct for place in range(ASSETS)]
    return tuple(
        f.asset(place, f"T{number}", price=14, balance=1, target=1_000, token=token(number))
        for place, number in enumerate(numbers)
    )


async def hundred_funds(distinct: int, provider: object) -> Simulation:
    listens = f.policy(price_source=PriceSource.MEDIAN)
    markets = [f.market(assets=assets_of(fund, distinct), venues=(), rules=listens) for fund in range(FUNDS)]
    simulation = await simulate(*markets, market_data=provider)
    books = simulation.books
    await books.remember_tokens([(token(number), f"T{number}", 18, None) for number in range(distinct)])
    await books.set_coins({token(number): CoinId(f"coin-{number}") for number in range(distinct)}, by="ann")
    return simulation


@pytest.mark.parametrize(("distinct", "requests"), [(10, 1), (250, 1), (251, 2), (1_000, 4)])
async def test_one_observation_is_a_request_for_250_coins(clock: Clock, distinct: int, requests: int) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        assert request.path == "/simple/price"
        asked: Sequence[str] = request.query["ids"].split(",")
        assert len(asked) <= 250
        prices = {coin: {"usd": 14, "usd_market_cap": 1, "last_updated_at": f.NOW - 5} for coin in asked}
        return await saying(json.dumps(prices))(request)

    async with fake_gecko(respond) as server, gecko_at(clock, server.url()) as gecko:
        simulation = await hundred_funds(distinct, gecko)
        world = simulation.world
        seen = await observe(simulation.funds, await world.chain.head(), world)
        assert len(server.asked) == requests == -(-distinct // 250)
    assert len(seen) == FUNDS
    for market in seen.values():
        assert not isinstance(market, Unobserved)
        assert len(market.quotes) == ASSETS
        assert all(isinstance(quote, Quote) for quote in market.quotes.values())
