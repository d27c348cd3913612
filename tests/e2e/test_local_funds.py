"""Funds of the local chain are set up by the three commands: their files and records, forks, and a second start."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from keeper.adapters.config_file import read_fund_config
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.signer import LocalSigner
from keeper.core.setup.investors import DEAD_SHARES
from keeper.wiring.setup import deploy_fund
from scripts.localchain import accounts, fund, tokens
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY, FundSpec
from scripts.localchain.fund_files import FundFiles
from scripts.localchain.node import TransactionFailed
from scripts.localchain.rpc import RpcError
from tests.e2e.keepers import Keeper
from tests.e2e.nursery import Nursery

pytestmark = pytest.mark.e2e

SECOND = FundSpec("Second Index", "SEC", Decimal(60_000), {"WETH": 5_000, "USDC": 5_000})
TERM = 30 * DAY


def supply(chain: LocalChain, treasury: str) -> int:
    return int(chain.node.rpc.view(treasury, "totalSupply()(uint256)"))


def until(chain: LocalChain, treasury: str) -> int:
    return int(chain.node.rpc.view(treasury, "keeperUntil(address)(uint64)", accounts.KEEPER))


def test_the_commands_find_nothing_left_to_do(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    """With the files as they lie in the chain's folder; nothing of the deployer's is left either."""
    treasury = chain.deployment.treasuries[0]
    records = treasury.files.config.parents[1] / fund.RECORDS
    (tmp_path / "person").mkdir()
    environment = {"RPC_URL": chain.url, "CHAIN_ID": "31337", "DEPLOYER_ADDRESS": accounts.DEPLOYER}
    keeper = Keeper(tmp_path / "person", environment, nursery)
    options = ["--config", str(treasury.files.config), "--records", str(records), "--json"]
    deployed = keeper("deploy", "--dry-run", *options)
    launched = keeper("launch", "--dry-run", "--investors", str(treasury.files.investors), *options)
    checked = keeper("handover", "--check", *options)
    assert (deployed.code, launched.code, checked.code) == (0, 0, 0), deployed.stderr + launched.stderr + checked.stderr
    assert json.loads(deployed.stdout.splitlines()[-1])["treasury"] == treasury.address
    assert json.loads(deployed.stdout.splitlines()[-1])["calls"] == []
    assert json.loads(launched.stdout.splitlines()[-1])["complete"] is True
    assert [step.command for step in treasury.steps] == ["keeper deploy", "keeper launch", "keeper handover"]
    assert supply(chain, treasury.address) == 2_000_000 * 10**18
    shares = [chain.node.rpc.view(treasury.address, "balanceOf(address)(uint256)", who) for who in accounts.HOLDERS]
    assert shares == [1_500_000 * 10**18, 500_000 * 10**18 - DEAD_SHARES]
    assert tokens.balances_of(chain.node, treasury.tokens, accounts.DEPLOYER) == [0] * len(treasury.tokens)


def test_a_fork_without_a_record_is_found_and_its_old_roles_and_feeds_are_renewed(
    chain: LocalChain, tmp_path: Path
) -> None:
    treasury = chain.deployment.treasuries[0].address
    chain.node.mine(timestamp=chain.node.head()[1] + 20 * DAY)
    assert until(chain, treasury) < chain.node.head()[1] + TERM // 2
    with local_chain(tmp_path, chain.deployment.config, fork_url=chain.url) as fork:
        assert fork.deployment.deployed == ()
        assert fork.deployment.treasuries[0].address == treasury
        assert fork.deployment.treasuries[0].steps == ()
        assert abs(until(fork, treasury) - fork.node.head()[1] - TERM) < 60
        assert fork.node.rpc.view(treasury, "nav()(uint256)") // 10**18 in (1_999_999, 2_000_000)


def test_a_half_made_fund_is_finished(chain: LocalChain, tmp_path: Path) -> None:
    """Deployed, then the process died and its record with it."""
    files = FundFiles.write(SECOND, chain.deployment.ground, tmp_path / "first")
    config = read_fund_config(files.config)
    signer = LocalSigner(accounts.deployer_key(), 31337)

    async def deploy() -> str | None:
        async with EthereumChain(chain.url, 31337) as node:
            return (await deploy_fund(config, node, signer, folder=tmp_path / "first")).treasury

    begun = asyncio.run(deploy())
    (treasury,) = fund.set_up(chain.node, chain.deployment.ground, [SECOND], tmp_path / "second")
    chain.node.automine()
    assert treasury.address == begun
    assert treasury.steps[0].sent == ()
    assert supply(chain, treasury.address) == 60_000 * 10**18
    (again,) = fund.set_up(chain.node, chain.deployment.ground, [SECOND], tmp_path / "third")
    assert (again.address, again.steps) == (begun, ())


def test_a_fund_that_cannot_be_is_one_line_with_its_name(chain: LocalChain, tmp_path: Path) -> None:
    heavy = replace(SECOND, targets={"WETH": 6_000, "USDC": 4_000})
    with pytest.raises(TransactionFailed, match=r"^Second Index: .*target_bps: 6000 is above limits.max_weight_bps"):
        fund.set_up(chain.node, chain.deployment.ground, [heavy], tmp_path)


def test_a_folder_is_used_again_for_the_next_chain(chain: LocalChain, tmp_path: Path) -> None:
    """The first one's record is of transactions that the second one never saw."""
    config = replace(chain.deployment.config, funds=(SECOND,))
    treasuries = []
    for _ in range(2):
        with local_chain(tmp_path, config, genesis_timestamp=1_700_000_000) as opened:
            treasuries.append(opened.deployment.treasuries[0])
            assert supply(opened, treasuries[-1].address) == 60_000 * 10**18
    assert treasuries[0].address == treasuries[1].address
    assert [len(treasury.steps) for treasury in treasuries] == [3, 3]


def test_a_batch_that_is_too_large_for_the_node_is_one_line(chain: LocalChain) -> None:
    request = ("eth_call", [{"to": accounts.OWNER, "data": "0x" + "00" * 30_000}, "latest"])
    with pytest.raises(RpcError, match="eth_call"):
        chain.node.rpc.batch([request] * 100)
