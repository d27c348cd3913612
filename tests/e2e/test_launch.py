"""A fund launched on a real chain: seeded, its shares with those who stand on the list; what is refused."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.localchain.chain import LocalChain
from scripts.localchain.tokens import set_answer
from tests.e2e.launching import ALICE, DUE, SHARE, THREE, inviting_operator, treasury_of, view
from tests.e2e.nursery import Nursery
from tests.e2e.setups import DEAD, Operator, holders
from tests.e2e.stingy import stingy_node

pytestmark = pytest.mark.e2e


@pytest.fixture
def operator(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Operator:
    return inviting_operator(chain, tmp_path, nursery)


def test_three_investors(operator: Operator) -> None:
    done = operator.launch("--json")
    assert done.code == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    treasury = treasury_of(operator)
    assert told["complete"] is True
    assert told["treasury"] == treasury
    assert told["nav_usd_e18"] == str(800_000 * SHARE)
    assert told["share_price_usd_e18"] == str(800_000 * SHARE * SHARE // (sum(DUE.values()) + 10**6))
    assert told["tracking_error_bps"] == "250.0000"  # 37.5, 37.5 and 25 % against 40, 35 and 25
    assert operator.received(treasury) == DUE
    assert view(operator, "totalSupply()(uint256)") == sum(DUE.values()) + 10**6
    assert view(operator, "balanceOf(address)(uint256)", DEAD) == 10**6
    assert view(operator, "balanceOf(address)(uint256)", operator.deployer.address) == 0
    batch = told["batches"][0]["contract"]
    assert view(operator, "allowance(address,address)(uint256)", operator.deployer.address, batch) == 0
    for symbol in ("WETH", "WBTC", "USDC"):
        token = operator.token(symbol).address
        rpc = operator.chain.node.rpc
        assert rpc.view(token, "allowance(address,address)(uint256)", operator.deployer.address, treasury) == 0
        assert rpc.view(token, "balanceOf(address)(uint256)", operator.deployer.address) == 0
    assert operator.record()["launch"]["complete"] is True
    assert f"next: keeper handover --config {operator.folder / 'fund.toml'}" in done.stdout


def test_again_sends_nothing(operator: Operator) -> None:
    assert operator.launch().code == 0
    before = operator.chain.node.rpc.call("eth_getTransactionCount", operator.deployer.address, "pending")
    done = operator.launch("--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["transactions"] == []
    assert operator.chain.node.rpc.call("eth_getTransactionCount", operator.deployer.address, "pending") == before
    assert operator.received(treasury_of(operator)) == DUE


def test_a_dry_run_shows_it_all_and_needs_no_key(operator: Operator) -> None:
    address = operator.deployer.address
    done = operator.launch("--dry-run", "--json", DEPLOYER_PRIVATE_KEY="", DEPLOYER_ADDRESS=address)
    assert done.code == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["dry_run"], told["seeded"], told["complete"]) == (True, False, False)
    assert told["nav_usd_e18"] == str(800_000 * SHARE)
    assert "nothing was sent" in done.stdout
    assert view(operator, "totalSupply()(uint256)") == 0
    assert operator.launch("--dry-run", DEPLOYER_PRIVATE_KEY="").code == 0  # the record says whose it is


def test_four_hundred_and_fifty_investors(operator: Operator) -> None:
    people = holders(450, "many")
    operator.invite({person: f"{number + 1}.25" for number, person in enumerate(people)})
    done = operator.launch("--json")
    assert done.code == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert [batch["investors"] for batch in told["batches"]] == [200, 200, 50]
    due = {person: (number + 1) * SHARE + SHARE // 4 for number, person in enumerate(people)}
    assert operator.received(treasury_of(operator)) == due
    assert max(sent["gas_used"] for sent in told["transactions"]) < 7_000_000


def test_a_node_that_serves_few_logs_at_a_time_is_enough(operator: Operator) -> None:
    with stingy_node(operator.chain.url, 3) as gateway:
        done = operator.launch(RPC_URL=gateway.url)
    assert done.code == 0, done.stderr
    assert operator.received(treasury_of(operator)) == DUE


def test_without_logs_nobody_is_paid(operator: Operator) -> None:
    with stingy_node(operator.chain.url, 0) as gateway:
        done = operator.launch(RPC_URL=gateway.url)
    assert done.code == 3
    assert "who was paid cannot be told" in done.stderr
    assert view(operator, "totalSupply()(uint256)") == 0


def test_what_is_missing_is_told_at_once_and_nothing_is_sent(
    chain: LocalChain, tmp_path: Path, nursery: Nursery
) -> None:
    operator = Operator.of(chain, tmp_path / "operator", nursery)
    operator.invite(THREE)
    done = operator.launch()
    assert done.code == 3
    assert "`keeper deploy` first" in done.stderr
    operator.deploy()
    before = chain.node.rpc.call("eth_getTransactionCount", operator.deployer.address, "pending")
    done = operator.launch()
    assert done.code == 3
    for symbol, amount in (("WETH", 100), ("WBTC", 5), ("USDC", 200_000)):
        assert f"seed: the deployer holds 0 {symbol}, the seed takes {amount} {symbol}" in done.stderr
    assert chain.node.rpc.call("eth_getTransactionCount", operator.deployer.address, "pending") == before
    assert "launch" not in operator.record()
    done = operator.launch("--dry-run")
    assert done.code == 3
    assert len(done.errors) == 3


def test_a_wrong_list_is_refused_with_every_mistake(operator: Operator) -> None:
    path = operator.invite({ALICE: "0", "0x12": "1"})
    done = operator.launch(investors=path)
    assert done.code == 2
    assert len(done.errors) == 2
    operator.invite({treasury_of(operator): "1", operator.deployer.address: "1"})
    done = operator.launch()
    assert done.code == 2
    assert done.errors == [
        f"line 2: {treasury_of(operator)} is the treasury itself",
        f"line 3: {operator.deployer.address} is the deployer, who keeps no shares",
    ]


def test_a_seed_that_was_changed_is_refused(operator: Operator) -> None:
    assert operator.launch().code == 0
    operator.configure(seed={"WETH": "101", "WBTC": "5", "USDC": "200000"})
    done = operator.launch()
    assert done.code == 3
    assert "the fund was seeded with other amounts: 100 WETH, not 101 WETH" in done.stderr


def test_a_dead_feed_stops_the_seed(operator: Operator) -> None:
    token = operator.token("WBTC")
    operator.chain.node.execute([set_answer(token, Decimal(2_000_000))])
    operator.chain.node.automine()
    done = operator.launch()
    assert done.code == 3
    assert "value of WBTC" in done.stderr
    assert view(operator, "totalSupply()(uint256)") == 0
