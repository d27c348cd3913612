"""What people are told: raised once it matters, counted while it lasts, cleared when its cause is gone."""

from dataclasses import replace

import pytest

from keeper.core.ledger import Alert, AlertKind, IntentState
from keeper.core.model import Treasury
from keeper.core.units import BaseUnits, Timestamp, Wei
from tests import factories
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate

pytestmark = pytest.mark.unit

S = IntentState
INTERVAL = 300
HELD = factories.market()


def counts(sim: Simulation) -> dict[AlertKind, int]:
    """Open alerts, and how often each was raised."""
    return {kind: row.count for kind, row in sim.books.open_alerts().items()}


async def test_nothing_is_told_of_a_fund_that_is_well() -> None:
    sim = await simulate(drifted())
    await sim.run(3 * INTERVAL)
    assert (sim.alerts.told, sim.books.stored.alerts) == ([], [])


async def test_halt_is_counted_while_it_lasts_and_cleared_when_it_is_over() -> None:
    sim = await simulate(HELD)
    await sim.books.set_paused(sim.fund.id, True)
    await sim.run(2 * INTERVAL + 30)
    assert counts(sim) == {AlertKind.FUND_HALTED: 3}
    assert sim.alerts.told == [Alert(sim.fund.id, AlertKind.FUND_HALTED, "paused: paused by the operator")]
    await sim.books.set_paused(sim.fund.id, False)
    await sim.run(INTERVAL)
    assert counts(sim) == {}
    await sim.books.set_paused(sim.fund.id, True)
    await sim.run(INTERVAL)
    assert counts(sim) == {AlertKind.FUND_HALTED: 1}


async def test_newest_message_of_an_alert_is_kept() -> None:
    sim = await simulate(HELD)
    await sim.books.set_paused(sim.fund.id, True)
    await sim.run(30)
    sim.chain.alter(sim.fund.treasury, lambda item: replace(item, paused=True))
    await sim.run(INTERVAL)
    (row,) = sim.books.open_alerts().values()
    assert (row.count, row.alert.message) == (2, "paused: paused by the operator and the guardian")


async def test_drift_that_is_blocked_is_told() -> None:
    sim = await simulate(drifted())
    sim.chain.alter(sim.fund.treasury, lambda item: replace(item, last_rebalance=Timestamp(factories.NOW)))
    sim.chain.mine()
    await sim.run(30)
    assert counts(sim) == {AlertKind.HIGH_DRIFT: 1}
    assert sim.alerts.told[0].message.startswith("WETH is 16.07 % over target")
    assert "but blocked by cooldown: " in sim.alerts.told[0].message
    await sim.run(1_000 + FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert counts(sim) == {}


async def test_drift_that_waits_for_no_gate_is_not_told() -> None:
    sim = await simulate(HELD)
    await sim.books.set_paused(sim.fund.id, True)
    await sim.run(30)
    assert AlertKind.HIGH_DRIFT not in counts(sim)


async def test_failure_is_cleared_by_a_cycle_that_ends_well() -> None:
    sim = await simulate(HELD)
    sim.chain.down = "connection refused"
    await sim.run(30)
    assert counts(sim) == {AlertKind.REBALANCE_FAILED: 3}  # after 0, 5 and 15 s
    sim.chain.down = None
    await sim.run(60)
    assert counts(sim) == {}


async def test_failure_stands_while_the_fund_is_blocked() -> None:
    sim = await simulate(drifted())
    sim.chain.refusing[sim.fund.treasury] = "MinOut"
    await sim.run(30)
    assert counts(sim) == {AlertKind.REBALANCE_FAILED: 1}
    await sim.books.set_paused(sim.fund.id, True)
    await sim.run(INTERVAL)
    assert counts(sim) == {AlertKind.REBALANCE_FAILED: 1, AlertKind.FUND_HALTED: 1, AlertKind.HIGH_DRIFT: 1}


async def test_gas_that_cost_too_much_is_told_with_its_limit() -> None:
    """400,000 gas at 11 gwei and 3,000 USD are 13.20 USD."""
    sim = await simulate(factories.with_policy(drifted(), high_gas_cost=factories.usd("13.19")))
    await sim.run(FINAL_SECONDS)
    told = Alert(sim.fund.id, AlertKind.HIGH_GAS_COST, "gas cost 13.20 USD, above HIGH_GAS_COST_USD 13.19")
    assert sim.alerts.told == [told]
    assert counts(sim) == {AlertKind.HIGH_GAS_COST: 1}


async def test_gas_at_its_limit_is_not_told() -> None:
    sim = await simulate(factories.with_policy(drifted(), high_gas_cost=factories.usd("13.20")))
    await sim.run(FINAL_SECONDS)
    assert sim.alerts.told == []


async def test_what_gas_cost_is_told_until_the_next_transaction() -> None:
    assets = drifted().treasury.assets
    deep = factories.market(assets, factories.star(assets, depth=10**9))
    sim = await simulate(factories.with_policy(deep, high_gas_cost=factories.usd("13.19")))
    await sim.run(FINAL_SECONDS)
    sim.chain.base_fee = Wei(10**9)
    await sim.run(1_000)
    assert counts(sim) == {AlertKind.HIGH_GAS_COST: 1}
    sim.chain.alter(sim.fund.treasury, deposited)
    await sim.run(INTERVAL + FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK, S.FINAL_OK]
    assert counts(sim) == {}


def deposited(item: Treasury) -> Treasury:
    """80 WETH."""
    weth = replace(item.assets[0], balance=BaseUnits((item.assets[0].balance or 0) + factories.units(80)))
    return replace(item, assets=(weth, *item.assets[1:]))


async def test_halt_over_a_stolen_nonce_stands_while_its_transaction_is_open() -> None:
    """Cycles go on and see a market without a fault: they do not know better."""
    sim = await simulate()
    sim.chain.congested = True
    await sim.run(6)
    sim.chain.foreign(sim.fund.signer)
    sim.chain.congested = False
    await sim.run(700 + 3 * INTERVAL)
    assert sim.books.states() == [S.NONCE_STOLEN]
    assert counts(sim)[AlertKind.FUND_HALTED] == 1
    assert len([alert for alert in sim.alerts.told if alert.kind is AlertKind.FUND_HALTED]) == 1


async def test_funds_have_alerts_of_their_own() -> None:
    sim = await simulate(HELD, HELD)
    for fund in sim.funds:
        await sim.books.set_paused(fund.id, True)
    await sim.run(30)
    await sim.books.set_paused(sim.funds[1].id, False)
    await sim.run(INTERVAL + BLOCK_SECONDS)
    assert [(row.alert.fund_id, row.cleared) for row in sim.books.stored.alerts] == [(1, False), (2, True)]
