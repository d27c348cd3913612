"""A local chain in one piece: node, what stands on it, and the market that moves it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.localchain import fund
from scripts.localchain.anvil import running_anvil
from scripts.localchain.config import DevnetConfig
from scripts.localchain.deployment import Deployment, deploy
from scripts.localchain.market import Market
from scripts.localchain.node import Node
from scripts.localchain.state import keeper_environment


@dataclass(frozen=True, slots=True)
class LocalChain:
    """What demos and tests hold in their hands."""

    node: Node
    deployment: Deployment
    market: Market

    @property
    def url(self) -> str:
        return self.node.url

    def keeper_environment(self, folder: Path) -> dict[str, str]:
        """Variables for a keeper of the first treasury. Writes keystore and password to `folder`, and nothing else."""
        return keeper_environment(self.deployment, self.node, folder)


@contextlib.contextmanager
def local_chain(
    folder: Path,
    config: DevnetConfig,
    *,
    port: int = 0,
    fork_url: str | None = None,
    genesis_timestamp: int | None = None,
) -> Iterator[LocalChain]:
    """A chain with all of `config` on it, gone when the context ends. It mines on demand until told otherwise.

    `folder` takes Anvil's log, and the funds' files and records. Raises AnvilError, RpcError or TransactionFailed when
    the set-up does not succeed.
    """
    log = folder / "anvil.log"
    with running_anvil(log, port=port, fork_url=fork_url, genesis_timestamp=genesis_timestamp) as node:
        fund.forget(config.funds, folder)
        deployment = deploy(node, config, folder)
        yield LocalChain(node, deployment, Market(node, deployment))
