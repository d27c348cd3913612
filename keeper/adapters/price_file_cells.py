"""What stands in one cell of a file of prices: numbers, names, and the three columns that only an index reads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from keeper.adapters.fields import checked_address
from keeper.adapters.foreign import printable
from keeper.core.quotes import CoinId, Fault, FaultKind, coin_id, said
from keeper.core.units import Address
from keeper.core.universe import DexPool

OF_AN_INDEX: Final = frozenset({"category", "token", "pools"})
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?(?:[eE][+-]?[0-9]{1,4})?")
_NAME_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether a coin may be in an index. `pools` are None when the file does not say."""

    categories: tuple[str, ...]
    token: Address | None
    pools: tuple[DexPool, ...] | None


def facts_in(coin: CoinId, entry: Mapping[str, Any], source: str) -> Facts | Fault:
    """Of one coin. What was mistyped is a fault, not a coin without a category or a token."""
    try:
        return Facts(_categories(entry.get("category")), _token(entry.get("token")), _pools(entry.get("pools")))
    except ValueError as wrong:
        return Fault(coin, source, FaultKind.MALFORMED, str(wrong))


def figure(value: object) -> object:
    """A number that is written as text, as all are in CSV. Anything else stays what it is, for others to refuse."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    return Decimal(text) if _NUMBER.fullmatch(text) else text


def label(value: object) -> str:
    """A symbol or a name, fit for a terminal."""
    return printable(value, _NAME_LENGTH) if isinstance(value, str) else ""


def _categories(value: object) -> tuple[str, ...]:
    return tuple(label(each) for each in _cell("category", value).split(";") if each.strip())


def _token(value: object) -> Address | None:
    text = _cell("token", value)
    try:
        return Address(checked_address(text)) if text else None
    except ValueError as wrong:
        raise ValueError(f"the token {said(text)} {wrong}") from None


def _pools(value: object) -> tuple[DexPool, ...] | None:
    """None when nothing is said: an empty cell does not say that a coin is traded nowhere."""
    pools = []
    for each in filter(None, map(str.strip, _cell("pools", value).split(";"))):
        name, _, amount = (part.strip() for part in each.partition(":"))
        dex, reserve = coin_id(name), figure(amount)
        if dex is None or not isinstance(reserve, Decimal) or reserve < 0:
            raise ValueError(f"of the pools {said(each)} is no exchange and USD, such as uniswap:2500000")
        pools.append(DexPool("", dex, reserve))
    return tuple(pools) or None


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"the {name} is {said(value)} instead of text")
    return value.strip()
