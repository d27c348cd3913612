"""What a provider says becomes a quote or a fault by name: no figure passes that cannot be."""

from decimal import Decimal
from typing import Any

import pytest

from keeper.core import quotes
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote, aged, coin_id, px_of, quote_of
from keeper.core.units import Timestamp

pytestmark = pytest.mark.unit

COIN, SOURCE = CoinId("ethereum"), "somebody"
THEN = Timestamp(1_700_000_000)
QUOTE = Quote(COIN, SOURCE, Decimal("2084.57"), Decimal("2.5e11"), THEN)


def read(usd: object, market_cap: object = None, updated_at: object = Decimal(THEN)) -> Quote | Fault:
    return quote_of(COIN, SOURCE, usd, market_cap, updated_at)


def test_a_quote_keeps_every_digit() -> None:
    usd, market_cap = Decimal("76975.12345678901234567890123456789"), Decimal("1542226908349.8406")
    assert read(usd, market_cap) == Quote(COIN, SOURCE, usd, market_cap, THEN)
    assert read(usd, updated_at=Decimal("1700000000.9")) == Quote(COIN, SOURCE, usd, None, THEN)


@pytest.mark.parametrize("unknown", [None, Decimal(0), Decimal("0.0")])
def test_a_market_capitalisation_of_nothing_is_unknown(unknown: object) -> None:
    assert read(Decimal(1), unknown) == Quote(COIN, SOURCE, Decimal(1), None, THEN)


@pytest.mark.parametrize(
    ("usd", "kind", "reason"),
    [
        (None, FaultKind.UNPRICED, "the price is null"),
        (Decimal(0), FaultKind.NOT_POSITIVE, "the price is 0"),
        (Decimal("-0.0"), FaultKind.NOT_POSITIVE, "the price is -0.0"),
        (Decimal("-3"), FaultKind.NOT_POSITIVE, "the price is -3"),
        (Decimal("1e-37"), FaultKind.ABSURD, "the price is 1E-37 USD"),
        (Decimal("1e999999"), FaultKind.ABSURD, "the price is 1E+999999 USD"),
        (Decimal("NaN"), FaultKind.MALFORMED, "the price is NaN instead of a number"),
        (Decimal("-Infinity"), FaultKind.MALFORMED, "the price is -Infinity instead of a number"),
        ("2084.57", FaultKind.MALFORMED, "the price is '2084.57' instead of a number"),
        (True, FaultKind.MALFORMED, "the price is true instead of a number"),
        (2084, FaultKind.MALFORMED, "the price is 2084 instead of a number"),
        (2084.57, FaultKind.MALFORMED, "the price is 2084.57 instead of a number"),
        ({"usd": 1}, FaultKind.MALFORMED, "the price is an object instead of a number"),
        ([1], FaultKind.MALFORMED, "the price is a list instead of a number"),
        ("x" * 999, FaultKind.MALFORMED, f"the price is '{'x' * 36}... instead of a number"),
    ],
)  # fmt: skip
def test_a_price_that_is_none(usd: object, kind: FaultKind, reason: str) -> None:
    assert read(usd) == Fault(COIN, SOURCE, kind, reason, THEN)


@pytest.mark.parametrize(
    ("market_cap", "kind"),
    [
        (Decimal(-1), FaultKind.ABSURD),
        (Decimal("1.1e18"), FaultKind.ABSURD),
        ("250000000", FaultKind.MALFORMED),
        (False, FaultKind.MALFORMED),
        ([], FaultKind.MALFORMED),
    ],
)
def test_a_market_capitalisation_that_cannot_be_spoils_the_quote(market_cap: object, kind: FaultKind) -> None:
    fault = read(Decimal(1), market_cap)
    assert isinstance(fault, Fault)
    assert fault.kind is kind
    assert fault.reason.startswith("the market capitalisation is ")


@pytest.mark.parametrize(
    ("updated_at", "kind"),
    [
        (None, FaultKind.UNDATED),
        (Decimal(0), FaultKind.ABSURD),
        (Decimal(-1), FaultKind.ABSURD),
        (Decimal(THEN * 1000), FaultKind.ABSURD),
        (Decimal("1e99999"), FaultKind.ABSURD),
        ("1700000000", FaultKind.MALFORMED),
        (True, FaultKind.MALFORMED),
        ({}, FaultKind.MALFORMED),
    ],
)
def test_a_time_that_is_none(updated_at: object, kind: FaultKind) -> None:
    fault = read(Decimal(1), updated_at=updated_at)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.updated_at) == (kind, None)


@pytest.mark.parametrize("usd", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity"), Decimal("1e99999")])
def test_there_is_no_quote_without_a_price(usd: Decimal) -> None:
    with pytest.raises(ValueError, match="positive"):
        Quote(COIN, SOURCE, usd, None, THEN)


@pytest.mark.parametrize(
    ("age", "kind"),
    [
        (0, None),
        (180, None),
        (181, FaultKind.STALE),
        (10**9, FaultKind.STALE),
        (-quotes.MOST_AHEAD, None),
        (-quotes.MOST_AHEAD - 1, FaultKind.FUTURE),
    ],
)
def test_age_is_judged_at_the_time_that_is_given(age: int, kind: FaultKind | None) -> None:
    found = aged(QUOTE, Timestamp(THEN + age), 180)
    if kind is None:
        assert found is QUOTE
    else:
        assert isinstance(found, Fault)
        assert (found.kind, found.updated_at) == (kind, THEN)
        assert str(abs(age)) in found.reason


def test_without_a_limit_any_age_will_do_but_not_the_future() -> None:
    assert aged(QUOTE, Timestamp(2 * THEN), None) is QUOTE
    found = aged(QUOTE, Timestamp(0), None)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.FUTURE
    fault = Fault(COIN, SOURCE, FaultKind.MISSING, "not there")
    assert aged(fault, Timestamp(0), 1) is fault


@pytest.mark.parametrize(
    ("usd", "decimals", "px"),
    [
        ("2084.57", 18, 2_084_570_000_000_000_000_000),
        ("1", 6, 10**30),
        ("76975", 8, 76_975 * 10**28),
        ("1", 0, 10**36),
        ("1.9999999999999999999", 18, 1_999_999_999_999_999_999),
        ("1e-18", 18, 1),
        ("3", 36, 3),
    ],
)
def test_a_price_in_the_treasurys_unit(usd: str, decimals: int, px: int) -> None:
    assert px_of(Quote(COIN, SOURCE, Decimal(usd), None, THEN), decimals) == px


@pytest.mark.parametrize(("usd", "decimals"), [("9.9e-19", 18), ("0.9", 36), ("9", 37), ("1", 255)])
def test_a_price_of_zero_is_refused(usd: str, decimals: int) -> None:
    found = px_of(Quote(COIN, SOURCE, Decimal(usd), None, THEN), decimals)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.TOO_SMALL
    assert f"{decimals} decimals" in found.reason


@pytest.mark.parametrize("name", ["bitcoin", "0x", "matic-network", "usd-coin", "a_b.c~d", "x" * 100])
def test_names_of_coins(name: str) -> None:
    assert coin_id(name) == name


@pytest.mark.parametrize("name", ["", "a,b", "a b", "a&ids=b", "a\n", "é", "x" * 101, "../ping", None, 7, ["a"]])
def test_what_no_coin_is_called(name: Any) -> None:
    assert coin_id(name) is None
