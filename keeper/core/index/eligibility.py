"""Which coins may be in the index: every candidate is in, with a rank, or out, with a reason that a person understands.

The first N are taken after this, never before. Every check has one shape: (candidate, rules, now) -> Refusal | None.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

from keeper.core.index.candidates import Candidate, Cause, Ranked, Refusal, Refused
from keeper.core.index.categories import Kind, kinds
from keeper.core.index.methodology import Methodology
from keeper.core.index.pegs import around_one, held_at_one, middle, stands_still
from keeper.core.units import Address, Timestamp
from keeper.core.words import duration, plain

AHEAD_SECONDS: Final = 3_600
"""How far a price's time may be ahead of the block's: two clocks, and a block of some minutes ago."""

Check: TypeAlias = Callable[[Candidate, Methodology, Timestamp], Refusal | None]


@dataclass(frozen=True, slots=True)
class Screening:
    """`eligible` by rank, the largest first; `refused` in the order of the candidates."""

    eligible: tuple[Ranked, ...]
    refused: tuple[Refused, ...]


def wanted(candidate: Candidate, rules: Methodology, _now: Timestamp) -> Refusal | None:
    if candidate.coin in rules.exclusions:
        return Refusal(Cause.EXCLUDED, "excluded by the methodology")
    if rules.coins and candidate.coin not in rules.coins:
        return Refusal(Cause.EXCLUDED, "not one of the coins that the methodology chooses from")
    if rules.category and rules.category.lower() not in (each.strip().lower() for each in candidate.categories):
        return Refusal(Cause.EXCLUDED, f"not in the category {rules.category}")
    return None


def sized(candidate: Candidate, _rules: Methodology, _now: Timestamp) -> Refusal | None:
    """A market cap that is missing is never 0, and one of 0 is none."""
    return _missing("market cap", candidate.market_cap)


def priced(candidate: Candidate, _rules: Methodology, _now: Timestamp) -> Refusal | None:
    return _missing("price", candidate.price)


def alive(candidate: Candidate, rules: Methodology, now: Timestamp) -> Refusal | None:
    """Nothing is bought at a price that has stopped."""
    if candidate.updated_at is None:
        return Refusal(Cause.STALE, "nobody says when its price is from")
    age = now - candidate.updated_at
    if age < -AHEAD_SECONDS:
        return Refusal(Cause.STALE, f"its price is {duration(-age)} from the future")
    if age > rules.max_age_seconds:
        return Refusal(Cause.STALE, f"its price is {duration(age)} old, at most {duration(rules.max_age_seconds)}")
    if stands_still(candidate.recent):
        return Refusal(Cause.STALE, f"its price has stopped at {plain(candidate.recent[-1])} USD")
    return None


def floats_freely(candidate: Candidate, _rules: Methodology, _now: Timestamp) -> Refusal | None:
    """No stablecoin, no twin of another coin, no share of a fund. Where a name is unclear, the price decides."""
    said = kinds(candidate.categories)
    if category := said.get(Kind.STABLE):
        return Refusal(Cause.PEGGED, f"a stablecoin ({category})")
    if category := said.get(Kind.TWIN):
        return Refusal(Cause.TWIN, f"wrapped, staked or bridged: it stands for another coin ({category})")
    if category := said.get(Kind.FUND_SHARE):
        return Refusal(Cause.FUND_SHARE, f"a share of a fund or of a pool ({category})")
    if category := said.get(Kind.REBASES):
        return Refusal(Cause.REBASES, f"its balances change by themselves ({category})")
    if category := said.get(Kind.NAMED_STABLE):
        return _named_stable(category, candidate.recent)
    if held_at_one(candidate.recent):
        return Refusal(Cause.PEGGED, "its price is held at 1 USD, whatever it is called")
    return None


def on_the_chain(candidate: Candidate, rules: Methodology, _now: Timestamp) -> Refusal | None:
    """A contract that answers. A coin of another chain has one through the methodology's mapping alone."""
    token, contract = rules.tokens.get(candidate.coin), candidate.contract
    if contract is None:
        fault = f"its token by the methodology, {token}, was not found" if token else "no token is mapped to it either"
        return Refusal(Cause.NO_CONTRACT, f"it has no contract on this chain: {fault}")
    if not contract.has_code:
        return Refusal(Cause.NO_CONTRACT, f"there is no code at {contract.address}")
    if silent := [f"{name}()" for name in ("decimals", "symbol") if getattr(contract, name) is None]:
        return Refusal(Cause.NO_CONTRACT, f"{contract.address} does not answer {' and '.join(silent)}")
    if token is not None and contract.symbol != token:
        return Refusal(Cause.NO_CONTRACT, f"mapped to {token}, but {contract.address} calls itself {contract.symbol}")
    return None


def traded(candidate: Candidate, rules: Methodology, _now: Timestamp) -> Refusal | None:
    """On enough decentralised exchanges, each with a pool that is deep enough."""
    if not rules.min_dexes:
        return None
    if candidate.pools is None:
        return Refusal(Cause.MISSING, "nobody says on which exchanges it trades")
    deep = sorted({protocol(pool.dex) for pool in candidate.pools if (pool.reserve_usd or 0) >= rules.min_pool_usd})
    if len(deep) >= rules.min_dexes:
        return None
    found = f"{len(deep)} ({', '.join(deep)})" if deep else "none"
    return Refusal(
        Cause.FEW_EXCHANGES,
        f"trades on {found} of at least {rules.min_dexes} decentralised exchanges with a pool of "
        f"{rules.min_pool_usd:,f} USD",
    )


OF_A_LIST: Final[tuple[Check, ...]] = (sized, floats_freely)
OF_THE_MARKET: Final[tuple[Check, ...]] = (wanted, sized, priced, alive, floats_freely)
OF_THE_CHAIN: Final[tuple[Check, ...]] = (on_the_chain, traded)


def screen(
    candidates: Iterable[Candidate],
    rules: Methodology,
    now: Timestamp,
    checks: Sequence[Check] = OF_THE_MARKET + OF_THE_CHAIN,
) -> Screening:
    """The first check that speaks keeps a candidate out. A coin that is there twice counts once, the first."""
    known: dict[str, Candidate] = {}
    for candidate in candidates:
        known.setdefault(candidate.coin, candidate)
    said = {coin: _first_refusal(candidate, rules, now, checks) for coin, candidate in known.items()}
    standing = sorted((known[coin] for coin, refusal in said.items() if refusal is None), key=_by_size)
    said |= _same_tokens(standing)
    eligible = [candidate for candidate in standing if said[candidate.coin] is None]
    return Screening(
        tuple(Ranked(rank, each, Fraction(each.market_cap or 0)) for rank, each in enumerate(eligible, start=1)),
        tuple(Refused(coin, known[coin].symbol, refusal) for coin, refusal in said.items() if refusal is not None),
    )


def _first_refusal(candidate: Candidate, rules: Methodology, now: Timestamp, checks: Sequence[Check]) -> Refusal | None:
    return next((said for check in checks if (said := check(candidate, rules, now)) is not None), None)


def _by_size(candidate: Candidate) -> tuple[Fraction, bool, int, str]:
    """The largest market cap first; of equal ones the provider's rank decides, then the id."""
    return -Fraction(candidate.market_cap or 0), candidate.rank is None, candidate.rank or 0, candidate.coin


def _same_tokens(standing: Iterable[Candidate]) -> dict[str, Refusal]:
    """Of coins with one token on the chain the largest keeps it: the others are its twins, whatever they are called."""
    holders: dict[Address, Candidate] = {}
    twins: dict[str, Refusal] = {}
    for candidate in standing:
        if candidate.contract is not None:
            first = holders.setdefault(candidate.contract.address, candidate)
            if first is not candidate:
                same = f"its token is that of {first.name}, {candidate.contract.address}"
                twins[candidate.coin] = Refusal(Cause.TWIN, same)
    return twins


def protocol(dex: str) -> str:
    """`uniswap_v2`, `uniswap-v3-base` -> `uniswap`: versions and networks of one protocol are one exchange.

    The first word of the provider's id. Two protocols that share it count once, which keeps out rather than lets in.
    """
    first = re.split(r"[^a-z0-9]+", dex.strip().lower(), maxsplit=1)[0]
    return re.sub(r"(?<=[a-z])v[0-9]+$", "", first)


def _missing(name: str, amount: Decimal | None) -> Refusal | None:
    if amount is None:
        return Refusal(Cause.MISSING, f"its {name} is not known")
    if not amount.is_finite() or amount < 0:
        return Refusal(Cause.MISSING, f"its {name} is no amount: {amount}")
    return None if amount else Refusal(Cause.MISSING, f"its {name} is 0")


def _named_stable(category: str, recent: Sequence[Decimal]) -> Refusal | None:
    """Gold is called so as well as dollars: the peg test against 1 USD decides."""
    price = middle(recent)
    if price is None:
        return Refusal(Cause.MISSING, f"called a stablecoin ({category}), and no recent price shows otherwise")
    if around_one(price):
        shown = plain(Decimal(round(price * 10_000)).scaleb(-4))
        return Refusal(Cause.PEGGED, f"called a stablecoin ({category}), and its price is about 1 USD: {shown}")
    return None
