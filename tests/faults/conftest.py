"""A bare Anvil for tests of the kit; a local chain, keepers and a proxy between them for the faults themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.localchain.anvil import running_anvil
from scripts.localchain.chain import LocalChain
from scripts.localchain.node import Node
from tests.e2e.conftest import chain, keeper, nursery, shared_chain
from tests.e2e.keepers import Keeper
from tests.faults import undefended
from tests.faults.kit.node_rules import node_rules
from tests.faults.kit.proxy import Proxy, proxy_to
from tests.faults.scenes import PooledScene, Scene

undefended.here()  # in this process: for commands that run inside it

__all__ = ["chain", "keeper", "nursery", "shared_chain"]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Anvil with nothing on it, five blocks old, that mines on demand."""
    with running_anvil(tmp_path / "anvil.log") as anvil:
        for _ in range(5):
            anvil.mine()
        yield anvil


@pytest.fixture
def proxy(node: Node) -> Iterator[Proxy]:
    """Between the test and that Anvil."""
    with proxy_to(node.url) as made:
        yield made


@pytest.fixture
def front(chain: LocalChain) -> Iterator[Proxy]:
    """Between the keeper and the local chain."""
    with proxy_to(chain.url) as made:
        yield made


@pytest.fixture
def scene(chain: LocalChain, keeper: Keeper, front: Proxy) -> Scene:
    """A keeper that has not been started, behind that proxy."""
    return Scene(chain, keeper, front)


@pytest.fixture
def pooled(chain: LocalChain, keeper: Keeper) -> Iterator[PooledScene]:
    """The same before a node with the rules of real mempools."""
    with node_rules(chain.url) as pool, proxy_to(pool.url) as front:
        yield PooledScene(chain, keeper, front, pool=pool)
