"""A real Anvil with the whole local chain on it, one per worker; each test gets it as it was at the start."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal

import pytest

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.endpoints import Endpoints
from keeper.core.model import Fund
from keeper.core.setup.config import LimitsConfig
from keeper.core.units import Address
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DevnetConfig, default_config
from tests.adapters.ethereum.fake_node import (
    answering,
    fake_node,
)
from tests.adapters.ethereum.pairs import (
    KEY,
    TIMEOUT,
    Clock,
    Pair,
    Paused,
    well,
)

FREE = LimitsConfig(
    max_slip_bps=300,
    loss_cap_bps=200,
    turnover_cap_bps=65_535,
    per_trade_bps=10_000,
    max_cost_bps=10_000,
    min_drift_bps=0,
    max_weight_bps=10_000,
    cooldown_seconds=0,
)


def two_funds() -> DevnetConfig:
    """A fund of eight assets and one of two, which may trade whenever they like. Both hold WETH for want of USDC."""
    config = default_config(limits=FREE)
    large = config.funds[0]
    large = replace(large, holdings=large.targets | {"WETH": 2_900, "USDC": 600})
    small = replace(
        large,
        name="Two",
        symbol="TWO",
        size_usd=Decimal(50_000),
        targets={"WETH": 6_000, "USDC": 4_000},
        holdings={"WETH": 7_000, "USDC": 3_000},
    )
    return replace(config, funds=(large, small))


@pytest.fixture(scope="session")
def shared_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """Never used by a test directly: what a test changes here, the next one would meet."""
    with local_chain(tmp_path_factory.mktemp("chain"), two_funds()) as chain:
        chain.node.automine()
        yield chain


@pytest.fixture
def local(shared_chain: LocalChain) -> Iterator[LocalChain]:
    snapshot = shared_chain.node.snapshot()
    yield shared_chain
    shared_chain.node.automine()
    shared_chain.node.revert(snapshot)


@pytest.fixture
def funds(local: LocalChain) -> list[Fund]:
    return [
        Fund(number, treasury.spec.name, Address(treasury.address), Address(accounts.KEEPER), None, False)
        for number, treasury in enumerate(local.deployment.treasuries, start=1)
    ]


@pytest.fixture
async def chain(local: LocalChain) -> AsyncIterator[EthereumChain]:
    """What is under test, as wiring would set it up for that chain."""
    async with EthereumChain(
        local.url,
        31337,
        native_feed=Address(local.deployment.native_feed),
        v2_router=Address(local.deployment.uniswap.v2_router),
    ) as adapter:
        yield adapter


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(fake_node(answering(well(1))))
        second = await stack.enter_async_context(fake_node(answering(well(2))))
        urls = [node.url(f"/v3/{KEY}?token={KEY}").replace("//", f"//{KEY}:{KEY}@") for node in (first, second)]
        chain = EthereumChain(urls[0], 1, fallback_urls=urls[1:], timeout_seconds=TIMEOUT)
        yield Pair(first, second, await stack.enter_async_context(chain))


@pytest.fixture
async def paused(pair: Pair) -> AsyncIterator[Paused]:
    clock = Clock()
    endpoints = Endpoints([pair.first.url(), pair.second.url()], 1, TIMEOUT, clock)
    yield Paused(pair, clock, endpoints)
    await endpoints.close()
