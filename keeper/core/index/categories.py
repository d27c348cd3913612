"""What the categories that a provider gives to a coin say of the kind of thing it is."""

from collections.abc import Iterable
from enum import Enum, auto
from typing import Final


class Kind(Enum):
    """NAMED_STABLE is said of gold and dollars alike, a price must decide; STABLE names what it is held to."""

    NAMED_STABLE = auto()
    STABLE = auto()
    TWIN = auto()
    FUND_SHARE = auto()
    REBASES = auto()


_EXACTLY: Final = {
    "stablecoin": Kind.NAMED_STABLE,
    "stablecoins": Kind.NAMED_STABLE,
    "synthetic dollar": Kind.STABLE,
    "wrapped": Kind.TWIN,
    "staked": Kind.TWIN,
    "bridged": Kind.TWIN,
    "wrapped token": Kind.TWIN,
    "wrapped tokens": Kind.TWIN,
    "bridged token": Kind.TWIN,
    "bridged tokens": Kind.TWIN,
    "binance peg tokens": Kind.TWIN,
    "crypto backed tokens": Kind.TWIN,
    "liquid staking token": Kind.TWIN,
    "liquid staking tokens": Kind.TWIN,
    "liquid staking derivatives": Kind.TWIN,
    "liquid restaking tokens": Kind.TWIN,
    "tokenized btc": Kind.TWIN,
    "fund share": Kind.FUND_SHARE,
    "fund shares": Kind.FUND_SHARE,
    "index tokens": Kind.FUND_SHARE,
    "defi index": Kind.FUND_SHARE,
    "tokenized funds": Kind.FUND_SHARE,
    "tokenized treasury bills (t bills)": Kind.FUND_SHARE,
    "tokenized treasury bonds (t bonds)": Kind.FUND_SHARE,
    "lp tokens": Kind.FUND_SHARE,
    "aave tokens": Kind.FUND_SHARE,
    "ctoken": Kind.FUND_SHARE,
    "rebase tokens": Kind.REBASES,
}
"""`Liquid Staking`, `Stablecoin Protocol` and `... Governance Tokens` are said of those who run such things, and
`GMCI Index` of those who stand in an index: none of them is here."""
_BEGINNINGS: Final = {"bridged ": Kind.TWIN, "liquid staked ": Kind.TWIN, "liquid restaked ": Kind.TWIN}
_ENDINGS: Final = {" stablecoin": Kind.STABLE}


def kinds(categories: Iterable[str]) -> dict[Kind, str]:
    """Every kind that is said, with the first category that says it, as the provider writes it."""
    found: dict[Kind, str] = {}
    for category in categories:
        if (kind := _kind(" ".join(category.lower().replace("-", " ").replace("_", " ").split()))) is not None:
            found.setdefault(kind, category.strip())
    return found


def _kind(name: str) -> Kind | None:
    if name in _EXACTLY:
        return _EXACTLY[name]
    for ending, kind in _ENDINGS.items():
        if name.endswith(ending):
            return kind
    return next((kind for beginning, kind in _BEGINNINGS.items() if name.startswith(beginning)), None)
