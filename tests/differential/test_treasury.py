"""The shipped treasury on Anvil against the naive reference: every figure, every refusal, equal to the unit.

A state is a drawn fund: decimals, prices, bounds, ages, balances, targets, limits, supply. It is asked for all its
views, minted, redeemed, reweighted and rebalanced through venues that pay what they are told. A failure names the
seed of the state, the state, and each figure that is off with both values.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.differential.drawing import DAY, Draw
from tests.differential.scenes import Scene
from tests.differential.stage import Script
from tests.differential.theatre import GENESIS, Theatre, open_theatre

pytestmark = pytest.mark.differential

PARTS, STATES = 4, 2_500
DEEP_STATES = 200_000
BLOCKS, DEEP_BLOCKS = 120, 2_500
_ASSETS_OF_A_CALL = 300  # so many fit the gas of one call several times over
_FREQUENCIES = (
    5,
    20,
    25,
    20,
    20,
    10,
    3,
    1,
    2,
)  # of the treasuries, by number of assets; the last one has no shares yet

ALONE = {
    *("mint", "redeem", "shift", "rebalance"),
    *("NotSeeded", "NoShares", "MaxIn", "MinRedeemed", "ERC20InsufficientBalance", "Panic"),
    *("WeightTooBig", "ShiftBudget", "BadPrice", "StalePrice", "BadId", "NoDrift", "NoProgress", "LossBudget"),
    *("TurnoverBudget", "IsRetired", "NotBuyable", "TradeTooBig", "MinOut", "Slippage", "BadCallback"),
}
"""What must have happened among the states that are played alone; a fund's first rebalance needs no cooldown."""


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    with open_theatre(tmp_path / "anvil.log") as opened:
        yield opened


@pytest.mark.parametrize("part", range(PARTS))
def test_states_that_are_played_alone(theatre: Theatre, part: int) -> None:
    seen = _play_alone(theatre, f"part {part}", STATES)
    assert set(seen) >= ALONE, f"never drawn: {ALONE - set(seen)}"
    assert seen["rebalance"] > STATES // 10


def test_states_that_follow_each_other_in_time(theatre: Theatre) -> None:
    """The same funds over years: what a bucket has given comes back, to the unit."""
    seen = _play_on(theatre, "history", BLOCKS)
    assert set(seen) >= ALONE | {"Cooldown"}, f"never drawn: {ALONE - set(seen)}"
    assert seen["rebalance"] > BLOCKS


@pytest.mark.deep
def test_many_more_states(theatre: Theatre) -> None:
    _play_alone(theatre, "deep", DEEP_STATES)
    _play_on(theatre, "deep history", DEEP_BLOCKS)


def _play_alone(theatre: Theatre, seed: str, count: int) -> Counter[str]:
    """Each state starts from the untouched fund; hundreds are one call."""
    chance, seen = Draw(seed), Counter[str]()
    at, number = GENESIS + DAY, 0
    while number < count:
        at += chance.between(1, 3 * DAY)
        theatre.node.mine(timestamp=at)
        scripts: list[Script] = []
        assets = 0
        while number < count and assets < _ASSETS_OF_A_CALL:
            (treasury,) = chance.random.choices(theatre.treasuries, _FREQUENCIES)
            scene = Scene(theatre, treasury.address, treasury.fund.copy(), at, f"{seed}, state {number}")
            scripts.append(_played(scene, seen))
            assets, number = assets + len(treasury.fund.assets), number + 1
        _require_no_differences(scripts, theatre.rehearse)
    return seen


def _play_on(theatre: Theatre, seed: str, blocks: int) -> Counter[str]:
    """A transaction per fund and block, whose end is the next one's start."""
    chance, seen = Draw(seed), Counter[str]()
    funds = {treasury.address: treasury.fund for treasury in theatre.treasuries if len(treasury.fund.assets) <= 16}
    at = GENESIS + DAY
    for block in range(blocks):
        at += chance.random.choice((1, 12, 900, 3_600, DAY, chance.between(1, 40 * DAY)))
        scripts = []
        for address in funds:
            scene = Scene(theatre, address, funds[address], at, f"{seed}, block {block}, fund {address:x}")
            scripts.append(_played(scene, seen))
            funds[address] = scene.fund
        _require_no_differences(scripts, lambda played, time=at: theatre.perform(played, time))  # type: ignore[misc]
    return seen


def _played(scene: Scene, seen: Counter[str]) -> Script:
    scene.play()
    seen.update(scene.seen)
    return scene.script


def _require_no_differences(scripts: Sequence[Script], play: Callable[[Sequence[Script]], list[list[str]]]) -> None:
    for script, differences in zip(scripts, play(scripts), strict=True):
        if differences:
            found = "\n  ".join(differences)
            pytest.fail(f"{len(differences)} figures differ:\n  {found}\n{script.story}", pytrace=False)
