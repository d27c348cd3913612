"""What CoinGecko calls the chains that a fund may be on: each has a name as a platform and another as a network."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from keeper.core.quotes import CoinId
from keeper.core.universe import ChainNames

WRAPPED: Final[Mapping[str, CoinId]] = MappingProxyType({"WBTC": CoinId("wrapped-bitcoin"), "WETH": CoinId("weth")})
"""CoinGecko's coins that are the tokens of the default methodology's mapping. Where one is not on a chain under that
name (a bridged WBTC is another coin there), the fund's own asset says which token it is, or nobody does."""

CHAINS: Final[Mapping[int, ChainNames]] = MappingProxyType(
    {
        chain_id: ChainNames(platform, network, WRAPPED)
        for chain_id, platform, network in (
            (1, "ethereum", "eth"),
            (10, "optimistic-ethereum", "optimism"),
            (56, "binance-smart-chain", "bsc"),
            (137, "polygon-pos", "polygon_pos"),
            (5000, "mantle", "mantle"),
            (8453, "base", "base"),
            (42161, "arbitrum-one", "arbitrum"),
            (43114, "avalanche", "avax"),
            (59144, "linea", "linea"),
            (81457, "blast", "blast"),
        )
    }
)
"""By chain id. `/asset_platforms` gives the first name of each, `/onchain/networks` both (`id` and
`coingecko_asset_platform_id`). Test chains are not listed there."""
