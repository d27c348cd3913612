"""Coins for the index: one line each in a test, everything else as a coin that is eligible has it."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from keeper.core.index.candidates import Candidate, Cause, Contract, Ranked, Refusal, Refused
from keeper.core.index.methodology import Methodology
from keeper.core.index.methodology_form import from_plain
from keeper.core.index.proposal import Listed
from keeper.core.units import Address, Bps, Timestamp
from keeper.core.universe import DexPool

NOW = Timestamp(1_700_000_000)
POOLS = tuple(DexPool("0x", dex, Decimal(5_000_000)) for dex in ("uniswap_v3", "sushiswap", "curve"))
FLOATING = tuple(Decimal(100 + day % 7) / 7 for day in range(30))
PEGGED = tuple(Decimal(1000 + day % 3) / 1000 for day in range(30))


def token(coin: str) -> Address:
    """An address that is the coin's alone."""
    return Address("0x" + coin.encode().hex().ljust(40, "0")[:40])


def contract(coin: str, symbol: str | None = None, **changed: object) -> Contract:
    fields = {"address": token(coin), "has_code": True, "decimals": 18, "symbol": symbol or coin.upper()} | changed
    return Contract(**fields)  # type: ignore[arg-type]


def candidate(coin: str, market_cap: object = 1_000, **changed: object) -> Candidate:
    fields = {
        "coin": coin,
        "symbol": coin.upper(),
        "name": coin.capitalize(),
        "market_cap": None if market_cap is None else Decimal(str(market_cap)),
        "price": Decimal(14),
        "updated_at": Timestamp(NOW - 60),
        "recent": FLOATING,
        "pools": POOLS,
        "contract": contract(coin),
    }
    return Candidate(**(fields | changed))  # type: ignore[arg-type]


def market(**caps: object) -> list[Candidate]:
    """`market(a=50, b=20)`."""
    return [candidate(coin, cap) for coin, cap in caps.items()]


def rules(**said: object) -> Methodology:
    return from_plain(said)


def ranked(*coins: str) -> list[Ranked]:
    """By rank, the first is the largest."""
    return [
        Ranked(rank, candidate(coin, 10_000 - rank), Fraction(10_000 - rank))
        for rank, coin in enumerate(coins, start=1)
    ]


def refused(*coins: str, reason: str = "a stablecoin") -> dict[str, Refused]:
    return {coin: Refused(coin, coin.upper(), Refusal(Cause.PEGGED, reason)) for coin in coins}


def listed(weights: dict[str, int], lacks: Sequence[str] = ()) -> list[Listed]:
    """A treasury's assets with their targets; those in `lacks` have no venue."""
    return [
        Listed(token(coin), coin.upper(), Bps(weight), "no venue" if coin in lacks else "")
        for coin, weight in weights.items()
    ]
