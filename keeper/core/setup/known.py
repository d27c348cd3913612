"""Addresses that a configuration may name instead of spelling them out: `known:WETH`, `known:ETH/USD`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keeper.core.setup.config import UniswapConfig
from keeper.core.units import Address


@dataclass(frozen=True, slots=True)
class KnownFeed:
    """A Chainlink feed. `heartbeat` is the number of seconds after which it answers at the latest."""

    address: Address
    decimals: int
    heartbeat: int


@dataclass(frozen=True, slots=True)
class KnownToken:
    address: Address
    decimals: int


@dataclass(frozen=True, slots=True)
class KnownAddresses:
    """Of one chain, from public documents. Of a chain that nobody wrote down, everything is empty."""

    uniswap: UniswapConfig = field(default_factory=UniswapConfig)
    tokens: Mapping[str, KnownToken] = field(default_factory=dict)
    feeds: Mapping[str, KnownFeed] = field(default_factory=dict)
