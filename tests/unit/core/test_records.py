"""What a decision record and its outcomes hold: everything decided from, in text, and nothing that comes after."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from keeper import __version__
from keeper.core import outcomes
from keeper.core.deliberation import deliberate
from keeper.core.journal import GENESIS, canonical, content_hash
from keeper.core.ledger import Action, Attempt, Call, Intent, IntentState, RebalanceEvent, Receipt, SwapFill
from keeper.core.model import Market, SequencerAnswer
from keeper.core.records import decision_body, failure_body
from keeper.core.units import BaseUnits, Timestamp, UsdE18, Wei
from tests import factories as f

pytestmark = pytest.mark.unit


def body_of(market: Market) -> dict[str, Any]:
    return decision_body(market, deliberate(market), GENESIS, __version__)


@pytest.fixture
def trading() -> Market:
    return f.hold(f.market(), WETH=260)


def test_a_decision_to_trade_holds_all_it_was_made_from(trading: Market) -> None:
    body = body_of(trading)
    assert body["fund"] == {"id": "1", "name": "main", "treasury": f.TREASURY, "signer": f.SIGNER}
    assert body["chain_id"] == "31337"
    assert body["block"] == {"number": "19000000", "hash": f.hash32(0xB10C), "timestamp": "2023-11-14T22:13:20Z"}
    assert body["policy"] == {"version": "1", "digest": f.hash32(0xD16E57)}
    assert (body["chain_head"], body["code_version"]) == (GENESIS, __version__)
    assert (body["action"], body["hub"]) == ("planned", "2")
    assert body["nav_usd_e18"] == "1120000" + "0" * 18
    assert body["tracking_error_bps"] == "642.8571"
    assert len(body["votes"]) == 9
    assert body["votes"][0] == {
        "asset": "0",
        "source": "FEED",
        "px": "2000" + "0" * 18,
        "updated_at": "2023-11-14T22:12:50Z",
        "used": True,
        "reason": "feed",
    }
    assert {guard["name"] for guard in body["guards"]} >= {"paused", "drift_threshold", "cooldown", "price_impact"}


def test_an_asset_shows_amount_decimals_price_value_weight_and_drift(trading: Market) -> None:
    weth = body_of(trading)["assets"][0]
    assert weth == {
        "token": f.address(1),
        "symbol": "WETH",
        "decimals": "18",
        "code_hash": f.hash32(0xC0DE00),
        "target_bps": "4000",
        "buyable": True,
        "retired": False,
        "balance": "260" + "0" * 18,
        "px": "2000" + "0" * 18,
        "value_usd_e18": "520000" + "0" * 18,
        "weight_bps": "4642.8571",
        "drift_absolute_bps": "642.8571",
        "drift_relative_bps": "1607.1429",
        "feed_answer": "200000000000",
        "feed_decimals": "8",
    }


def test_the_plan_shows_quoted_and_minimum(trading: Market) -> None:
    thought = deliberate(trading)
    assert thought.plan is not None
    for text, swap in zip(body_of(trading)["plan"]["swaps"], thought.plan.swaps, strict=True):
        assert (text["amount_in"], text["quoted"], text["minimum"]) == (
            str(swap.amount_in),
            str(swap.expected_out),
            str(swap.min_out),
        )
        assert Decimal(text["impact_bps"]) == swap.impact * 10_000


def test_pools_show_the_state_that_was_used(trading: Market) -> None:
    pool = body_of(trading)["pools"][0]
    assert pool["kind"] == "V2_PAIR"
    assert (pool["reserve0"], pool["reserve1"]) == ("1" + "0" * 22, "2" + "0" * 13)
    silent = body_of(f.with_venue(trading, 0, state=None))["pools"][0]
    assert "reserve0" not in silent


def test_a_hold_has_no_plan_and_a_refusal_no_valuation() -> None:
    held = body_of(f.market())
    assert held["action"] == "held"
    assert "plan" not in held
    blocked = body_of(f.with_asset(f.market(), 0, answer=None))
    assert blocked["action"] == "blocked"
    assert not {"plan", "nav_usd_e18", "tracking_error_bps"} & set(blocked)
    assert blocked["votes"][0]["reason"] == "the feed did not answer"
    assert "px" not in blocked["assets"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda m: f.hold(m, WBTC=None),
        lambda m: f.with_asset(m, 1, answer=None),
        lambda m: f.with_policy(m, price_source=f.PriceSource.MEDIAN),
        lambda m: f.with_policy(m, price_source=f.PriceSource.ORACLE),
        lambda m: f.with_treasury(m, venues=()),
        lambda m: replace(m, native=None, wrapped_native=None),
        lambda m: f.aim(f.hold(m, WBTC=0), WBTC=0, USDC=6_000),
        lambda m: f.retire(m, 1, answer=None),
        lambda m: f.with_treasury(m, last_rebalance=0, paused=True),
        lambda m: f.hold(m, WETH=0, WBTC=0, USDC=0),
    ],
)
def test_every_kind_of_market_has_a_canonical_record(trading: Market, change: Any) -> None:
    market = change(trading)
    body = body_of(market)
    assert canonical(body)
    assert body["action"] == deliberate(market).action.value


def test_of_a_retired_asset_the_record_keeps_the_balance_and_no_value(trading: Market) -> None:
    retired = body_of(f.retire(trading, 1, balance=7, answer=None))["assets"][1]
    assert (retired["retired"], retired["balance"], retired["target_bps"]) == (True, "7", "0")
    assert not {"px", "value_usd_e18", "weight_bps", "drift_absolute_bps"} & set(retired)


def test_what_a_rollups_sequencer_said_is_kept(trading: Market) -> None:
    assert "sequencer" not in body_of(trading)["treasury"]
    for answer, since, said in ((0, 5, {"answer": "0", "since": "5"}), (None, None, {})):
        state = SequencerAnswer(f.address(9, "e"), answer, None if since is None else Timestamp(since))
        body = body_of(f.with_treasury(trading, sequencer=state))
        assert body["treasury"]["sequencer"] == {"feed": f.address(9, "e")} | said


def test_the_treasurys_limits_and_what_is_left_of_its_budgets_are_kept(trading: Market) -> None:
    treasury = body_of(f.with_limits(trading, f.strict_limits(), f.Budgets(10**13, 0, 0)))["treasury"]
    assert treasury["limits"]["loss_cap_bps"] == "5"
    assert treasury["limits"]["window_seconds"] == "86400"
    assert len(treasury["limits"]) == 10
    left = {"loss": str(49 * 10**13), "turnover": str(25 * 10**16), "shift": str(25 * 10**16)}
    assert treasury["budgets_e18"] == left


def test_an_unreadable_balance_is_blocked_and_left_out(trading: Market) -> None:
    market = f.hold(trading, WBTC=None)
    assert deliberate(market).action is Action.BLOCKED
    assert "balance" not in body_of(market)["assets"][1]


def test_whatever_changes_the_decision_changes_its_hash(trading: Market) -> None:
    base = content_hash(body_of(trading))
    assert base == content_hash(body_of(trading))
    for other in (
        f.hold(trading, WETH=261),
        replace(trading, block=f.block(hash=f.hash32(1))),
        replace(trading, pinned=replace(trading.pinned, version=2)),
        f.with_venue(trading, 1, fee_pips=2_999),
        f.with_asset(trading, 1, code_hash=f.hash32(1)),
    ):
        assert content_hash(body_of(other)) != base
    assert content_hash(decision_body(trading, deliberate(trading), f.hash32(1), __version__)) != base


def test_a_failure_is_recorded_with_and_without_a_market(trading: Market) -> None:
    blind = failure_body(f.fund(), GENESIS, "1", started_at="2023-11-14T22:13:20Z", reason="the node did not answer")
    assert set(blind) == {"fund", "chain_head", "code_version", "started_at", "action", "reason"}
    seen = failure_body(f.fund(), GENESIS, "1", started_at="2023-11-14T22:13:20Z", reason="hung", market=trading)
    assert seen["block"]["number"] == "19000000"
    assert canonical(blind) != canonical(seen)


# ------------------------------------------------------------------------------------------------ outcomes


@pytest.fixture
def intent(trading: Market) -> Intent:
    thought = deliberate(trading)
    assert thought.plan is not None
    return Intent(
        id=3,
        fund_id=1,
        plan_id="plan",
        cycle_id="cycle",
        signer=f.SIGNER,
        chain_id=31_337,
        state=IntentState.SENT,
        nonce=5,
        gas_limit=400_000,
        call=Call(f.TREASURY, b"", 5, Timestamp(f.NOW + 600)),
        swaps=thought.plan.swaps,
        attempts=(),
    )


def filled(intent: Intent) -> Receipt:
    """Every swap yielded 10 bps less than quoted."""
    fills = tuple(
        SwapFill(
            venue=swap.venue,
            token_in=f.address(swap.asset_in + 1),
            token_out=f.address(swap.asset_out + 1),
            amount_in=swap.amount_in,
            amount_out=BaseUnits(swap.expected_out * 999 // 1000),
            value_in=UsdE18(10_000),
            value_out=UsdE18(9_950),
        )
        for swap in intent.swaps
    )
    return Receipt(
        tx_hash=f.hash32(0xA),
        succeeded=True,
        block_number=100,
        block_hash=f.hash32(0xB),
        tx_index=2,
        gas_used=250_000,
        effective_gas_price=Wei(2 * 10**9),
        l1_fee=None,
        fills=fills,
        event=RebalanceEvent(5, f.SIGNER, f.hash32(0xD), *(UsdE18(n) for n in (9, 8, 7, 1, 6, 5))),
        transfers=(),
    )


def test_a_receipt_shows_quoted_minimum_and_actual(intent: Intent) -> None:
    body = outcomes.receipt_body(intent, filled(intent), IntentState.MINED_OK, UsdE18(15 * 10**17))
    assert canonical(body)
    assert (body["gas_used"], body["effective_gas_price_wei"], body["gas_usd_e18"]) == (
        "250000",
        "2000000000",
        "15" + "0" * 17,
    )
    assert (body["decision"], body["treasury_id"], body["loss_usd_e18"]) == (f.hash32(0xD), "5", "1")
    assert [fill["slippage_bps"] for fill in body["fills"]] == ["10", "10.0001"], "the second is floored"
    assert [fill["oracle_slippage_bps"] for fill in body["fills"]] == ["50", "50"]
    assert [fill["quoted"] for fill in body["fills"]] == [str(swap.expected_out) for swap in intent.swaps]
    assert "l1_fee_wei" not in body


def test_a_revert_has_a_reason_and_no_fills(intent: Intent) -> None:
    reverted = replace(filled(intent), succeeded=False, fills=(), event=None, revert_reason="MinOut")
    body = outcomes.receipt_body(intent, reverted, IntentState.MINED_REVERTED, None)
    assert (body["revert_reason"], body["state"], body["fills"]) == ("MinOut", "mined_reverted", [])
    assert not {"decision", "gas_usd_e18"} & set(body)


def test_the_other_outcomes_are_canonical_and_told_apart(intent: Intent) -> None:
    attempt = Attempt(1, f.hash32(0xA), b"raw", 5, Wei(10), Wei(1), datetime(2023, 11, 14, tzinfo=UTC), None)
    bodies = [
        outcomes.simulation_body("plan", f.hash32(0xD), f.hash32(0xB), gas=250_000),
        outcomes.simulation_body("plan", f.hash32(0xD), f.hash32(0xB), guard="Slippage", detail="venue 1"),
        outcomes.submission_body(intent, attempt, "timeout"),
        outcomes.finality_body(intent, filled(intent), IntentState.FINAL_OK, 102),
        outcomes.dead_end_body(intent, IntentState.ABANDONED, "its deadline has passed unsigned"),
    ]
    assert [body["event"] for body in bodies] == ["simulation", "simulation", "submission", "finality", "abandoned"]
    assert [body["succeeded"] for body in bodies[:2]] == [True, False]
    assert [body.get("gas") for body in bodies[:2]] == ["250000", None]
    assert [body.get("guard") for body in bodies[:2]] == [None, "Slippage"]
    assert len({canonical(body) for body in bodies}) == len(bodies)
    assert b"raw" not in canonical(bodies[2])
