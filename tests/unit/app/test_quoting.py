"""A provider off the chain is asked once for all funds, beside the node; what it says is a vote."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from keeper.app.observe import Unobserved, observe
from keeper.core.ledger import Action
from keeper.core.model import Market, PriceSource
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote
from keeper.core.units import Timestamp
from keeper.core.universe import Listing
from tests import factories as f
from tests.fakes.simulation import Simulation, drifted, simulate

pytestmark = pytest.mark.unit

COINS = {0: CoinId("weth"), 1: CoinId("wrapped-bitcoin")}


@dataclass
class Provider:
    """Says the same prices whoever asks, and keeps the questions."""

    usd: dict[CoinId, Decimal | None] = field(default_factory=dict)
    asked: list[frozenset[CoinId]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "fake"

    async def quotes(self, coins: Collection[CoinId], at: Timestamp) -> Mapping[CoinId, Quote | Fault]:
        self.asked.append(frozenset(coins))
        return {
            coin: Fault(coin, "fake", FaultKind.UNAVAILABLE, "no answer")
            if (usd := self.usd.get(coin)) is None
            else Quote(coin, "fake", usd, None, at)
            for coin in coins
        }

    async def largest(self, count: int) -> Listing:
        return Listing((), ())


async def started(
    provider: Provider, source: PriceSource = PriceSource.MEDIAN, market: Market | None = None
) -> Simulation:
    simulation = await simulate(market or drifted(), market_data=provider)
    assets = simulation.treasury.assets
    await simulation.books.remember_tokens([(a.token, a.symbol, a.decimals, a.code_hash) for a in assets])
    await simulation.books.set_coins({assets[index].token: coin for index, coin in COINS.items()}, by="ann")
    policy = replace((await simulation.books.policy(simulation.fund.id)).policy, price_source=source)
    await simulation.books.pin_policy(simulation.fund.id, policy)
    return simulation


async def seen(simulation: Simulation) -> Market:
    world = simulation.world
    (market,) = (await observe([simulation.fund], await world.chain.head(), world)).values()
    assert not isinstance(market, Unobserved)
    return market


async def test_each_asset_has_the_quote_of_its_coin() -> None:
    provider = Provider({COINS[0]: Decimal(2_000)})
    market = await seen(await started(provider))
    assert provider.asked == [frozenset(COINS.values())]
    quote, fault = market.quotes[0], market.quotes[1]
    assert isinstance(quote, Quote)
    assert quote.usd == 2_000
    assert isinstance(fault, Fault)
    assert 2 not in market.quotes, "of USDC nobody said which coin it is"


async def test_one_question_for_all_funds() -> None:
    provider = Provider()
    simulation = await started(provider)
    other = await simulation.books.add_fund("other", f.address(77, "a"), f.address(78, "b"))
    await simulation.books.pin_policy(other.id, (await simulation.books.policy(simulation.fund.id)).policy)
    await observe(await simulation.books.funds(), await simulation.world.chain.head(), simulation.world)
    assert len(provider.asked) == 1


async def test_who_listens_to_feeds_alone_asks_nobody() -> None:
    provider = Provider()
    simulation = await started(provider, PriceSource.FEED)
    assert (await seen(simulation)).quotes == {}
    assert provider.asked == []


async def test_without_coins_nobody_is_asked() -> None:
    provider = Provider()
    simulation = await started(provider)
    await simulation.books.set_coins({a.token: None for a in simulation.treasury.assets}, by="ann")
    assert (await seen(simulation)).quotes == {}
    assert provider.asked == []


async def test_a_provider_that_is_down_is_a_silent_vote_and_the_others_decide() -> None:
    simulation = await started(Provider())
    result = await simulation.cycle()
    assert result.action is Action.SUBMITTED, result.reason
    votes = simulation.books.decisions()[-1].votes
    assert [vote.reason for vote in votes if vote.source is PriceSource.ORACLE] == ["fake: no answer"] * 2


async def test_oracle_alone_holds_while_its_provider_is_down() -> None:
    simulation = await started(Provider(), PriceSource.ORACLE)
    result = await simulation.cycle()
    assert result.action is Action.BLOCKED
    assert "WETH: fake: no answer" in result.reason
