"""One cycle: every end is recorded, and nothing is signed or sent that is not in the books first."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from keeper.core import fees
from keeper.core.journal import content_hash
from keeper.core.ledger import Action, AlertKind, Call, IntentState, Mode, RecordKind
from keeper.core.model import Market, Treasury
from keeper.core.units import Wei
from keeper.ports import SignerUnavailable
from tests import factories
from tests.fakes.chain import BASE_FEE, BLOCK_SECONDS, TIP
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate
from tests.fakes.treasury import Rebalanced, decision_in, moved_pool, rebalance

pytestmark = pytest.mark.unit

S = IntentState
GWEI = 10**9


# ------------------------------------------------------------------------------------- nothing to be done


async def test_fund_on_target_is_held_and_recorded() -> None:
    sim = await simulate(factories.market())
    result = await sim.cycle()
    (record,) = sim.books.decisions()
    assert (result.action, record.action, result.reason) == (Action.HELD, Action.HELD, record.reason)
    assert record.nav == factories.usd(1_000_000)
    assert [line.amount for line in record.assets] == [asset.balance for asset in sim.treasury.assets]
    assert sim.books.events() == ["decision"]
    assert sim.nothing_was_sent()


# ------------------------------------------------------------------------------------- tried, not sent


async def test_simulation_that_reverts_is_recorded_and_never_sent() -> None:
    sim = await simulate()
    sim.chain.refusing[sim.fund.treasury] = "MinOut"
    result = await sim.cycle()
    assert result.action is Action.REVERTED
    assert result.reason == "the treasury would refuse: the treasury refuses"
    assert sim.books.events() == ["decision", "simulation"]
    (simulation,) = sim.books.bodies("simulation")
    assert (simulation["succeeded"], simulation["guard"]) == (False, "MinOut")
    assert sim.alerts.kinds() == [AlertKind.REBALANCE_FAILED]
    assert sim.nothing_was_sent()


async def test_dry_run_plans_and_never_signs() -> None:
    sim = await simulate(mode=Mode.DRY_RUN)
    result = await sim.cycle()
    assert result.action is Action.PLANNED
    (simulation,) = sim.books.bodies("simulation")
    assert simulation["succeeded"] is True
    assert sim.books.decisions()[0].decision.body["plan"]["swaps"]
    assert sim.nothing_was_sent()


async def test_foreign_transaction_in_the_pool_is_an_obstacle() -> None:
    sim = await simulate()
    sim.chain.foreign(sim.fund.signer)
    await obstructed_by("open_transaction: 1 of ", sim)


async def test_tip_that_lifts_the_price_above_the_cap_is_an_obstacle() -> None:
    """The base fee alone is within it, so the gate lets it pass: the tip is known only with the rehearsal."""
    sim = await simulate()
    sim.chain.base_fee, sim.chain.tip = Wei(99 * GWEI), Wei(2 * GWEI)
    sim.chain.mine()
    await obstructed_by("max_gas_price: 101 gwei, MAX_FEE_GWEI allows 100", sim)


async def test_balance_that_cannot_pay_for_the_gas_is_an_obstacle() -> None:
    sim = await simulate()
    sim.chain.drain(sim.fund.signer, left=fees.gas_limit(400_000, 2) * (2 * BASE_FEE + TIP) - 1)
    await obstructed_by("gas_balance: ", sim)


async def test_balance_that_just_pays_for_the_gas_is_none() -> None:
    sim = await simulate()
    sim.chain.drain(sim.fund.signer, left=fees.gas_limit(400_000, 2) * (2 * BASE_FEE + TIP))
    assert (await sim.cycle()).action is Action.SUBMITTED


async def test_missing_key_is_an_obstacle() -> None:
    sim = await simulate()

    def locked(_: Any) -> None:
        raise SignerUnavailable("the password is wrong")

    sim.world = replace(sim.world, signer_of=locked)
    await obstructed_by("signer: the password is wrong", sim)


async def obstructed_by(reason: str, sim: Simulation) -> None:
    result = await sim.cycle()
    assert result.action is Action.BLOCKED
    assert result.reason.startswith(reason)
    assert sim.books.events() == ["decision", "simulation"]
    assert AlertKind.HIGH_DRIFT in sim.alerts.kinds()
    assert sim.nothing_was_sent()


# ------------------------------------------------------------------------------------- sent


async def test_trade_runs_from_plan_to_final() -> None:
    sim = await simulate()
    before = sim.treasury
    await sim.run(FINAL_SECONDS)
    assert sim.state is S.FINAL_OK
    assert sim.treasury.last_id == before.last_id + 1
    (record,) = sim.books.decisions()
    assert record.action is Action.SUBMITTED
    assert record.max_drift_bps == Decimal("1607.1429")  # 520,000 against 448,000 USD
    assert sim.books.events() == ["decision", "simulation", "submission", "receipt", "finality"]
    assert len(sim.chain.mined(sim.fund.signer)) == 1

    await sim.cycle()
    after = sim.books.decisions()[-1]
    assert after.action is Action.HELD
    assert after.max_drift_bps is not None
    assert after.max_drift_bps < 10


async def test_books_hold_what_was_really_executed() -> None:
    sim = await simulate()
    before = sim.treasury
    await sim.run(FINAL_SECONDS)
    rows, intent = sim.books.stored.swaps[sim.intent.id], sim.intent
    balances = {asset.token: asset.balance or 0 for asset in before.assets}
    for row in rows:
        assert row.status == "completed"
        assert row.fill is not None
        balances[row.fill.token_in] -= row.fill.amount_in
        balances[row.fill.token_out] += row.fill.amount_out
    assert balances == {asset.token: asset.balance for asset in sim.treasury.assets}
    assert len(rows) == len(intent.swaps) == 2
    settled = sim.books.stored.settled[intent.id]
    assert [line.amount for line in settled.assets_after] == [asset.balance for asset in sim.treasury.assets]
    assert settled.gas_cost == 400_000 * (BASE_FEE + TIP) * 3_000


async def test_receipt_with_status_0_fails_the_rebalance_and_tells() -> None:
    """The pool moves between rehearsal and inclusion."""
    sim = await simulate()
    sim.chain.alter(sim.fund.treasury, lambda item: moved_pool(item, Fraction(106, 100)))
    await sim.run(FINAL_SECONDS)
    assert sim.state is S.FINAL_REVERTED
    assert {row.status for row in sim.books.stored.swaps[sim.intent.id]} == {"failed"}
    (receipt,) = sim.books.bodies("receipt")
    assert receipt["state"] == "mined_reverted"
    assert receipt["revert_reason"].startswith("MinOut")
    assert sim.alerts.kinds() == [AlertKind.REBALANCE_FAILED]
    assert AlertKind.REBALANCE_FAILED in sim.books.open_alerts()
    assert sim.treasury.last_id == drifted().treasury.last_id


async def test_decision_in_the_call_is_the_hash_of_its_record() -> None:
    sim = await simulate()
    await sim.run(FINAL_SECONDS)
    decided = sim.books.stored.journal[0]
    assert decided.record.kind is RecordKind.DECISION
    assert decision_in(sim.intent.call) == decided.content == content_hash(sim.books.decisions()[0].decision.body)
    mined = sim.chain.mined(sim.fund.signer)[0].call
    assert mined == sim.intent.call
    (receipt,) = sim.books.bodies("receipt")
    assert receipt["decision"] == decided.content  # as the treasury logged it


async def test_what_is_signed_is_what_was_simulated() -> None:
    rehearsed: list[Call] = []

    def noting(treasury: Treasury, call: Call, *rest: Any) -> Rebalanced:
        rehearsed.append(call)
        return rebalance(treasury, call, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.fakes.chain.contract.rebalance", noting)
        sim = await simulate()
        await sim.cycle()
    assert sim.signer.signed[0].call == rehearsed[0]
    assert sim.signer.signed[0].gas_limit == fees.gas_limit(400_000, len(sim.intent.swaps))


async def test_record_and_intent_come_before_the_signature_and_bytes_before_sending() -> None:
    sim = await simulate()
    seen: list[str] = []

    def at_signing(call: Call, nonce: int) -> None:
        assert decision_in(call) in {entry.content for entry in sim.books.stored.journal}
        assert (sim.intent.state, sim.intent.call, nonce) == (S.PLANNED, call, 0)
        assert not sim.chain.wire
        seen.append("signed")

    def at_sending(raw: bytes) -> None:
        assert sim.state is S.SIGNED
        assert [(attempt.raw, attempt.nonce) for attempt in sim.intent.attempts] == [(raw, 0)]
        seen.append("sent")

    sim.signer.witness, sim.chain.witness = at_signing, at_sending
    await sim.cycle()
    assert seen == ["signed", "sent"]


async def test_cycle_ends_when_its_transaction_is_mined() -> None:
    sim = await simulate()
    result = await sim.cycle()
    assert (result.action, result.state) == (Action.SUBMITTED, S.MINED_OK)
    assert BLOCK_SECONDS <= sim.clock.monotonic() <= BLOCK_SECONDS + 2


@pytest.mark.parametrize("market", [factories.market(), drifted()], ids=["held", "traded"])
async def test_tokens_are_remembered_as_they_were_first_seen(market: Market) -> None:
    sim = await simulate(market)
    await sim.cycle()
    assert await sim.books.known_code() == {asset.token: asset.code_hash for asset in market.treasury.assets}
