"""An operator who sets a fund up in a test: configuration, keys, lists, the commands."""

import contextlib
import csv
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.adapters.deployments import DeploymentRecord
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.entrypoints.cli.main import main
from scripts.localchain import accounts
from scripts.localchain.anvil import MNEMONIC
from scripts.localchain.chain import LocalChain
from scripts.localchain.tokens import Token, grant
from tests.e2e.keepers import Done, Keeper
from tests.e2e.nursery import Nursery
from tests.e2e.onchain import ERC20

DEAD = "0x000000000000000000000000000000000000dEaD"
SEED = {"WETH": "100", "WBTC": "5", "USDC": "200000"}  # 300,000 + 300,000 + 200,000 USD
TARGETS = {"WETH": 4_000, "WBTC": 3_500, "USDC": 2_500}


def anvil_account(number: int) -> LocalAccount:
    """One of Anvil's own, with coins."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}")
    return account


@dataclass
class Operator:
    """Everything is in `folder`; `keeper` runs the commands with the deployer's key in the environment."""

    chain: LocalChain
    folder: Path
    keeper: Keeper
    deployer: LocalAccount
    owner: str

    @classmethod
    def of(cls, chain: LocalChain, folder: Path, nursery: Nursery, owner: str | None = None) -> "Operator":
        folder.mkdir(parents=True)
        deployer, heir = anvil_account(8), anvil_account(9)
        environment = {
            "RPC_URL": chain.url,
            "CHAIN_ID": "31337",
            "DEPLOYER_PRIVATE_KEY": deployer.key.to_0x_hex(),
            "MAX_FEE_GWEI": "1000",
        }
        operator = cls(chain, folder, Keeper(folder, environment, nursery), deployer, owner or heir.address)
        operator.configure()
        return operator

    # ---- files

    def configure(self, **changes: Any) -> Path:
        """Writes the configuration; `changes` replace its parts: seed, owner, roles, sequencer_feed."""
        seed = changes.get("seed", SEED)
        lines = [
            'name = "Three"',
            'symbol = "THR"',
            "chain_id = 31337",
            f'owner = "{changes.get("owner", self.owner)}"',
            *([f'sequencer_feed = "{changes["sequencer_feed"]}"'] if "sequencer_feed" in changes else []),
            "[uniswap]",
            f'v2_factory = "{self.chain.deployment.uniswap.v2_factory}"',
            f'v2_router = "{self.chain.deployment.uniswap.v2_router}"',
            "[roles]",
            f'guardian = "{changes.get("guardian", accounts.GUARDIAN)}"',
            f'weigher = "{changes.get("weigher", accounts.WEIGHER)}"',
            f'keepers = [{{ address = "{changes.get("keeper", accounts.KEEPER)}", days = 30 }}]',
            "[opening_limits]",
            "loss_cap_bps = 100",
        ]
        for symbol, target in TARGETS.items():
            token = self.token(symbol)
            lines += [
                "[[assets]]",
                f'symbol = "{symbol}"',
                f'token = "{token.address}"',
                f'feed = "{token.feed}"',
                "max_age_seconds = 90000",
                'min_price = "0.01"',
                'max_price = "1000000"',
                f"target_bps = {target}",
            ]
        for symbol in ("WETH", "WBTC"):
            lines += ["[[venues]]", 'kind = "v2_pair"', f'assets = ["{symbol}", "USDC"]']
        if seed:
            lines += ["[seed.amounts]", *(f'{symbol} = "{amount}"' for symbol, amount in seed.items())]
        path = self.folder / "fund.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def invite(self, shares: Mapping[str, str], name: str = "investors.csv") -> Path:
        path = self.folder / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("address", "shares"), *shares.items()])
        return path

    # ---- acting

    def token(self, symbol: str) -> Token:
        return self.chain.deployment.token(symbol)

    def fill_purse(self, seed: Mapping[str, str] = SEED) -> None:
        """The deployer holds what the seed takes."""
        txs = []
        for symbol, amount in seed.items():
            token = self.token(symbol)
            txs.append(grant(token, self.deployer.address, int(amount) * 10**token.spec.decimals))
        self.chain.node.execute(txs)
        self.chain.node.automine()

    def deploy(self) -> str:
        done = self.keeper("deploy", "--config", str(self.folder / "fund.toml"), "--json")
        assert done.code == 0, done.stderr
        return str(json.loads(done.stdout.splitlines()[-1])["treasury"])

    def launch(self, *options: str, investors: Path | None = None, **variables: str) -> Done:
        return self.keeper(*self.launching(*options, investors=investors), **variables)

    def launching(self, *options: str, investors: Path | None = None) -> list[str]:
        files = ["--config", str(self.folder / "fund.toml")]
        return ["launch", *files, "--investors", str(investors or self.folder / "investors.csv"), *options]

    def handover(self, *options: str, **variables: str) -> Done:
        return self.keeper("handover", "--config", str(self.folder / "fund.toml"), *options, **variables)

    def record(self) -> dict[str, Any]:
        (path,) = (self.folder / "deployments").rglob("*.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def lose_record(self) -> None:
        for path in (self.folder / "deployments").rglob("*.json"):
            path.unlink()

    # ---- what came of it

    def received(self, treasury: str) -> Counter[str]:
        """Shares by receiver of everything that the deployer paid out, by the chain's Transfer events."""
        from web3 import HTTPProvider, Web3

        token: Any = Web3(HTTPProvider(self.chain.url)).eth.contract(Web3.to_checksum_address(treasury), abi=ERC20)
        found: Counter[str] = Counter()
        for log in token.events.Transfer().get_logs(from_block=0, argument_filters={"from": self.deployer.address}):
            found[log.args["to"]] += log.args["value"]
        found.subtract({DEAD: 10**6})
        return +found


def holders(count: int, prefix: str = "investor") -> list[str]:
    return [to_checksum_address(keccak(text=f"{prefix} {number}")[12:]) for number in range(count)]


def run_and_kill(keeper: Keeper, arguments: Sequence[str], at: int | Callable[[], bool]) -> int | None:
    """The command in a process of its own, killed at the `at`-th boundary, or the first at which `at` holds: before or
    after its record is written, and before or after bytes leave. Its exit code, or None when it was killed."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _be_killed(keeper, arguments, at)
    deadline = time.monotonic() + 60
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("the command did not end")
        time.sleep(0.01)
    code = os.waitstatus_to_exitcode(ended[1])
    return None if code == -signal.SIGKILL else code


def kill_when(operator: Operator, wanted: Callable[[], bool]) -> None:
    """A launch that is killed at the first boundary at which `wanted` holds, asked in its own process."""
    assert run_and_kill(operator.keeper, operator.launching(), wanted) is None, "it ended before"
    assert wanted()


def _be_killed(keeper: Keeper, arguments: Sequence[str], at: int | Callable[[], bool]) -> None:
    """In the child. Does not return."""
    code = 70
    try:
        boundary = _counting(at)
        write, broadcast = DeploymentRecord.write, SetupNode.broadcast

        def written(self: Any, entries: Any) -> None:
            boundary()
            write(self, entries)
            boundary()

        async def sent(self: Any, raws: Any) -> Any:
            boundary()
            replies = await broadcast(self, raws)
            boundary()
            return replies

        DeploymentRecord.write, SetupNode.broadcast = written, sent  # type: ignore[method-assign]
        with (keeper.folder / "killed.log").open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.environ.clear()
        os.environ.update(keeper.environment)
        os.chdir(keeper.folder)
        sys.argv = ["keeper", *arguments]
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else code
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _counting(at: int | Callable[[], bool]) -> Callable[[], None]:
    passed = 0

    def boundary() -> None:
        nonlocal passed
        if at() if callable(at) else passed == at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    return boundary
