"""Canonical bytes and the chain of hashes: RFC 8785's own examples, and nothing that has two readings."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest

from keeper.core.journal import GENESIS, NotCanonical, canonical, content_hash, link, rfc3339
from keeper.core.units import Hash32

pytestmark = pytest.mark.unit


def test_keys_are_sorted_and_nothing_is_padded() -> None:
    assert canonical({"b": "2", "a": ["1", True], "c": {}}) == b'{"a":["1",true],"b":"2","c":{}}'


def test_keys_sort_by_utf_16_as_the_rfc_says() -> None:
    """RFC 8785, 3.2.3: the emoji sorts before U+FB33 although its code point is higher."""
    body = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = list(json.loads(canonical(body)).values())
    assert order == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_texts_are_escaped_as_the_rfc_says() -> None:
    """RFC 8785, 3.2.2.2."""
    assert canonical({"s": '\u20ac$\u000f\nA\'B"\\\\"/'}) == '{"s":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "body.x: int"),
        (1.5, "body.x: float"),
        (None, "body.x: NoneType"),
        (Decimal(1), "body.x: Decimal"),
        (b"raw", "body.x: bytes"),
        (["1", {"y": 2}], r"body.x\[1\].y: int"),
        ({1: "a"}, "the key 1 is not text"),
        ({"a"}, "body.x: set"),
    ],
)
def test_what_has_more_than_one_reading_is_refused_by_its_place(value: Any, words: str) -> None:
    with pytest.raises(NotCanonical, match=words):
        canonical({"x": value})


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(NotCanonical, match="not Unicode"):
        canonical({"x": "\ud800"})
    with pytest.raises(NotCanonical, match="not Unicode"):
        canonical({"\ud800": "x"})


def test_read_only_and_tuple_and_enum_are_plain() -> None:
    class Colour(StrEnum):
        RED = "red"

    assert canonical(MappingProxyType({"x": ("a", Colour.RED)})) == b'{"x":["a","red"]}'


def test_content_is_sha256_of_the_canonical_bytes() -> None:
    body = {"a": "1"}
    assert content_hash(body) == "0x" + hashlib.sha256(b'{"a":"1"}').hexdigest()


def test_a_link_hashes_both_hashes_as_bytes() -> None:
    """Independent of the code: sha256 of 64 zero bytes."""
    assert GENESIS == "0x" + "0" * 64
    assert link(GENESIS, GENESIS) == "0xf5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"


def test_a_chain_depends_on_every_record_and_their_order() -> None:
    contents = [content_hash({"n": str(n)}) for n in range(4)]

    def head(order: list[Hash32]) -> Hash32:
        newest = GENESIS
        for content in order:
            newest = link(newest, content)
        return newest

    assert head(contents) != head(contents[::-1])
    assert head(contents) != head([*contents[:3], content_hash({"n": "forged"})])


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 20, 12, 0, 0, 0, UTC), "2026-11-20T12:00:00.000000Z"),
        (datetime(2026, 11, 20, 12, 0, 0, 7, UTC), "2026-11-20T12:00:00.000007Z"),
        (datetime(2026, 11, 20, 13, 0, 0, 0, timezone(timedelta(hours=1))), "2026-11-20T12:00:00.000000Z"),
    ],
)
def test_an_instant_is_written_in_one_way(at: datetime, text: str) -> None:
    assert rfc3339(at) == text
