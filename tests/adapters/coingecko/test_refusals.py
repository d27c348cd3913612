"""What a refusal is read as, whatever it is made of."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.coingecko import refusals
from keeper.adapters.foreign import exact
from keeper.core.quotes import FaultKind

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "error", "errors", "error_code", "error_message", "title"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("status", "body", "kind", "whole"),
    [
        (429, {"status": {"error_code": 429}}, FaultKind.LIMITED, True),
        (403, {"status": {"error_code": 429}}, FaultKind.FORBIDDEN, True),
        (400, {"status": {"error_code": 429}}, FaultKind.LIMITED, True),
        (429, {"status": {"error_code": 10005}}, FaultKind.FORBIDDEN, False),
        (500, {"error": {"error_code": 10002}}, FaultKind.FORBIDDEN, True),
        (500, {"error": {"status": {"error_code": True}}}, FaultKind.UNAVAILABLE, False),
        (404, {"errors": [{"title": "Not Found"}]}, FaultKind.REFUSED, False),
        (422, [], FaultKind.REFUSED, False),
        (599, None, FaultKind.UNAVAILABLE, False),
        (304, "", FaultKind.UNAVAILABLE, False),
        (204, "", FaultKind.UNAVAILABLE, False),
    ],
)
def test_status_and_code(status: int, body: Any, kind: FaultKind, whole: bool) -> None:
    found = refusals.of_status(status, json.dumps(body).encode())
    assert (found.kind, found.whole) == (kind, whole)


@pytest.mark.unit
@pytest.mark.parametrize(
    "document", [{}, [], None, 7, "error", {"status": {"usd": 1}}, {"error": {"usd": 1}}, {"status": "ok"}]
)
def test_what_is_no_error(document: Any) -> None:
    assert refusals.of_document(exact(json.dumps(document).encode())) is None


@pytest.mark.property
@given(st.integers(100, 999), st.binary(max_size=40) | JSON.map(lambda document: json.dumps(document).encode()))
def test_anything_is_a_refusal_with_a_reason(status: int, body: bytes) -> None:
    assert f"HTTP status {status}" in refusals.of_status(status, body).reason


@pytest.mark.property
@given(JSON)
def test_anything_with_status_200_is_an_error_or_none(document: Any) -> None:
    found = refusals.of_document(exact(json.dumps(document).encode()))
    assert found is None or found.reason
