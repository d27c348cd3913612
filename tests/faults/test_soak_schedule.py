"""What a seed makes of a soak, and what a soak must have shown."""

from collections import Counter
from decimal import Decimal

import pytest

from tests.faults.kit import rules
from tests.faults.kit.jsonrpc import Call
from tests.faults.soak import happenings, rpc_faults
from tests.faults.soak.schedule import POINTS, PRICES, AtState, AtStep, schedule
from tests.faults.soak.tally import EVERY_KIND, FIRED, KILLED, KILLED_OPEN, MANY, Tally

pytestmark = pytest.mark.unit


def test_a_seed_is_a_schedule() -> None:
    assert schedule(7, 100, faults=True) == schedule(7, 100, faults=True)
    assert schedule(7, 100, faults=True) != schedule(8, 100, faults=True)
    assert schedule(7, 100, faults=True)[:20] == schedule(7, 20, faults=True)


def test_without_faults_only_the_market_moves() -> None:
    for cycle in schedule(7, 50, faults=False):
        assert (cycle.faults, cycle.happening, cycle.kill) == ((), None, None)


@pytest.mark.parametrize("seed", range(20))
def test_every_move_is_worth_a_trade_and_none_leads_away(seed: int) -> None:
    prices = dict(PRICES)
    for cycle in schedule(seed, 200, faults=True):
        assert abs(cycle.price / prices[cycle.symbol] - 1) >= Decimal("0.1")
        assert Decimal("0.5") < cycle.price / PRICES[cycle.symbol] < Decimal(2)
        prices[cycle.symbol] = cycle.price


@pytest.mark.parametrize("seed", range(20))
def test_a_long_one_deals_every_kind_more_often_than_it_must_fire(seed: int) -> None:
    cycles = schedule(seed, MANY, faults=True)
    dealt = Counter(fault.kind for cycle in cycles for fault in cycle.faults)
    dealt.update(cycle.happening for cycle in cycles if cycle.happening is not None)
    dealt.update(cycle.kill.kind for cycle in cycles if cycle.kill is not None)
    assert set(dealt) == set(EVERY_KIND)
    assert min(dealt.values()) > FIRED
    assert sum(cycle.kill is not None for cycle in cycles) > 2 * KILLED


def test_three_reverts_come_in_a_row_within_a_day() -> None:
    cycles = schedule(7, MANY, faults=True)
    first = next(cycle.number for cycle in cycles if cycle.happening == happenings.MOVED_BACK)
    row = cycles[first : first + 3]
    assert [cycle.happening for cycle in row] == [happenings.MOVED_BACK] * 3
    assert sum(cycle.hours for cycle in row[1:]) < 24


def test_kinds_are_told_apart() -> None:
    assert len(set(EVERY_KIND)) == len(EVERY_KIND)
    assert len({AtStep(*point).kind for point in POINTS}) == len(POINTS)
    assert AtState(None, 0).kind != AtState("sent", 0).kind


def test_every_kind_of_rule_of_the_kit_is_used() -> None:
    """One that the kit gets later is added here, or left out with a reason."""
    there = {
        name
        for name, each in vars(rules).items()
        if isinstance(each, type) and issubclass(each, (rules.OfCall, rules.OfExchange)) and "Of" not in name
    }
    used = {type(kind.make()).__name__ for kind in rpc_faults.KINDS.values()}
    assert {"Drop", "Stale"} <= there  # the search finds them
    assert there <= used


def test_a_rule_lets_some_pass_first() -> None:
    rule = rpc_faults.rule("null", rpc_faults.SEND, 1, 2)
    sent = Call(rpc_faults.SEND, ["0x"], 1)
    assert [rule.matches(sent) for _ in range(4)] == [False, False, True, True]


def test_only_the_newest_head_is_stale() -> None:
    rule = rpc_faults.rule("stale head", rpc_faults.HEAD, 1, 0)
    assert not rule.matches(Call(rpc_faults.HEAD, ["0x5", False], 1))
    assert rule.matches(Call(rpc_faults.HEAD, ["latest", False], 1))


def full() -> Tally:
    """Of a long soak that has shown everything, just so."""
    tally = Tally(seed=1, faults=True, cycles=MANY, kills=KILLED, chain={"rebalanced": 200})
    tally.fired.update(dict.fromkeys(EVERY_KIND, FIRED))
    tally.found_open["sent"] = KILLED_OPEN
    return tally


def test_a_long_soak_must_have_shown_everything() -> None:
    assert full().holds
    for kind in EVERY_KIND:
        tally = full()
        tally.fired[kind] -= 1
        assert tally.shortfalls() == [f"{kind}: {FIRED - 1}, not {FIRED}"]
        assert not tally.holds
    tally = full()
    tally.kills -= 1
    tally.found_open["sent"] -= 1
    tally.chain["rebalanced"] -= 1
    assert len(tally.shortfalls()) == 3


def test_a_difference_is_enough() -> None:
    tally = full()
    tally.differences.append("one")
    assert not tally.holds
    assert tally.as_json()["holds"] is False


@pytest.mark.parametrize("faults", [True, False])
def test_a_short_one_must_have_traded(faults: bool) -> None:
    assert Tally(seed=1, faults=faults, cycles=20, chain={"rebalanced": 8}).holds
    assert not Tally(seed=1, faults=faults, cycles=20, chain={"rebalanced": 7}).holds
    assert not Tally(seed=1, faults=faults).holds
