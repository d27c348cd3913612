"""A fund of cash under the contract's default limits, on a chain of its own: days to the targets, never a revert."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from keeper.core.setup.config import LimitsConfig
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY, default_config
from scripts.localchain.lockstep import Lockstep, Step
from tests.e2e.keepers import Keeper, nonce
from tests.e2e.nursery import Nursery
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import assert_every_plan_happened_once, finish

pytestmark = pytest.mark.e2e

HOUR = 3_600
PAUSE = 9 * HOUR + 900
"""In which nearly 2 of the bucket's 5 bps come back: with what a plan leaves, half a bucket."""
TARGETS = {"WETH": 3_000, "WBTC": 2_000, "USDC": 5_000}


@pytest.fixture(scope="module")
def cash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    config = default_config()
    fund = replace(
        config.funds[0],
        targets=TARGETS,
        holdings={"WETH": 0, "WBTC": 0, "USDC": 10_000},
        limits=LimitsConfig(),
    )
    with local_chain(tmp_path_factory.mktemp("chain"), replace(config, funds=(fund,))) as chain:
        chain.node.automine()
        yield chain


def outcomes(chain: LocalChain) -> list[tuple[int, Any]]:
    """Time and event of every rebalance."""
    witness = Witness(chain)
    logs = witness.treasury.events.Rebalanced().get_logs(from_block=0)
    return [(witness.web3.eth.get_block(log.blockNumber)["timestamp"], log.args) for log in logs]


def test_a_first_allocation_under_the_default_limits(cash: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    keeper = Keeper.of(cash, tmp_path / "keeper", nursery)
    with keeper.running() as child:
        keeper.query_until("SELECT * FROM transaction_intent")
        finish(cash, keeper)
        market = keeper.lockstep(cash, child)
        waiting = market.cycle(Step("an hour later", cash.node.head()[1] + HOUR, {}))
        actions = until_held(market, cash)
    assert waiting.action == "held"
    assert set(actions[:-1]) == {"submitted"}, "half a bucket every time"

    reason = keeper.rows("SELECT reason FROM decision WHERE seq = ?", waiting.seq)[0]["reason"]
    assert reason.startswith("nothing to trade: the loss budget left is too small: 1.")
    assert "of NAV left of 5 bps, enough to go on at 20" in reason
    last = keeper.rows("SELECT reason FROM decision ORDER BY seq DESC LIMIT 1")[0]["reason"]
    assert last.startswith("largest drift: ")
    assert last.endswith("threshold 5 %")
    assert keeper.rows("SELECT * FROM decision WHERE action NOT IN ('held', 'submitted')") == []
    assert keeper.rows("SELECT * FROM alert WHERE kind <> 'high_gas_cost'") == []

    done = outcomes(cash)
    assert 9 <= len(done) <= 13, "50 % of NAV at 0.3 % and 0.15 % of impact: 22 bps, 3.8 at once and then 2 each"
    assert nonce(cash) == len(done), "no transaction but these"
    assert assert_every_plan_happened_once(cash, keeper) == len(done)
    errors = [event.teBefore for _, event in done] + [done[-1][1].teAfter]
    assert errors == sorted(set(errors), reverse=True)
    assert errors[0] == 10**24, "half of two million"
    assert errors[-1] < errors[0] // 20
    assert_within_their_budgets(done)

    status = keeper("status")
    assert "budgets then: loss " in status.stdout
    assert " bps of NAV left of 5 bps, full again at 20" in status.stdout
    assert "the treasury's budgets: loss " in keeper("plan").stdout
    assert Decimal(keeper("plan", "--json").json["budgets"]["loss"]["cap_bps"]) == 5
    assert keeper.leaks() == []


def later(chain: LocalChain, seconds: int) -> Step:
    return Step("later", chain.node.head()[1] + seconds, {})


def until_held(market: Lockstep, chain: LocalChain) -> list[str]:
    """The rest of the way; it ends on the targets, or here."""
    actions: list[str] = []
    while not actions or (actions[-1] == "submitted" and len(actions) < 15):
        actions.append(market.cycle(later(chain, PAUSE)).action)
    assert actions[-1] == "held"
    return actions


def assert_within_their_budgets(done: list[tuple[int, Any]]) -> None:
    """`cap * (1 + T / window)` between any two rebalances."""
    for first, (start, _) in enumerate(done):
        for last in range(first, len(done)):
            window = 1 + Fraction(done[last][0] - start, DAY)
            events = [event for _, event in done[first : last + 1]]
            assert sum(Fraction(event.loss, event.navBefore) for event in events) <= Fraction(5, 10_000) * window
            assert sum(Fraction(event.turnover, event.navBefore) for event in events) <= Fraction(1, 4) * window
