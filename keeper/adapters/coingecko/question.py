"""A question to CoinGecko: where it is put, how its answer is read, how long that is good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")


class Malformed(ValueError):
    """An answer that is JSON but not what was promised. The text says which part."""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """`read` gets the document with its numbers as Decimals, and raises Malformed.

    `topic` is what kind of question it is, in messages too. `absent` is the answer where CoinGecko says 404, None when
    that is a refusal like others. `longest` bounds the answer, in bytes.
    """

    topic: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    keep_seconds: float = 0.0
    longest: int = 4 << 20
    for_prices: bool = False
    absent: T | None = None

    @property
    def target(self) -> str:
        """Path and query. Commas stay: 250 names are long enough without `%2C`."""
        return f"{self.path}?{urlencode(self.query, safe=',')}" if self.query else self.path
