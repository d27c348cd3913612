"""`/onchain/networks/{network}/tokens/{address}/pools`: where a token is traded on its chain."""

import re
from decimal import Decimal
from typing import Any, Final

from keeper.adapters.coingecko.question import Malformed, Question
from keeper.core.quotes import coin_id, said
from keeper.core.units import Address
from keeper.core.universe import DexPool

TOPIC: Final = "onchain/pools"
_POOL: Final = re.compile(r"0x[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
"""A contract, or the id of a pool that has none of its own (Uniswap V4)."""
_AMOUNT: Final = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,200})?")


def question(network: str, token: Address, page: int, keep_seconds: float) -> Question[tuple[DexPool, ...]]:
    """A page of 20, first those of most liquidity and volume. A token that is not known there has none."""
    return Question(
        topic=TOPIC,
        path=f"onchain/networks/{network}/tokens/{token.lower()}/pools",
        query={} if page == 1 else {"page": str(page)},
        read=read,
        keep_seconds=keep_seconds,
        absent=(),
    )


def read(document: Any) -> tuple[DexPool, ...]:
    """Each pool once. One that cannot be read is left out: a token is then thought to be traded less than it is."""
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list):
        raise Malformed(f"{said(document)} where pools belong")
    pools = {pool.address: pool for pool in map(_pool, data) if pool is not None}
    return tuple(pools.values())


def _pool(entry: Any) -> DexPool | None:
    address, dex = _at(entry, "attributes", "address"), coin_id(_at(entry, "relationships", "dex", "data", "id"))
    if not isinstance(address, str) or not _POOL.fullmatch(address) or dex is None:
        return None
    return DexPool(address.lower(), dex, _amount(_at(entry, "attributes", "reserve_in_usd")))


def _at(value: Any, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _amount(value: object) -> Decimal | None:
    """Numbers are text here."""
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else None
