"""Configurations and facts for tests of a set-up: a fund of three assets whose every check passes."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from eth_utils.address import to_checksum_address

from keeper.core.model import VenueKind
from keeper.core.setup.config import (
    AssetConfig,
    FundConfig,
    KeeperConfig,
    RolesConfig,
    UniswapConfig,
    VenueConfig,
)
from keeper.core.setup.state import Facts, FeedFacts, TokenFacts, VenueFacts
from keeper.core.units import Address, Bps, Hash32, Timestamp, Wei

NOW = Timestamp(1_700_000_000)
CODE = Hash32("0x" + "c0" * 32)


def address(number: int) -> Address:
    """Ordered as their numbers are."""
    return Address(to_checksum_address(number.to_bytes(20)))


DEPLOYER, OWNER, GUARDIAN, WEIGHER, KEEPER = (address(number) for number in range(1, 6))
V2_FACTORY, V2_ROUTER, V3_FACTORY, V3_ROUTER = (address(number) for number in range(0x20, 0x24))
TREASURY, PROXY = address(0x70), address(0x71)
DECIMALS = {"WETH": 18, "WBTC": 8, "USDC": 6, "LINK": 18}
TOKENS = {symbol: address(0x100 + index) for index, symbol in enumerate(DECIMALS)}
FEEDS = {symbol: address(0x200 + index) for index, symbol in enumerate(DECIMALS)}
PRICES = {"WETH": 3000, "WBTC": 60_000, "USDC": 1, "LINK": 15}


def asset(symbol: str, target: int, **fields: Any) -> AssetConfig:
    made = AssetConfig(symbol, TOKENS[symbol], FEEDS[symbol], 3900, Decimal("0.5"), Decimal(10**6), Bps(target))
    return replace(made, **fields)


def fund(**fields: Any) -> FundConfig:
    made = FundConfig(
        name="Test Index",
        symbol="TI",
        chain_id=31337,
        owner=OWNER,
        assets=(asset("WETH", 5000), asset("WBTC", 3000), asset("USDC", 2000)),
        venues=(
            VenueConfig(VenueKind.V2_PAIR, ("WETH", "USDC")),
            VenueConfig(VenueKind.V3_POOL, ("USDC", "WETH"), 500),
            VenueConfig(VenueKind.V2_PAIR, ("WBTC", "USDC")),
            VenueConfig(VenueKind.V2_ROUTER, ("WETH", "USDC")),
            VenueConfig(VenueKind.V3_ROUTER, ("WETH", "USDC"), 500),
        ),
        uniswap=UniswapConfig(V2_FACTORY, V2_ROUTER, V3_FACTORY, V3_ROUTER),
        roles=RolesConfig(GUARDIAN, WEIGHER, (KeeperConfig(KEEPER, 30),)),
    )
    return replace(made, **fields)


def pool_of(venue: VenueConfig) -> Address:
    """One per pair and fee, whatever the order of the assets; the router's pool is the pair's."""
    return address(0x1000 + 16 * sum(TOKENS_INDEX[symbol] ** 2 for symbol in venue.assets) + venue.fee_pips)


TOKENS_INDEX = {symbol: index + 1 for index, symbol in enumerate(DECIMALS)}


def facts(config: FundConfig, **fields: Any) -> Facts:
    """What a chain says on which all of `config` stands as it should, and no treasury."""
    uniswap = config.uniswap
    standing = [uniswap.v2_factory, uniswap.v2_router, uniswap.v3_factory, uniswap.v3_router, config.sequencer_feed]
    listed = [one for item in config.assets for one in (item.token, item.feed)]
    made = Facts(
        chain_id=config.chain_id,
        genesis=None,
        block=100,
        now=NOW,
        base_fee=Wei(10**9),
        tip=Wei(10**9),
        balance=Wei(10**18),
        nonce=0,
        with_code=frozenset(one for one in [*standing, *listed] if one),
        tokens={
            item.token: TokenFacts(DECIMALS.get(item.symbol, 18), item.symbol, erc777=False, rebasing=False)
            for item in config.assets
        },
        feeds={
            item.feed: FeedFacts(8, f"{item.symbol} / USD", PRICES.get(item.symbol, 1) * 10**8, Timestamp(NOW - 60))
            for item in config.assets
        }
        | ({config.sequencer_feed: FeedFacts(0, "up", 0, Timestamp(NOW - 10**6))} if config.sequencer_feed else {}),
        venues=tuple(_venue(config, venue) for venue in config.venues),
        expected_code=CODE,
        proxy=True,
        treasury=None,
    )
    return replace(made, **fields)


def _venue(config: FundConfig, venue: VenueConfig) -> VenueFacts:
    token0, token1 = sorted(TOKENS[symbol] for symbol in venue.assets)
    factory = config.uniswap.v2_factory if venue.is_v2 else config.uniswap.v3_factory
    return VenueFacts(pool_of(venue), token0, token1, venue.fee_pips, factory if venue.is_router else None)
