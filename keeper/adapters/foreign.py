"""What others send, made fit to be shown and read: text that no terminal obeys, JSON of a sane depth, exact numbers."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_DEEPEST: Final = 500
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_LONGEST_NUMBER: Final = 400
"""Digits and signs of a number. The smallest double written out without an exponent has 1,076, and nobody's price."""


@dataclass(frozen=True, slots=True)
class NotANumber:
    """What stands where a number belongs and is none: `NaN`, `Infinity`, or one that no computer should hold."""

    text: str


def loads(raw: bytes, *, names_once: bool = False) -> Any:
    """JSON of a sane depth. Raises ValueError; with `names_once` also when an object has a name twice.

    py_ecc, which keystores bring along, lifts Python's recursion limit to 100,000: a body of brackets alone would not
    raise RecursionError but overflow the C stack and kill the process.
    """
    _check_depth(raw)
    return json.loads(raw, object_pairs_hook=_unambiguous if names_once else None)


def exact(raw: bytes) -> Any:
    """The same, for money: every number is the Decimal that was written, or a NotANumber. Raises ValueError, also when
    an object has a name twice: nobody could say which of them counts."""
    _check_depth(raw)
    return json.loads(
        raw, parse_float=_number, parse_int=_number, parse_constant=NotANumber, object_pairs_hook=_unambiguous
    )


def _check_depth(raw: bytes) -> None:
    if raw.count(b"[") + raw.count(b"{") > _DEEPEST:
        depth = 0
        for bracket in _BRACKETS.finditer(raw):
            depth += 1 if bracket[0] in b"[{" else -1
            if depth > _DEEPEST:
                raise ValueError("nested too deep")


def _number(text: str) -> Decimal | NotANumber:
    if len(text) > _LONGEST_NUMBER:
        return NotANumber(cut(text, 60))
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond any
        return NotANumber(cut(text, 60))


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is there twice")
    return members


def not_json(raw: bytes) -> str:
    """What a body is that `loads` refused."""
    start = raw.lstrip()[:200].lower()
    if not start:
        return "answered nothing"
    return (
        "answered HTML instead of JSON" if start.startswith((b"<!doctype", b"<html", b"<head")) else "answered no JSON"
    )


def shown(value: object) -> str:
    """A foreign value in a message: short whatever it is."""
    return cut("null" if value is None else repr(value[:60] if isinstance(value, str) else value), 60)


def printable(text: str, limit: int = 200) -> str:
    """Foreign text as one line that no terminal obeys and every encoding takes: no control characters, no halves of
    surrogate pairs."""
    return cut("".join(char if char.isprintable() else " " for char in text).strip(), limit)


def cut(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
