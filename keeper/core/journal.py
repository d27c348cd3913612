"""The journal's arithmetic: canonical bytes of a record, their hash, and the link that chains records.

`content = sha256(canonical(body))`, `link = sha256(previous || content)`; canonical is RFC 8785 (JCS). Bodies hold
text, booleans, lists and objects only: a number has as many readings as it has readers, so integers and decimals are
text, and what is unknown is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from json import JSONEncoder
from typing import Any, Final, TypeAlias

from keeper.core.units import Hash32

GENESIS: Final = Hash32("0x" + "00" * 32)
"""What the first record of a chain is linked to."""

_JSON: Final = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
"""Without numbers and with keys in order this writes RFC 8785, and does so in C: a test holds it to a reference."""
_SORTING: Final = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True)
"""It sorts keys by code points: where they are ASCII, as JCS wants it."""

_Json: TypeAlias = "str | bool | list[_Json] | dict[str, _Json]"


def rfc3339(at: datetime) -> str:
    """An aware instant in UTC, with microseconds and a Z: one way to write it, whatever its digits."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


class NotCanonical(TypeError):
    """A body holds something that has no single reading. The message says where."""


def canonical(body: Mapping[str, Any]) -> bytes:
    """The one way to write `body`. Raises NotCanonical for numbers, None, and anything else that is not plain."""
    try:
        if _is_plain(body):  # nearly always: then nothing has to be built anew
            return _SORTING.encode(body).encode()
        return _JSON.encode(_plain(body, "body")).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a text in the body is not Unicode: it holds half of a surrogate pair") from error


def content_hash(body: Mapping[str, Any]) -> Hash32:
    """Of a decision record, this is the `decision` argument of `rebalance`."""
    return _hex(sha256(canonical(body)).digest())


def link(previous: Hash32, content: Hash32) -> Hash32:
    """The record's place in the chain: fixes its content and everything before it."""
    return _hex(sha256(bytes.fromhex(previous[2:]) + bytes.fromhex(content[2:])).digest())


def _is_plain(value: Any) -> bool:
    """Whether it is made of nothing but str, bool, list and dict themselves, with keys in ASCII."""
    kind = type(value)
    if kind is dict:
        for key, each in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if type(each) is not str and not _is_plain(each):
                return False
        return True
    if kind is list:
        return all(type(each) is str or _is_plain(each) for each in value)
    return kind is str or kind is bool


def _plain(value: Any, where: str) -> _Json:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, dict | Mapping):  # a look at the type is quicker than asking the abstract class
        for key in value:
            if not isinstance(key, str):
                raise NotCanonical(f"{where}: the key {key!r} is not text")
        return {str(key): _plain(value[key], f"{where}.{key}") for key in _in_order(value)}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise NotCanonical(f"{where}: {type(value).__name__} is not text, boolean, list or object")


def _in_order(keys: Iterable[str]) -> list[str]:
    """By UTF-16 code units, as JCS wants it."""
    ordered = sorted(keys)
    return ordered if "".join(ordered).isascii() else sorted(keys, key=lambda key: key.encode("utf-16-be"))


def _hex(digest: bytes) -> Hash32:
    return Hash32("0x" + digest.hex())
