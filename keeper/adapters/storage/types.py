"""Column types that keep what they are given: uint256, UTC instants, exact decimals. Anything lossy is refused."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Numeric, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from keeper.core.journal import rfc3339

UINT256_MAX = 2**256 - 1
INT256_MIN = -(2**255)
BIGINT_MAX = 2**63 - 1
INT256_MAX = 2**255 - 1

RowId = BigInteger().with_variant(Integer, "sqlite")
"""A generated key: SQLite generates only for INTEGER."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class _Int256(TypeDecorator[int]):
    """NUMERIC(78, 0) on PostgreSQL, decimal TEXT on SQLite, whose integers end at 64 bits."""

    impl = Text
    cache_ok = True
    low: int
    high: int

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        wide: TypeEngine[Any] = Numeric(78, 0) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(wide)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"an integer is stored here, not {type(value).__name__}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{value} does not fit {type(self).__name__}")
        return Decimal(value) if dialect.name == "postgresql" else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value)


class Uint256(_Int256):
    """0 to 2^256 - 1: token amounts, wei, USD-e18."""

    cache_ok = True
    low = 0
    high = UINT256_MAX


class Int256(_Int256):
    """-2^255 to 2^255 - 1: what may be negative, such as the price a broken feed claims."""

    cache_ok = True
    low = INT256_MIN
    high = INT256_MAX


def fitting_uint(value: int | None) -> int | None:
    """`value`, or None when no uint256 holds it: a token that lies about its balance may be worth any number.

    The journal's record keeps the digits; that a row cannot must not keep the cycle from being recorded.
    """
    return value if value is not None and value <= UINT256_MAX else None


def fitting_int(value: int | None) -> int | None:
    """Likewise for int256, which the price of a broken feed may leave."""
    return value if value is not None and INT256_MIN <= value <= INT256_MAX else None


def fitting_time(timestamp: int | None) -> int | None:
    """Likewise for a BIGINT of seconds: a feed may claim to have spoken in any second of 256 bits."""
    return timestamp if timestamp is not None and timestamp <= BIGINT_MAX else None


class UtcTime(TypeDecorator[datetime]):
    """An instant. Aware in, aware (UTC) out; RFC 3339 text on SQLite, so that a person reads the zone there too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        instant: TypeEngine[Any] = DateTime(timezone=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(instant)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone is not an instant")
        return value.astimezone(UTC) if dialect.name == "postgresql" else rfc3339(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text that comes from outside: a symbol, a node's reply, a revert's reason.

    PostgreSQL takes no NUL and neither database half a surrogate pair; both become visible stand-ins.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode("utf-8")


class DecimalText(TypeDecorator[Decimal]):
    """A Decimal, digit by digit, as text in both databases. For basis points and ratios, not for sums in SQL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise TypeError(f"a finite Decimal is stored here, not {value!r}")
        return str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value)
