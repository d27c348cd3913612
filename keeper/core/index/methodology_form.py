"""A methodology as plain values, for a row or JSON, and back: every mistake in them at once.

Bps and counts are integers, dollars are text: `to_plain(from_plain(x))` says everything that `x` said and every default
besides, so that two methodologies are the same when their plain forms are.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from keeper.core.index.methodology import Methodology, mistakes_of
from keeper.core.index.weights import Rule
from keeper.core.mistakes import ConfigurationError
from keeper.core.words import plain

_DECIMAL: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
_LARGEST: Final = 2**53 - 1
"""Integers of JSON that every reader reads alike."""


def from_plain(said: Mapping[str, Any]) -> Methodology:
    """What is left out is the default. Raises ConfigurationError with every mistake, each beginning with its place."""
    unknown = [name if name.isprintable() else _shown(name) for name in sorted(map(str, said)) if name not in _READERS]
    problems = [f"{name}: there is no such rule of an index" for name in unknown]
    values: dict[str, Any] = {}
    for name, read in _READERS.items():
        if name in said:
            try:
                values[name] = read(said[name])
            except ValueError as error:
                problems.append(f"{name}: {error}")
    if not problems:
        problems = list(mistakes_of(Methodology(**values)))
    if problems:
        raise ConfigurationError(problems)
    return Methodology(**values)


def to_plain(rules: Methodology) -> dict[str, Any]:
    """Integers, text, lists, objects and None, in the order of the fields; every one of them."""
    return {
        "size": rules.size,
        "rule": rules.rule.value,
        "cap_bps": rules.cap_bps,
        "floor_bps": rules.floor_bps,
        "rank_buffer": rules.rank_buffer,
        "weight_threshold_bps": rules.weight_threshold_bps,
        "min_dexes": rules.min_dexes,
        "min_pool_usd": plain(rules.min_pool_usd),
        "max_age_seconds": rules.max_age_seconds,
        "coins": list(rules.coins),
        "category": rules.category,
        "exclusions": list(rules.exclusions),
        "native": dict(rules.native),
        "cash_bps": rules.cash_bps,
        "fixed_bps": dict(rules.fixed_bps),
        "interval_seconds": rules.interval_seconds,
    }


def to_record(rules: Methodology) -> dict[str, Any]:
    """The same for the journal, whose bodies hold no numbers: every integer is text, what is not set is left out."""
    return {name: _recorded(value) for name, value in to_plain(rules).items() if value is not None}


def _recorded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: str(each) for name, each in value.items()}
    return value if isinstance(value, list) else str(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is not a whole number")
    if abs(value) > _LARGEST:
        raise ValueError(f"{_shown(value)} is out of all bounds")
    return value


def _whole_or_none(value: object) -> int | None:
    return None if value is None else _whole(value)


def _rule(value: object) -> Rule:
    if value not in [rule.value for rule in Rule]:
        raise ValueError(f"{_shown(value)} is not one of {', '.join(Rule)}")
    return Rule(value)


def _dollars(value: object) -> Decimal:
    """Floats have lost digits before they are read."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(_whole(value))
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError(f"{_shown(value)} is not an amount of dollars: digits and at most one point, in quotes")
    return Decimal(plain(Decimal(value)))


def _text(value: object) -> str:
    if not isinstance(value, str) or (value and not value.isprintable()):
        raise ValueError(f"{_shown(value)} is not printable text")
    return value


def _list(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{_shown(value)} is not a list of names")
    return tuple(map(_text, value))


def _texts(value: object) -> tuple[tuple[str, str], ...]:
    return tuple((_text(name), _text(other)) for name, other in _object(value).items())


def _wholes(value: object) -> tuple[tuple[str, int], ...]:
    return tuple((_text(name), _whole(other)) for name, other in _object(value).items())


def _object(value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{_shown(value)} is not an object of names and values")
    return value


def _shown(value: object) -> str:
    """A foreign value in a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_READERS: Final[dict[str, Callable[[object], Any]]] = {
    "size": _whole,
    "rule": _rule,
    "cap_bps": _whole_or_none,
    "floor_bps": _whole_or_none,
    "rank_buffer": _whole,
    "weight_threshold_bps": _whole,
    "min_dexes": _whole,
    "min_pool_usd": _dollars,
    "max_age_seconds": _whole,
    "coins": _list,
    "category": _text,
    "exclusions": _list,
    "native": _texts,
    "cash_bps": _whole,
    "fixed_bps": _wholes,
    "interval_seconds": _whole,
}
