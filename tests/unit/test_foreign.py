"""What others send: exact numbers, a sane depth, names once, and text that no terminal obeys."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.foreign import NotANumber, exact, loads, not_json, printable, shown

pytestmark = pytest.mark.unit


def test_numbers_are_the_decimals_that_were_written() -> None:
    texts = ["1", "0.1", "1542226908349.8406", "1E-9", "-0", "123456789012345678901234567890.5"]
    found = exact(f"[{', '.join(texts)}]".encode())
    assert [str(number) for number in found] == texts
    assert all(type(number) is Decimal for number in found)


def test_a_name_that_is_there_twice_is_ambiguous_where_that_is_asked() -> None:
    assert loads(b'{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(ValueError, match="a name is there twice"):
        loads(b'{"a": 1, "a": 2}', names_once=True)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e99999999999999999999", "9" * 401])
def test_what_is_no_number_keeps_its_place(text: str) -> None:
    (found,) = exact(f"[{text}]".encode())
    assert isinstance(found, NotANumber)
    assert len(found.text) <= 60


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a":1,"a":1}',
        b'[{"b":{"a":1,"a":2}}]',
        b"[" * 501 + b"]" * 501,
        b"[" * 10**6,
        b"\xff",
        b"01",
        b"1_0",
    ],
)
def test_what_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        exact(raw)


def test_depth_and_twins_of_what_is_not_money() -> None:
    assert loads(b'{"a":1,"a":2}') == {"a": 2}
    with pytest.raises(ValueError, match="nested too deep"):
        loads(b"[" * 501 + b"]" * 501)


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_value_error(raw: bytes) -> None:
    try:
        exact(raw)
    except ValueError:
        assert not_json(raw).startswith("answered ")


@given(st.text(max_size=300))
def test_any_text_is_one_line_for_a_terminal(text: str) -> None:
    found = printable(text)
    assert found.isprintable()
    assert len(found) <= 200
    assert len(shown(text)) <= 60
