"""Funds of the local chain, set up as every fund is: by `keeper deploy`, `keeper launch` and `keeper handover`.

Their functions run in this process, with the deployer's and the owner's keys of Anvil's published mnemonic, on the
files that `fund_files` writes. There is no other way to a fund here.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from eth_account.signers.local import LocalAccount

from keeper.adapters.config_file import read_fund_config
from keeper.adapters.deployments import record_path
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.signer import LocalSigner
from keeper.core.mistakes import ConfigurationError, SetupStopped
from keeper.core.setup.calls import Sent
from keeper.core.setup.config import FundConfig
from keeper.core.setup.handover import Standing
from keeper.core.units import Address
from keeper.ports import ChainUnavailable
from keeper.wiring.handover import Part, hand_over
from keeper.wiring.launch import launch_fund
from keeper.wiring.setup import deploy_fund, look_at_fund
from scripts.localchain import accounts, tokens
from scripts.localchain.anvil import CHAIN_ID
from scripts.localchain.config import FundSpec
from scripts.localchain.fund_files import FundFiles, Ground, seed_amounts
from scripts.localchain.node import Node, TransactionFailed
from scripts.localchain.tokens import Token

RECORDS = "deployments"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """What one of the three commands sent."""

    command: str
    sent: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Treasury:
    """A fund's treasury; `tokens` in the order of its list of assets. `steps` are empty when it was found standing."""

    spec: FundSpec
    address: str
    tokens: tuple[Token, ...]
    files: FundFiles
    steps: tuple[Step, ...] = ()


def forget(specs: Iterable[FundSpec], folder: Path) -> None:
    """Records of an earlier chain of this folder: it is gone, and this one's transactions would not fit to them."""
    for spec in specs:
        record_path(folder / RECORDS, CHAIN_ID, spec.name).unlink(missing_ok=True)


def set_up(node: Node, ground: Ground, specs: Sequence[FundSpec], folder: Path) -> list[Treasury]:
    """Treasuries with everything that a keeper needs, one after the other; those that stand already are found.

    Configurations, lists and records go to `folder`. Raises TransactionFailed.
    """
    with node.on_demand():
        return _in_a_loop(_all(node, ground, specs, folder))


def _in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """In a thread: whoever asks may have a loop of their own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _all(node: Node, ground: Ground, specs: Sequence[FundSpec], folder: Path) -> list[Treasury]:
    async with EthereumChain(node.url, CHAIN_ID) as chain:
        return [await _Founding(node, chain, spec, ground, folder).run() for spec in specs]


@dataclass(slots=True)
class _Founding:
    """One fund."""

    node: Node
    chain: EthereumChain
    spec: FundSpec
    ground: Ground
    folder: Path
    config: FundConfig = field(init=False)

    async def run(self) -> Treasury:
        files = FundFiles.write(self.spec, self.ground, self.folder)
        with self._told():
            self.config = read_fund_config(files.config)
            found = await self._handed_over()
            steps: tuple[Step, ...] = ()
            if found is None:
                self._fill_purse()
                found, steps = await self._set_up(files)
        return Treasury(self.spec, found, self.ground.of(self.spec), files, steps)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (ConfigurationError, SetupStopped, ChainUnavailable) as error:
            raise TransactionFailed(f"{self.spec.name}: {'; '.join(str(error).splitlines())}") from error

    async def _handed_over(self) -> Address | None:
        """The treasury, when it stands and is its owner's: on a fork of a chain that has it."""
        seen = (await look_at_fund(self.config, self.chain, Address(accounts.DEPLOYER), folder=self.records)).plan
        standing = seen.facts.treasury
        return standing.address if standing is not None and standing.owner == self.config.owner else None

    def _fill_purse(self) -> None:
        """The deployer holds what the seed takes."""
        listed = self.ground.of(self.spec)
        held = tokens.balances_of(self.node, listed, accounts.DEPLOYER)
        wanted = seed_amounts(self.spec, listed)
        missing = [
            tokens.grant(token, accounts.DEPLOYER, wants - has)
            for token, has, wants in zip(listed, held, wanted, strict=True)
            if has < wants
        ]
        if missing:
            self.node.execute(missing)

    async def _set_up(self, files: FundFiles) -> tuple[Address, tuple[Step, ...]]:
        deployer, owner = _signer(accounts.deployer_key()), _signer(accounts.owner_key())
        records, mine = self.records, self._mine
        deployed = await deploy_fund(self.config, self.chain, deployer, folder=records, after_broadcast=mine)
        launched = await launch_fund(
            self.config, files.investors.read_text(), self.chain, deployer, folder=records, after_broadcast=mine
        )
        offered = await hand_over(self.config, self.chain, Part.OFFER, deployer, folder=records, after_broadcast=mine)
        accepted = await hand_over(self.config, self.chain, Part.ACCEPT, owner, folder=records, after_broadcast=mine)
        if accepted.done.verdict.standing is not Standing.COMPLETE:
            raise SetupStopped("not handed over: " + "; ".join(accepted.done.verdict.faults))
        return accepted.treasury, (
            Step("keeper deploy", deployed.sent),
            Step("keeper launch", launched.launched.sent),
            Step("keeper handover", offered.done.sent + accepted.done.sent),
        )

    @property
    def records(self) -> Path:
        return self.folder / RECORDS

    async def _mine(self) -> None:
        self.node.mine()


def _signer(account: LocalAccount) -> LocalSigner:
    return LocalSigner(account, CHAIN_ID)
