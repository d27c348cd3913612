"""A fund's configuration file for the local chain, and an operator who deploys it."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_account import Account

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.setup_facts import FactsReader
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.core.setup.config import FundConfig
from keeper.core.setup.state import TreasuryState
from keeper.core.units import ZERO_ADDRESS, Address
from scripts.localchain import accounts
from scripts.localchain.anvil import MNEMONIC
from scripts.localchain.chain import LocalChain
from tests.e2e.gateway import Gateway
from tests.e2e.keepers import Done, Keeper, with_key
from tests.e2e.nursery import Nursery

Account.enable_unaudited_hdwallet_features()
DEPLOYER_ACCOUNT = Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/6")
DEPLOYER: str = DEPLOYER_ACCOUNT.address
DEPLOYER_KEY = "0x" + DEPLOYER_ACCOUNT.key.hex().removeprefix("0x")
TARGETS = {"WETH": 5000, "WBTC": 3000, "USDC": 2000}
POOLS = [("v2_pair", "WETH", "USDC", 3000), ("v3_pool", "USDC", "WETH", 500), ("v2_pair", "WBTC", "USDC", 3000)]


def document(chain: LocalChain, name: str = "Test Index", **fields: Any) -> dict[str, Any]:
    """A configuration of three assets and five venues, as plain data; `fields` replace those of the top."""
    dex = chain.deployment.uniswap
    assets = [
        {
            "symbol": symbol,
            "token": chain.deployment.token(symbol).address,
            "feed": chain.deployment.token(symbol).feed,
            "max_age_seconds": 90_000,
            "min_price": "0.5",
            "max_price": "1000000",
            "target_bps": target,
        }
        for symbol, target in TARGETS.items()
    ]
    venues = [{"kind": kind, "assets": [a, b], "fee_pips": fee} for kind, a, b, fee in POOLS]
    venues += [
        {"kind": "v2_router", "assets": ["WETH", "USDC"]},
        {"kind": "v3_router", "assets": ["WETH", "USDC"], "fee_pips": 500},
    ]
    return {
        "name": name,
        "symbol": "".join(word[0] for word in name.split()) + "".join(filter(str.isdigit, name)),
        "chain_id": 31337,
        "owner": accounts.OWNER,
        "uniswap": {
            "v2_factory": dex.v2_factory,
            "v2_router": dex.v2_router,
            "v3_factory": dex.v3_factory,
            "v3_router": dex.v3_router,
        },
        "roles": {
            "guardian": accounts.GUARDIAN,
            "weigher": accounts.WEIGHER,
            "keepers": [{"address": accounts.KEEPER, "days": 30}],
        },
        "limits": {"loss_cap_bps": 6},
        "opening_limits": {"loss_cap_bps": 100},
        "assets": assets,
        "venues": venues,
        **fields,
    }


STEPS = 14
"""Transactions of that configuration: creation, 3 assets, 5 venues, limits, targets, guardian, weigher, keeper."""


@dataclass
class Operator:
    """Somebody with a deployer's key and a folder."""

    chain: LocalChain
    keeper: Keeper

    @classmethod
    def of(cls, chain: LocalChain, folder: Path, nursery: Nursery) -> "Operator":
        (folder / "secrets").mkdir(parents=True)
        environment = {
            "RPC_URL": with_key(chain.url),
            "CHAIN_ID": "31337",
            "DEPLOYER_PRIVATE_KEY": DEPLOYER_KEY,
        }
        return cls(chain, Keeper(folder, environment, nursery))

    def write(self, wanted: dict[str, Any], file: str = "fund.yaml") -> Path:
        """JSON is YAML."""
        path = self.keeper.folder / file
        path.write_text(json.dumps(wanted, indent=1))
        return path

    def deploy(self, wanted: dict[str, Any], *options: str, **variables: str) -> Done:
        return self.keeper("deploy", "--config", str(self.write(wanted)), *options, **variables)

    def deployed(self, wanted: dict[str, Any], *options: str, **variables: str) -> dict[str, Any]:
        """The answer of a deployment that must succeed."""
        done = self.deploy(wanted, "--json", *options, **variables)
        assert done.code == 0, done.stderr + done.stdout
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def killed(self, wanted: dict[str, Any], front: Gateway, arrange: Callable[[Callable[[], None]], None]) -> None:
        """Deploys through `front` in a process of its own, which `arrange` is given the means to kill."""
        path = self.write(wanted)
        environment = self.keeper._environment({"RPC_URL": with_key(front.url)})
        pid: list[int] = []
        arrange(lambda: os.kill(pid[0], signal.SIGKILL))
        log = self.keeper.folder / "deploy.log"
        child = self.keeper.nursery.start(
            ["deploy", "--config", str(path)], log=log, env=environment, cwd=self.keeper.folder
        )
        pid.append(child.pid)
        code = child.wait(30)
        assert code == -signal.SIGKILL, f"ended with {code} before it was killed: {child.last_words()}"

    def record(self, name: str = "test-index") -> dict[str, Any]:
        path = self.keeper.folder / "deployments" / "31337" / f"{name}.json"
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def nonce(self) -> int:
        return int(self.chain.node.rpc.call("eth_getTransactionCount", DEPLOYER, "latest"), 16)

    def treasury(self, config: FundConfig, address: str) -> TreasuryState:
        """As it stands, without what tells one fund from another."""

        async def read() -> TreasuryState:
            async with EthereumChain(self.chain.url, 31337) as chain:
                facts = await FactsReader(SetupNode(chain), config, Address(DEPLOYER)).read(Address(address))
            assert facts.treasury is not None
            return facts.treasury

        return asyncio.run(read())


def anonymous(state: TreasuryState) -> TreasuryState:
    """Without what tells one fund from another, and without the second in which its keeper's term began."""
    return replace(state, address=ZERO_ADDRESS, name="", symbol="", keepers=dict.fromkeys(state.keepers, 1))


def lets_through(front: Gateway, count: int, then: Callable[[], None]) -> None:
    """Of the next transactions, `count` reach the node; then `then`, and nothing is answered any more."""
    forward = front.answer

    def answer(body: bytes) -> Any:
        question = json.loads(body)
        batch = question if isinstance(question, list) else [question]
        if not any(one["method"] == "eth_sendRawTransaction" for one in batch):
            return forward(body)
        front.answer = forward  # type: ignore[method-assign]
        if count:
            forward(json.dumps(batch[:count]).encode())
        then()
        return forward(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode())

    front.answer = answer  # type: ignore[method-assign]
