"""A list of market caps in a CSV text -> the weights of its largest coins, and why the others have none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from keeper.core.csv_records import records, shown
from keeper.core.index.candidates import Candidate
from keeper.core.index.eligibility import OF_A_LIST, screen
from keeper.core.index.methodology import Methodology
from keeper.core.index.rounding import apportion
from keeper.core.index.weights import Rule, WeightsImpossible, weigh
from keeper.core.mistakes import ConfigurationError
from keeper.core.units import BPS, E18, Bps, Timestamp

TOP: Final = 10
TOP3_FLOOR: Final = Fraction(1, 100)
COLUMNS: Final = ("symbol", "market_cap")
OPTIONAL: Final = ("category",)
_AMOUNT: Final = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?|\.[0-9]{1,40}")
_NOTHING: Final = ("", "null", "none", "nan")
"""How files say that there is no market cap."""


@dataclass(frozen=True, slots=True)
class Line:
    """A coin of the list. `given` is its market cap as the file writes it; `market_cap` is None when there is none."""

    symbol: str
    given: str
    market_cap: Decimal | None
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weighted:
    """`weight_e18` has 18 decimals: like `bps` it is rounded so that all of them sum to exactly 1."""

    line: Line
    weight_e18: int
    bps: Bps


@dataclass(frozen=True, slots=True)
class ListedWeights:
    """`weights` by market cap, the largest first; so are `refused`: symbol and reason."""

    rule: Rule
    weights: tuple[Weighted, ...]
    refused: tuple[tuple[str, str], ...]


def read_list(text: str) -> tuple[Line, ...]:
    """The columns `symbol`, `market_cap` (USD, decimal text) and, if there is one, `category` (several: `;` between).

    Raises ConfigurationError with every mistake.
    """
    problems: list[str] = []
    found: dict[str, tuple[int, Line]] = {}
    for number, cells in records(text, COLUMNS, problems, OPTIONAL):
        symbol, given = cells["symbol"], cells["market_cap"]
        if not symbol or not symbol.isprintable():
            problems.append(
                f"line {number}: {shown(symbol)} is not a symbol" if symbol else f"line {number}: the symbol is empty"
            )
        elif symbol.casefold() in found:
            problems.append(f"line {number}: {symbol} stands on line {found[symbol.casefold()][0]} already")
        missing = given.casefold() in _NOTHING
        if not missing and not _AMOUNT.fullmatch(given):
            problems.append(f"line {number}: {shown(given)} is not a market cap (digits, and at most one point)")
            continue
        categories = tuple(filter(None, map(str.strip, re.split("[;|]", cells.get("category", "")))))
        line = Line(symbol, given, None if missing else Decimal(given), categories)
        found.setdefault(symbol.casefold(), (number, line))
    if not found and not problems:
        problems.append("there is no coin in it")
    if problems:
        raise ConfigurationError(problems)
    return tuple(line for _, line in found.values())


def weigh_list(
    lines: Sequence[Line], rule: Rule, cap: Fraction | None, floor: Fraction | None, top: int
) -> ListedWeights:
    """The `top` largest that float freely, weighed. Raises ConfigurationError where there are no such weights."""
    by_coin = {line.symbol.casefold(): line for line in lines}
    screening = screen((_candidate(line) for line in lines), Methodology(), Timestamp(0), OF_A_LIST)
    members, rest = screening.eligible[:top], screening.eligible[top:]
    try:
        weights = weigh(rule, [each.market_cap for each in members], cap, floor)
    except WeightsImpossible as fault:
        told = [f"{each.symbol} is refused: {each.refusal.reason}" for each in screening.refused]
        raise ConfigurationError([str(fault), *told]) from None
    reasons = {each.coin: each.refusal.reason for each in screening.refused}
    reasons |= {each.coin: f"rank {each.rank}: the index takes the first {top}" for each in rest}
    out = sorted(reasons, key=lambda coin: (-(by_coin[coin].market_cap or 0), coin))
    return ListedWeights(
        rule,
        tuple(
            Weighted(by_coin[each.coin], exact, Bps(bps))
            for each, exact, bps in zip(members, apportion(weights, E18), apportion(weights, BPS), strict=True)
        ),
        tuple((by_coin[coin].symbol, reasons[coin]) for coin in out),
    )


def _candidate(line: Line) -> Candidate:
    return Candidate(
        coin=line.symbol.casefold(),
        symbol=line.symbol,
        name=line.symbol,
        market_cap=line.market_cap,
        price=None,
        updated_at=None,
        categories=line.categories,
    )
