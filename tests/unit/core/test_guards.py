"""The guards before and around a decision: each with what it measured, what it allows, and its verdict."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from keeper.core.drift import decide
from keeper.core.guards import check_gas, cooldown, drift_guard, gates
from keeper.core.model import GuardResult, Market, SequencerAnswer, Verdict
from keeper.core.prices import PriceBook, agree
from keeper.core.units import Timestamp
from keeper.core.valuation import value
from tests import factories as f

pytestmark = pytest.mark.unit

ORDER = [
    "paused",
    "keeper_role",
    "open_transaction",
    "head_age",
    "gas_balance",
    "sequencer",
    "price_bounds",
    "price_age",
    "price_agreement",
    "stablecoin_peg",
    "price_jump",
    "token_health",
]


def gate(market: Market, name: str) -> GuardResult:
    return next(guard for guard in gates(market, agree(market)) if guard.name == name)


def test_a_good_market_passes_every_gate_in_order() -> None:
    results = gates(f.market(), agree(f.market()))
    assert [guard.name for guard in results] == ORDER
    assert {guard.verdict for guard in results} == {Verdict.PASS, Verdict.SKIP}


def test_every_gate_is_evaluated_whatever_the_others_say() -> None:
    """Everything wrong at once: each guard still has its own verdict."""
    market = f.market(of=f.fund(paused=True), head_age_seconds=37, open_intent=7)
    market = f.with_treasury(market, keeper_until=0, keeper_balance=0)
    market = f.with_asset(f.with_asset(market, 0, answer=None, balance=None), 2, answer=f.answer("0.9"))
    results = gates(market, agree(market))
    assert [guard.name for guard in results] == ORDER
    passed = {guard.name for guard in results if guard.verdict is not Verdict.REFUSE}
    assert passed == {"price_age", "price_jump", "sequencer"}


UPTIME = f.address(9, "e")


@pytest.mark.parametrize(
    ("answer", "since", "measured", "verdict", "words"),
    [
        (0, f.NOW - 3_600, "3600", Verdict.PASS, ""),
        (0, f.NOW - 3_599, "3599", Verdict.REFUSE, "the sequencer is back for 59m 59s, prices count after 1h"),
        (0, f.NOW, "0", Verdict.REFUSE, "the sequencer is back for 0s"),
        (1, f.NOW - 90_000, "", Verdict.REFUSE, "the sequencer is down since"),
        (0, 0, "", Verdict.REFUSE, "has no round yet"),
        (None, None, "", Verdict.REFUSE, "did not answer"),
    ],
)
def test_a_rollups_sequencer(
    answer: int | None, since: int | None, measured: str, verdict: Verdict, words: str
) -> None:
    state = SequencerAnswer(UPTIME, answer, None if since is None else Timestamp(since))
    guard = gate(f.with_treasury(f.market(), sequencer=state), "sequencer")
    assert (guard.measured, guard.limit, guard.verdict) == (measured, "3600", verdict)
    assert words in guard.detail


def test_no_sequencer_is_nothing_to_ask() -> None:
    assert gate(f.market(), "sequencer").verdict is Verdict.SKIP


@pytest.mark.parametrize(
    ("operator", "guardian", "detail"),
    [
        (False, False, ""),
        (True, False, "paused by the operator"),
        (False, True, "paused by the guardian"),
        (True, True, "paused by the operator and the guardian"),
    ],
)
def test_paused_says_by_whom(operator: bool, guardian: bool, detail: str) -> None:
    guard = gate(f.with_treasury(f.market(of=f.fund(paused=operator)), paused=guardian), "paused")
    assert (guard.measured, guard.detail) == ("yes" if detail else "no", detail)
    assert guard.verdict is (Verdict.REFUSE if detail else Verdict.PASS)


@pytest.mark.parametrize(
    ("until", "measured", "passes", "words"),
    [
        (0, "no role", False, "is no keeper"),
        (f.NOW - 1, "-1", False, "expired as keeper at 2023-11-14T22:13:19Z"),
        (f.NOW, "0", True, "is keeper until 2023-11-14T22:13:20Z"),
        (f.NOW + 60, "60", True, "is keeper until"),
    ],
)
def test_keeper_role_and_expiry(until: int, measured: str, passes: bool, words: str) -> None:
    guard = gate(f.with_treasury(f.market(), keeper_until=until), "keeper_role")
    assert (guard.measured, guard.verdict) == (measured, Verdict.PASS if passes else Verdict.REFUSE)
    assert words in guard.detail
    assert f.SIGNER in guard.detail


def test_one_transaction_at_a_time() -> None:
    guard = gate(f.market(open_intent=7), "open_transaction")
    assert (guard.measured, guard.verdict) == ("7", Verdict.REFUSE)
    assert "transaction 7" in guard.detail


@pytest.mark.parametrize(
    ("age", "limit", "expected"),
    [
        (36, 36, Verdict.PASS),
        (37, 36, Verdict.REFUSE),
        (-500, 36, Verdict.PASS),
        (10**6, 0, Verdict.SKIP),
    ],
)
def test_head_age_is_the_wall_clocks(age: int, limit: int, expected: Verdict) -> None:
    market = f.with_policy(f.market(head_age_seconds=age), max_head_age_seconds=limit)
    guard = gate(market, "head_age")
    assert (guard.measured, guard.limit, guard.verdict) == (str(age), str(limit) if limit else "off", expected)
    assert guard.detail == ("block 19000000 is 37s old" if expected is Verdict.REFUSE else "")


@pytest.mark.parametrize(("balance", "expected"), [(0, Verdict.REFUSE), (1, Verdict.PASS)])
def test_gas_needs_a_balance(balance: int, expected: Verdict) -> None:
    guard = gate(f.with_treasury(f.market(), keeper_balance=balance), "gas_balance")
    assert guard.verdict is expected
    assert guard.detail == ("" if balance else f"{f.SIGNER} has nothing to pay gas with")


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("0.985", Verdict.PASS),
        ("0.98499999", Verdict.REFUSE),
        ("1.015", Verdict.PASS),
        ("1.01500001", Verdict.REFUSE),
    ],
)
def test_a_stablecoin_off_its_peg_halts(price: str, expected: Verdict) -> None:
    guard = gate(f.with_asset(f.market(), 2, answer=f.answer(price)), "stablecoin_peg")
    assert (guard.verdict, guard.limit) == (expected, "0.985 to 1.015")
    assert guard.measured == price
    assert "USDC" in guard.detail


def test_the_peg_shows_the_coin_that_is_furthest_off() -> None:
    market = f.with_asset(f.market(), 0, symbol="DAI", answer=f.answer("0.99"))
    guard = gate(f.with_asset(market, 2, answer=f.answer("1.002")), "stablecoin_peg")
    assert (guard.measured, guard.detail, guard.verdict) == ("0.99", "DAI", Verdict.PASS)


def test_without_a_stablecoin_there_is_no_peg_to_watch() -> None:
    guard = gate(f.with_asset(f.market(), 2, symbol="DAO"), "stablecoin_peg")
    assert guard.verdict is Verdict.SKIP


# ------------------------------------------------------------------------------------------- token health


def test_code_that_changed_is_not_healthy() -> None:
    market = f.market()
    weth = market.treasury.assets[0]
    known = replace(market, known_code={weth.token: weth.code_hash})
    assert gate(known, "token_health").verdict is Verdict.PASS
    guard = gate(replace(market, known_code={weth.token: f.hash32(1)}), "token_health")
    assert (guard.measured, guard.limit, guard.verdict) == ("2", "3", Verdict.REFUSE)
    assert guard.detail == "WETH: its code has changed"


def test_a_balance_that_cannot_be_read_is_not_healthy() -> None:
    assert "WBTC: its balance cannot be read" in gate(f.hold(f.market(), WBTC=None), "token_health").detail


def test_a_token_whose_listed_pools_are_all_dead_is_not_healthy() -> None:
    assert "WETH: no listed pool has depth" in gate(f.with_venue(f.market(), 0, state=None), "token_health").detail


def test_one_living_pool_is_enough() -> None:
    market = f.with_venue(f.market(), 0, state=None)
    weth, _, usdc = market.treasury.assets
    second = f.v2_pool(2, weth, usdc, depth=1_000)
    market = f.with_treasury(market, venues=(*market.treasury.venues, second))
    assert gate(market, "token_health").verdict is Verdict.PASS


def test_a_token_that_was_never_given_a_pool_is_not_sick() -> None:
    market = f.market(of=f.fund(hub=f.address(3)))
    assert gate(f.with_venue(market, 0, enabled=False), "token_health").verdict is Verdict.PASS


@pytest.mark.parametrize(
    "out",
    [lambda m: f.aim(f.hold(m, WBTC=0), WBTC=0), lambda m: f.retire(m, 1), lambda m: f.retire(m, 1, balance=None)],
    ids=["neither wanted nor held", "retired", "retired and mute"],
)
def test_a_token_that_takes_no_part_may_be_as_sick_as_it_likes(out: Any) -> None:
    market = out(f.market())
    market = replace(market, known_code={market.treasury.assets[1].token: f.hash32(1)})
    guard = gate(market, "token_health")
    assert (guard.measured, guard.limit, guard.verdict) == ("2", "2", Verdict.PASS)


# ------------------------------------------------------------------------------------------------- moment


@pytest.mark.parametrize(
    ("ours", "theirs", "elapsed", "limit", "detail"),
    [
        (900, 600, 200, "900", "11m 40s left"),
        (600, 900, 200, "900", "11m 40s left"),
        (900, 600, 899, "900", "1s left"),
        (900, 600, 900, "900", ""),
    ],
)
def test_cooldown_is_the_longer_of_two_and_shows_what_is_left(
    ours: int, theirs: int, elapsed: int, limit: str, detail: str
) -> None:
    market = f.with_treasury(
        f.market(rules=f.policy(cooldown_seconds=ours)),
        last_rebalance=f.NOW - elapsed,
        limits=f.limits(cooldown_seconds=theirs),
    )
    guard = cooldown(market)
    assert (guard.measured, guard.limit, guard.unit, guard.detail) == (str(elapsed), limit, "s", detail)
    assert guard.verdict is (Verdict.REFUSE if detail else Verdict.PASS)


def test_a_fund_that_was_never_rebalanced_is_cool() -> None:
    guard = cooldown(f.with_treasury(f.market(), last_rebalance=0))
    assert (guard.measured, guard.verdict) == ("never rebalanced", Verdict.PASS)


def decided(market: Market, **rules: Any) -> GuardResult:
    market = f.with_policy(market, **rules)
    book = agree(market)
    assert isinstance(book, PriceBook)
    return drift_guard(decide(value(market, book), market), market)


def test_drift_passes_when_it_is_enough_to_trade() -> None:
    guard = decided(f.hold(f.market(), WETH=260))
    assert (guard.name, guard.measured, guard.limit) == ("drift_threshold", "16.0714", "5")
    assert (guard.unit, guard.verdict) == ("% of target", Verdict.PASS)
    assert "WETH is 16.07 % over target, threshold 5 %" in guard.detail


def test_drift_below_the_threshold_is_no_fault() -> None:
    guard = decided(f.hold(f.market(), WETH=201), drift_mode=f.DriftMode.ABSOLUTE)
    assert (guard.verdict, guard.unit) == (Verdict.SKIP, "% of NAV")
    assert guard.detail.startswith("largest drift: WETH is 0.12 % of NAV over target")


@pytest.mark.parametrize(("base", "tip", "expected"), [(99, 1, Verdict.PASS), (99, 2, Verdict.REFUSE)])
def test_gas_beyond_the_cap_waits(base: int, tip: int, expected: Verdict) -> None:
    guard = check_gas(f.market(), f.Wei(base * 10**9), f.Wei(tip * 10**9))
    assert (guard.name, guard.measured, guard.limit, guard.unit) == ("max_gas_price", str(base + tip), "100", "gwei")
    assert guard.verdict is expected


def test_measures_are_text_without_binary_noise() -> None:
    market = f.hold(f.market(), WETH=260)
    for guard in (*gates(market, agree(market)), cooldown(market), decided(market)):
        for text in (guard.measured, guard.limit):
            assert "e-" not in text.lower()
            assert not text.endswith(".0")
    assert gate(f.with_treasury(market, keeper_balance=f.units("0.1")), "gas_balance").measured == "0.1"
    assert Decimal(gate(market, "gas_balance").measured) == 1
