"""Canonical JSON of any body: it reads back as it was, and does not depend on how it was put together."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.journal import NotCanonical, canonical, content_hash

pytestmark = pytest.mark.property

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
BODIES = st.dictionaries(
    TEXT,
    st.recursive(
        TEXT | st.booleans(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(item) for key, item in reversed(value.items())}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


@given(BODIES)
def test_it_is_what_the_reference_writes(body: dict[str, Any]) -> None:
    assert canonical(body) == rfc8785.dumps(body)


@given(BODIES)
def test_it_reads_back_as_it_was(body: dict[str, Any]) -> None:
    assert json.loads(canonical(body)) == body


@given(BODIES)
def test_canonical_is_a_fixed_point_and_blind_to_the_order_of_keys(body: dict[str, Any]) -> None:
    assert canonical(json.loads(canonical(body))) == canonical(body) == canonical(reversed_keys(body))


@given(BODIES, BODIES)
def test_different_bodies_have_different_hashes(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert (content_hash(one) == content_hash(two)) is (one == two)


@given(BODIES, st.integers() | st.floats() | st.none())
def test_a_number_anywhere_is_refused(body: dict[str, Any], number: float | None) -> None:
    with pytest.raises(NotCanonical):
        canonical({**body, "nested": [{"deep": number}]})
