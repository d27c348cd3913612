"""A bare Anvil for tests of the kit; a local chain, keepers and a proxy between them for the faults themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.localchain.anvil import running_anvil
from scripts.localchain.node import Node
from tests.e2e.conftest import chain, keeper, nursery, shared_chain
from tests.faults.kit.proxy import Proxy, proxy_to

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
