"""Every gate blocks a fund that has drifted: the refusal is recorded, nothing is signed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keeper.core.ledger import Action, IntentState
from keeper.core.model import FeedAnswer, PriceSource, Treasury, Verdict
from keeper.core.units import Timestamp, Wei
from tests import factories
from tests.fakes.simulation import Simulation, drifted, simulate

pytestmark = pytest.mark.unit

S = IntentState
GWEI = 10**9


def answering(item: Treasury, index: int, answer: FeedAnswer | None) -> Treasury:
    assets = tuple(replace(asset, answer=answer) if asset.index == index else asset for asset in item.assets)
    return replace(item, assets=assets)


def unreadable(item: Treasury) -> Treasury:
    return replace(item, assets=(replace(item.assets[0], balance=None), *item.assets[1:]))


Change = Callable[[Treasury], Treasury]
IN_THE_TREASURY: list[tuple[str, Change]] = [
    ("paused", lambda item: replace(item, paused=True)),
    ("keeper_role", lambda item: replace(item, keeper_until=Timestamp(factories.NOW - 1))),
    ("price_bounds", lambda item: answering(item, 0, factories.answer(0))),
    ("stablecoin_peg", lambda item: answering(item, 2, factories.answer("0.97"))),
    ("token_health", unreadable),
    ("cooldown", lambda item: replace(item, last_rebalance=Timestamp(factories.NOW - 60))),
]


@pytest.mark.parametrize(("gate", "change"), IN_THE_TREASURY, ids=[gate for gate, _ in IN_THE_TREASURY])
async def test_gate_blocks(gate: str, change: Change) -> None:
    sim = await simulate()
    sim.chain.alter(sim.fund.treasury, change)
    sim.chain.mine()
    await blocked_by(gate, sim)


async def blocked_by(gate: str, sim: Simulation) -> None:
    result = await sim.cycle()
    (record,) = sim.books.decisions()
    assert result.action is record.action is Action.BLOCKED
    assert gate in {guard.name for guard in record.guards if guard.verdict is Verdict.REFUSE}
    assert gate in result.reason
    assert sim.nothing_was_sent()


async def test_operators_pause_blocks() -> None:
    sim = await simulate()
    await sim.books.set_paused(sim.fund.id, True)
    await blocked_by("paused", sim)


async def test_stale_head_blocks() -> None:
    await blocked_by("head_age", await simulate(skew_seconds=60))


async def test_empty_gas_account_blocks() -> None:
    sim = await simulate()
    sim.chain.drain(sim.fund.signer)
    await blocked_by("gas_balance", sim)


async def test_stopped_feeds_block() -> None:
    sim = await simulate()
    sim.chain.feeds_stopped_at = Timestamp(factories.NOW - 10_000)
    await blocked_by("price_age", sim)


async def test_pools_that_disagree_with_the_feeds_block() -> None:
    assets = drifted().treasury.assets
    pools = (factories.v2_pool(0, assets[0], assets[2], depth=10**7, price=2_100), *drifted().treasury.venues[1:])
    market = factories.with_policy(factories.market(assets, pools), price_source=PriceSource.MEDIAN)
    await blocked_by("price_agreement", await simulate(market))


async def test_base_fee_above_the_cap_blocks() -> None:
    sim = await simulate()
    sim.chain.base_fee = Wei(101 * GWEI)
    sim.chain.mine()
    await blocked_by("max_gas_price", sim)


async def test_open_transaction_blocks() -> None:
    sim = await simulate()
    sim.chain.congested = True
    await sim.run(3)
    assert sim.state is S.SENT
    result = await sim.cycle()
    assert result.action is Action.BLOCKED
    assert result.reason.startswith("open_transaction: transaction 1 ")
    assert len(sim.signer.signed) == len(sim.books.intents()) == 1
