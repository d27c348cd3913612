"""`scripts/devnet` as a process: what it prints, what a fork reuses, and that nothing is left of it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.localchain import published
from scripts.localchain.audit import nav
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY
from scripts.localchain.rpc import Rpc
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-m", "scripts.localchain.devnet", "--json"]
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def devnet(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running devnet and what it printed."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield process, json.loads(line)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def refused(*arguments: str) -> str:
    """What a devnet that must not start says."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr


def descendants(pid: int) -> list[int]:
    """Children of a process, by /proc."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    """Ended, reaped or not."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(tmp_path: Path, how: signal.Signals) -> None:
    with devnet("--state-dir", str(tmp_path)) as (process, said):
        anvil = descendants(process.pid)
        assert len(anvil) == 1
        os.kill(process.pid, how)
        assert process.wait(timeout=10) == (-how if how is signal.SIGKILL else 0)
        assert eventually(lambda: gone(anvil[0]))
        port = int(said["rpc_url"].rsplit(":", 1)[1])
        assert eventually(lambda: not answers(port))


def test_it_makes_blocks_moves_prices_and_keeps_its_folder_to_itself(tmp_path: Path) -> None:
    with devnet("--state-dir", str(tmp_path), "--block-time", "1", "--market", "1") as (_, said):
        rpc = Rpc(said["rpc_url"])
        assert int(rpc.call("eth_chainId"), 16) == said["chain_id"] == 31337
        first = int(rpc.call("eth_blockNumber"), 16)
        assert eventually(lambda: int(rpc.call("eth_blockNumber"), 16) >= first + 2)
        latest = "latestRoundData()(uint80,int256,uint256,uint256,uint80)"
        assert eventually(lambda: rpc.view(said["feeds"]["WETH"], latest)[1] != 3000 * 10**8)
        assert said["environment"]["TREASURY_ADDRESS"] in said["treasuries"].values()
        assert Path(said["environment_file"]).read_text().startswith("RPC_URL=")
        assert len(said["deployed"]) > 30
        assert said["reused"] == []
        assert "another local chain uses" in refused("--state-dir", str(tmp_path))
        rpc.close()


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused("--state-dir", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert said.startswith("error: Anvil did not start")
    assert said.count("\n") == 1


def test_an_unreachable_chain_cannot_be_forked(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    said = refused("--state-dir", str(tmp_path), "--fork-url", url)
    assert said.startswith("error: Anvil did not start")
    assert said.count("\n") == 1


def test_a_fork_reuses_everything_and_goes_on_from_there(chain: LocalChain, tmp_path: Path) -> None:
    """Also a chain whose market has moved and whose clock is ahead: prices, holdings and time are taken over."""
    prices = {token.symbol: token.spec.price * 2 for token in chain.deployment.tokens if not token.spec.pegged}
    chain.market.step(prices, at=chain.node.head()[1] + DAY)
    treasury = chain.deployment.treasuries[0]
    worth = nav(chain.node, treasury)
    with devnet("--state-dir", str(tmp_path), "--fork-url", chain.url) as (_, said):
        assert said["deployed"] == []
        assert sorted(said["reused"]) == sorted(chain.deployment.deployed)
        assert said["treasuries"] == {treasury.spec.name: treasury.address}
        rpc = Rpc(said["rpc_url"])
        assert int(rpc.call("eth_chainId"), 16) == 31337
        assert rpc.view(treasury.address, "nav()(uint256)") // 10**18 == worth.__floor__()
        assert int(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) >= chain.node.head()[1]
        rpc.close()


def test_a_fork_deploys_only_what_its_chain_lacks(chain: LocalChain, tmp_path: Path) -> None:
    """A config with one more fund: its treasury is deployed, all else is found; the old fund's role is left alone."""
    config = chain.deployment.config
    second = type(config.funds[0])("Second Index", "SEC", config.funds[0].size_usd, {"WETH": 5000, "USDC": 5000})
    bigger = type(config)(config.assets, config.pools, (*config.funds, second))
    before = chain.node.head()[0]
    with local_chain(tmp_path, bigger, fork_url=chain.url) as fork:
        assert fork.deployment.deployed == ("treasury Second Index",)
        assert fork.node.rpc.view(fork.deployment.treasuries[1].address, "totalSupply()(uint256)") > 0
        assert fork.deployment.treasuries[0].address == chain.deployment.treasuries[0].address
    assert chain.node.head()[0] == before


def test_a_fork_of_a_public_chain_uses_the_uniswap_that_stands_there(chain: LocalChain, tmp_path: Path) -> None:
    """The published addresses are given the code of ours: their factories are then ours, and so are all pools."""
    dex = chain.deployment.uniswap
    places = {
        published.V2_ROUTER: dex.v2_router,
        published.V3_ROUTER: dex.v3_router,
        published.QUOTER: dex.quoter,
        published.POSITIONS: dex.positions,
    }
    for address, source in places.items():
        chain.node.rpc.call("anvil_setCode", address, chain.node.rpc.call("eth_getCode", source, "latest"))
    with local_chain(tmp_path, chain.deployment.config, fork_url=chain.url) as fork:
        adopted = fork.deployment.uniswap
        assert [adopted.v2_router, adopted.v3_router, adopted.quoter, adopted.positions] == list(places)
        assert (adopted.weth, adopted.v2_factory, adopted.v3_factory) == (dex.weth, dex.v2_factory, dex.v3_factory)
        assert fork.deployment.deployed == ()
        prices = {token.symbol: token.spec.price * 2 for token in fork.deployment.tokens if not token.spec.pegged}
        assert fork.market.step(prices, at=fork.node.head()[1] + DAY).swaps > 5


def test_half_a_uniswap_at_the_published_addresses_is_not_used(chain: LocalChain) -> None:
    code = chain.node.rpc.call("eth_getCode", chain.deployment.uniswap.v3_router, "latest")
    chain.node.rpc.call("anvil_setCode", published.V3_ROUTER, code)
    chain.node.rpc.call("anvil_setCode", published.V2_ROUTER, "0x60006000fd")  # reverts, whatever it is asked
    assert published.look(chain.node) == published.Published(None, None, None)
