"""The known addresses of a chain, from the files that are shipped with the package."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import keeper
from keeper.core.setup.config import UniswapConfig
from keeper.core.setup.known import KnownAddresses, KnownFeed, KnownToken
from keeper.core.units import Address

CHAINS: Final = {1: "mainnet", 11155111: "sepolia"}
"""Chains that have a file; others go by their number."""


def chain_name(chain_id: int) -> str:
    return CHAINS.get(chain_id, str(chain_id))


@cache
def known_addresses(chain_id: int) -> KnownAddresses:
    """Read once per process. Of a chain without a file: nothing."""
    if chain_id not in CHAINS:
        return KnownAddresses()
    document = read_document(chain_id)
    return KnownAddresses(
        uniswap=UniswapConfig(**{name: Address(entry["address"]) for name, entry in document["uniswap"].items()}),
        tokens={name: KnownToken(Address(e["address"]), e["decimals"]) for name, e in document["tokens"].items()},
        feeds={
            name: KnownFeed(Address(e["address"]), e["decimals"], e["heartbeat"])
            for name, e in document["feeds"].items()
        },
    )


def read_document(chain_id: int) -> dict[str, Any]:
    """The file as it is, with the source of every entry."""
    file = files(keeper) / "data" / "addresses" / f"{CHAINS[chain_id]}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
