"""One local chain for all end-to-end tests of a worker; each test gets it as it was at the start."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import default_config
from tests.e2e.keepers import Keeper, nonce
from tests.e2e.nursery import Nursery, open_nursery


@pytest.fixture(scope="session")
def shared_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """Never used by a test directly: what a test changes here, the next one would meet."""
    with local_chain(tmp_path_factory.mktemp("chain"), default_config()) as chain:
        chain.node.automine()
        yield chain


@pytest.fixture
def chain(shared_chain: LocalChain) -> Iterator[LocalChain]:
    """Anvil with Uniswap, tokens, feeds and a seeded treasury; a block per transaction; undone after the test."""
    snapshot = shared_chain.node.snapshot()
    yield shared_chain
    shared_chain.node.automine()
    shared_chain.node.revert(snapshot)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with open_nursery() as opened:
        yield opened


@pytest.fixture
def keeper(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Iterator[Keeper]:
    """A keeper of the chain's treasury, not started. Whatever a test does with it, no secret may be found after."""
    it = Keeper.of(chain, tmp_path / "keeper", nursery)
    yield it
    assert it.leaks() == []


@pytest.fixture
def eager(chain: LocalChain, keeper: Keeper) -> Iterator[Keeper]:
    """A keeper with a first cycle in its books, and a market in which it would trade now. It never does here."""
    assert keeper("run", "--once").code == 0
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + 3600)
    before = nonce(chain)
    yield keeper
    assert nonce(chain) == before
