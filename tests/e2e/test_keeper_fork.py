"""A keeper that is stopped on one chain and started again on its fork goes on where it was."""

from decimal import Decimal
from pathlib import Path

import pytest

from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.lockstep import Step
from tests.e2e.keepers import Keeper, with_key
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import assert_every_plan_happened_once, finish

pytestmark = pytest.mark.e2e

HOUR = 3600


def test_the_same_books_go_on_against_a_fork(chain: LocalChain, keeper: Keeper, tmp_path: Path) -> None:
    keeper.environment["INTERVAL_MINUTES"] = "1"
    with keeper.running() as child:
        market = keeper.lockstep(chain, child)
        keeper.query_until("SELECT * FROM decision")
        start = chain.node.head()[1]
        assert market.cycle(Step("rise", start + 2 * HOUR, {"WETH": Decimal(4000)})).action == "submitted"
    before = chain.node.head()[0]
    treasury = chain.deployment.treasuries[0].address
    with local_chain(tmp_path / "fork", chain.deployment.config, fork_url=chain.url) as fork:
        assert fork.deployment.deployed == ()
        assert fork.deployment.treasuries[0].address == treasury
        fork.node.automine()
        assert Witness(fork).last_id() == 1
        with keeper.running(RPC_URL=with_key(fork.url)) as child:
            # not yet: the first rebalance happened on the other chain, its cooldown holds on this one
            soon = fork.node.head()[1] + 120
            fork.market.step({"WETH": Decimal(3700)}, at=soon)  # less than a jump that has to be seen twice
            blocked = keeper.query_until("SELECT * FROM decision WHERE action = 'blocked'")
            assert "cooldown" in blocked["reason"]
            assert blocked["block_timestamp"] >= soon
            going_on = keeper.lockstep(fork, child)
            assert going_on.cycle(Step("later", soon + HOUR, {})).action == "submitted"
            finish(fork, keeper)
        assert assert_every_plan_happened_once(fork, keeper) == 2
        assert keeper("doctor", RPC_URL=with_key(fork.url)).code == 0
    assert chain.node.head()[0] == before
    assert len(Witness(chain).rebalances()) == 1
    assert len(keeper.rows("SELECT * FROM index_fund")) == 1
