"""What exactly differs between two versions of a configuration, in the words of the file."""

from collections.abc import Iterator, Mapping
from typing import Any


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Of two plain configurations (`config.plain`): a line per place, `limits.loss_cap_bps: 5 -> 10`.

    Assets, keepers and venues are told apart by what they are, so that one more does not change all that follow.
    """
    return list(_compared("", old, new))


def _compared(place: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from _compared(f"{place}.{key}" if place else str(key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and all(isinstance(item, Mapping) for item in [*old, *new]):
        yield from _items(place, old, new)
    elif old != new:
        yield f"{place}: {_shown(old)} -> {_shown(new)}"


def _items(place: str, old: list[Mapping[str, Any]], new: list[Mapping[str, Any]]) -> Iterator[str]:
    before, after = ({_identity(item): item for item in items} for items in (old, new))
    for identity in dict.fromkeys([*before, *after]):
        where = f"{place}[{identity}]"
        if identity not in after:
            yield f"{where}: removed"
        elif identity not in before:
            yield f"{where}: added"
        else:
            yield from _compared(where, before[identity], after[identity])


def _identity(item: Mapping[str, Any]) -> str:
    """An asset's symbol, a keeper's address, a venue's kind, assets and fee."""
    if "kind" in item:
        return f"{item['kind']} {'/'.join(item['assets'])} {item['fee_pips']}"
    return str(item.get("symbol") or item.get("address"))


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
