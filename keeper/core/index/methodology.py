"""How a fund's index is made: the rules that a fund is held to. A frozen value; a change is a new version of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from keeper.core.index.weights import Rule
from keeper.core.units import BPS, Bps

DAY: Final = 86_400
SHORTEST_INTERVAL: Final = 60
LONGEST_INTERVAL: Final = 366 * DAY
_THRESHOLD: Final = Bps(100)
_NO_CASH: Final = Bps(0)


@dataclass(frozen=True, slots=True)
class Methodology:
    """`size` is N, the most members. `cap_bps` and `floor_bps` bound a member's part of the index, None: no such bound.

    `coins` and `category` narrow the universe: these coins alone, those of one category alone; empty: the whole market.
    A member leaves below rank `size + rank_buffer`, a newcomer enters at rank `size - rank_buffer` or better. Targets
    are sent when the members change or one moves by more than `weight_threshold_bps`, of NAV and not of the target. A
    decentralised exchange counts when a pool of it holds `min_pool_usd`. `native` says which token stands for a coin of
    another chain: (coin, the token's symbol). `cash_bps` of NAV goes to the hub, the index takes the rest. Every
    `interval_seconds` of chain time the market is looked at.

    `fixed_bps` is for funds that want no index: (symbol, weight) of the treasury's assets; then only `cash_bps`,
    `weight_threshold_bps` and `interval_seconds` count besides.
    """

    size: int = 10
    rule: Rule = Rule.CLIP
    cap_bps: Bps | None = None
    floor_bps: Bps | None = None
    rank_buffer: int = 2
    weight_threshold_bps: Bps = _THRESHOLD
    min_dexes: int = 3
    min_pool_usd: Decimal = Decimal(100_000)
    max_age_seconds: int = DAY
    coins: tuple[str, ...] = ()
    category: str = ""
    exclusions: tuple[str, ...] = ()
    native: tuple[tuple[str, str], ...] = (("bitcoin", "WBTC"), ("ethereum", "WETH"))
    cash_bps: Bps = _NO_CASH
    fixed_bps: tuple[tuple[str, Bps], ...] = ()
    interval_seconds: int = DAY

    @property
    def invested(self) -> Bps:
        """What the index, or the fixed weights, share among them."""
        return Bps(BPS - self.cash_bps)

    @property
    def tokens(self) -> dict[str, str]:
        """Symbol of the token that stands for a coin of another chain."""
        return dict(self.native)


def mistakes_of(rules: Methodology) -> Iterator[str]:
    """A line per mistake, each beginning with its place."""
    if rules.size < 1:
        yield f"size: {rules.size} is less than 1"
    if not 0 <= rules.rank_buffer < max(1, rules.size):
        yield f"rank_buffer: {rules.rank_buffer} is not from 0 to {max(1, rules.size) - 1}, below size"
    for name in ("weight_threshold_bps", "cash_bps"):
        if not 0 <= getattr(rules, name) <= BPS:
            yield f"{name}: {getattr(rules, name)} is not from 0 to {BPS} bps"
    for name in ("min_dexes", "max_age_seconds", "min_pool_usd"):
        if getattr(rules, name) < 0:
            yield f"{name}: {getattr(rules, name)} is negative"
    if not SHORTEST_INTERVAL <= rules.interval_seconds <= LONGEST_INTERVAL:
        allowed = f"{SHORTEST_INTERVAL} to {LONGEST_INTERVAL} s"
        yield f"interval_seconds: {rules.interval_seconds} is not from {allowed}"
    yield from _bounds(rules)
    yield from _names(rules)
    yield from _fixed(rules)


def _bounds(rules: Methodology) -> Iterator[str]:
    cap, floor, size = rules.cap_bps, rules.floor_bps, rules.size
    if cap is not None:
        if rules.rule is not Rule.CLIP:
            yield f"cap_bps: rule {rules.rule} knows none"
        if not 0 < cap <= BPS:
            yield f"cap_bps: {cap} is not from 1 to {BPS} bps"
        elif cap * size < BPS:
            yield f"cap_bps: {size} members of at most {cap} bps reach {cap * size}, not {BPS}"
    if floor is not None:
        if not 0 <= floor <= BPS:
            yield f"floor_bps: {floor} is not from 0 to {BPS} bps"
        elif floor * size > BPS:
            yield f"floor_bps: {size} members of at least {floor} bps need {floor * size} of {BPS}"


def _names(rules: Methodology) -> Iterator[str]:
    """Nothing is named twice, and nothing that is excluded is wanted."""
    lists = {
        "coins": rules.coins,
        "exclusions": rules.exclusions,
        "native": tuple(coin for coin, _ in rules.native),
        "fixed_bps": tuple(symbol for symbol, _ in rules.fixed_bps),
    }
    for place, names in lists.items():
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{place}: {name} is there twice"
        if any(not name.strip() for name in names):
            yield f"{place}: a name is empty"
    for coin in sorted(set(rules.coins) & set(rules.exclusions)):
        yield f"exclusions: {coin} is one of coins too"


def _fixed(rules: Methodology) -> Iterator[str]:
    if not rules.fixed_bps:
        return
    for symbol, weight in rules.fixed_bps:
        if not 0 < weight <= BPS:
            yield f"fixed_bps: {symbol} has {weight}, which is not from 1 to {BPS} bps"
    if (total := sum(weight for _, weight in rules.fixed_bps)) != rules.invested:
        yield f"fixed_bps: the weights sum to {total}, not to {rules.invested} (10000 without cash)"
