"""A survey with the real adapter: how many requests it costs, and that the default limits are waited out."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from aiohttp import web

from keeper.app.index.patience import Asking, Patience
from keeper.app.index.survey import Survey, survey
from keeper.core.index.candidates import Contract
from keeper.core.index.eligibility import screen
from keeper.core.index.methodology import Methodology
from keeper.core.quotes import FaultKind
from keeper.core.units import Address
from keeper.core.universe import ChainNames
from keeper.market_ports import MarketDataUnavailable
from tests import factories
from tests.adapters.coingecko.conftest import Clock, gecko_at
from tests.adapters.coingecko.fake_gecko import FakeGecko, fake_gecko, saying
from tests.adapters.coingecko.test_market import ENTRY

pytestmark = pytest.mark.adapter

BLOCK = factories.block(timestamp=1_779_108_600)
RULES = Methodology()
THIN = 18
"""Coins among the largest that trade on one exchange alone."""


class Tokens:
    """A chain where every address is a token. Of a chain nothing else is asked."""

    async def tokens(self, _block: object, addresses: Collection[Address]) -> dict[Address, Contract]:
        return {at: Contract(at, has_code=True, decimals=18, symbol="TOKEN") for at in addresses}


def token(number: int) -> str:
    return f"0x{number + 1:040x}"


def answer(path: str, query: Mapping[str, str]) -> Any:
    if path == "/coins/list":
        return [{"id": f"coin-{number}", "platforms": {"ethereum": token(number)}} for number in range(250)]
    if path.startswith("/onchain/"):
        number = int(path.split("/")[5], 16) - 1
        exchanges = ["uniswap_v3"] if number % 2 == 0 and number < 2 * THIN else ["uniswap_v2", "sushiswap", "curve"]
        return {"data": [pool(place, dex) for place, dex in enumerate(exchanges)]}
    if "category" in query:
        return [{"id": "another"}]
    week = {"price": [70_000.125 + hour * hour for hour in range(168)]}
    return [
        ENTRY | {"id": f"coin-{n}", "market_cap": 10**12 - n, "market_cap_rank": n + 1, "sparkline_in_7d": week}
        for n in range(250)
    ]


def pool(place: int, dex: str) -> dict[str, Any]:
    return {
        "attributes": {"address": token(place), "reserve_in_usd": "250000.5"},
        "relationships": {"dex": {"data": {"id": dex}}},
    }


async def respond(request: web.Request) -> web.StreamResponse:
    return await saying(json.dumps(answer(request.path, request.query)))(request)


async def look(server: FakeGecko, clock: Clock, asking: Asking | None, calls: int = 30) -> Survey:
    async with gecko_at(clock, server.url(), calls=calls) as gecko:
        return await survey(
            RULES,
            (),
            (),
            market=gecko,
            facts=gecko,
            chain=Tokens(),  # type: ignore[arg-type]
            place=ChainNames("ethereum", "eth"),
            block=BLOCK,
            asking=asking,
        )


async def test_the_requests_of_a_survey_with_the_default_rules(clock: Clock) -> None:
    """A page, four categories, the list of tokens, and pools: 12 that are eligible and 12 between them that are not."""
    async with fake_gecko(respond) as server:
        found = await look(server, clock, None, calls=600)
        asked = [request.path.removeprefix("/").split("/")[0] for request in server.asked]
    assert len(asked) == 30
    assert asked.count("onchain") == 24
    eligible = screen(found.candidates, RULES, BLOCK.timestamp).eligible
    assert [each.coin for each in eligible] == [f"coin-{number}" for number in range(1, 24, 2)]
    assert len(found.not_looked_at) == 226
    assert len(found.candidates[0].recent) == 7


async def test_the_default_limit_ends_a_survey_that_does_not_wait_and_not_one_that_does(clock: Clock) -> None:
    """A third of 30 calls a minute is kept for prices: the 21st question is one too many. Nothing is asked twice."""
    async with fake_gecko(respond) as server:
        with pytest.raises(MarketDataUnavailable, match="30 calls a minute are used up") as outage:
            await look(server, clock, None)
        assert (outage.value.kind, len(server.asked)) == (FaultKind.LIMITED, 20)
        server.asked.clear()
        found = await look(server, clock, Patience(clock, 300.0))
        assert len(server.asked) == 30
    assert 60 <= clock.elapsed <= 62
    assert len(screen(found.candidates, RULES, BLOCK.timestamp).eligible) == 12
