"""Column types: what goes in comes out, digit by digit, and what would lose something does not go in."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, Text, cast, select
from sqlalchemy.exc import StatementError

from keeper.adapters.storage.database import Database
from keeper.adapters.storage.types import INT256_MAX, INT256_MIN, UINT256_MAX, DecimalText, Int256, Uint256, UtcTime

pytestmark = pytest.mark.adapter

UNSIGNED = [0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 + 1, 9_200_000_000_000_000_001, 10**77, UINT256_MAX]
SIGNED = [INT256_MIN, INT256_MIN + 1, -(2**64) - 1, -1, 0, 1, 2**64 + 1, INT256_MAX]
INSTANTS = [
    datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2021, 5, 19, 23, 30, tzinfo=timezone(timedelta(hours=-7))),
]
DECIMALS = [Decimal("0"), Decimal("-0.0001"), Decimal("1250.1000"), Decimal("1E-40"), Decimal(10**70 + 1)]


async def through(database: Database, column_type: Any, values: list[Any]) -> list[Any]:
    scratch = Table("scratch", MetaData(), Column("n", Text), Column("value", column_type), prefixes=["TEMPORARY"])

    def work(db: Connection) -> list[Any]:
        scratch.create(db)
        db.execute(scratch.insert(), [{"n": f"{n:03}", "value": value} for n, value in enumerate(values)])
        return list(db.scalars(select(scratch.c.value).order_by(scratch.c.n)))

    return await database.write(work)


@pytest.mark.parametrize(
    ("column_type", "values"),
    [(Uint256, UNSIGNED), (Int256, SIGNED), (UtcTime, INSTANTS), (DecimalText, DECIMALS)],
    ids=["uint256", "int256", "utc", "decimal"],
)
async def test_round_trip_is_exact(database: Database, column_type: Any, values: list[Any]) -> None:
    back = await through(database, column_type, [*values, None])
    assert back == [*values, None]
    assert [type(value) for value in back[:-1]] == [type(value) for value in values]


async def test_decimal_keeps_its_trailing_zeros(database: Database) -> None:
    assert [str(value) for value in await through(database, DecimalText, DECIMALS)] == [str(each) for each in DECIMALS]


async def test_instant_comes_back_in_utc(database: Database) -> None:
    assert {value.utcoffset() for value in await through(database, UtcTime, INSTANTS)} == {timedelta(0)}


@pytest.mark.parametrize(
    ("column_type", "value"),
    [
        (Uint256, -1),
        (Uint256, UINT256_MAX + 1),
        (Uint256, 1.0),
        (Uint256, Decimal(1)),
        (Uint256, "1"),
        (Uint256, True),
        (Int256, INT256_MIN - 1),
        (Int256, INT256_MAX + 1),
        (Int256, -1.5),
        (UtcTime, datetime(2026, 1, 2)),  # noqa: DTZ001 - the point
        (DecimalText, 1.5),
        (DecimalText, Decimal("NaN")),
    ],
)
async def test_lossy_values_are_refused(database: Database, column_type: Any, value: Any) -> None:
    with pytest.raises((StatementError, TypeError, ValueError)):
        await through(database, column_type, [value])


async def test_uint256_is_exact_for_other_readers_too(database: Database) -> None:
    """As text in the database itself, not merely after our own conversion back."""
    scratch = Table("scratch", MetaData(), Column("value", Uint256), prefixes=["TEMPORARY"])

    def work(db: Connection) -> str:
        scratch.create(db)
        db.execute(scratch.insert(), {"value": UINT256_MAX})
        return str(db.scalar(select(cast(scratch.c.value, Text))))

    assert await database.write(work) == str(UINT256_MAX)
