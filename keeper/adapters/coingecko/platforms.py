"""`/coins/list?include_platform=true`: which token a coin is on which chain."""

import re
from collections.abc import Mapping
from typing import Any, Final

from keeper.adapters.coingecko.question import Malformed, Question
from keeper.core.quotes import CoinId, coin_id, said

TOPIC: Final = "coins/list"
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")

Platforms = Mapping[str, Mapping[CoinId, str]]
"""By CoinGecko's name of the chain, then by coin. Addresses in lower case."""


def question(keep_seconds: float) -> Question[Platforms]:
    return Question(
        topic=TOPIC,
        path=TOPIC,
        query={"include_platform": "true"},
        read=read,
        keep_seconds=keep_seconds,
        longest=32 << 20,
    )


def read(document: Any) -> Platforms:
    """Only what is an address of an EVM chain: coins of their own chain have `{}` or `{"": ""}`, others none at all."""
    if not isinstance(document, list):
        raise Malformed(f"{said(document)} where a list of coins belongs")
    found: dict[str, dict[CoinId, str]] = {}
    for entry in document:
        coin = coin_id(entry.get("id")) if isinstance(entry, dict) else None
        platforms = entry.get("platforms") if coin is not None else None
        if coin is None or not isinstance(platforms, dict):
            continue
        for platform, address in platforms.items():
            if platform and isinstance(address, str) and _ADDRESS.fullmatch(address):
                found.setdefault(platform, {})[coin] = address.lower()
    return found
