"""A nonce that the books cannot explain holds its signer, whichever way it is off."""

import pytest

from keeper.core.holds import nonce_fault
from keeper.core.ledger import SignerState
from tests import factories as f

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("known", "nonce"), [(None, 0), (0, 0), (7, 7)])
def test_what_the_books_expect_is_in_order(known: int | None, nonce: int) -> None:
    assert nonce_fault(SignerState(f.SIGNER, known, None), nonce) is None


@pytest.mark.parametrize(
    ("known", "nonce", "words"),
    [
        (None, 1, "these books have none: a new or a lost database?"),
        (0, 1, "these books 0: an old database, or a second user of the key?"),
        (7, 9, "the chain has 9 transactions of"),
        (7, 6, "these books 7 that are final: it was rolled back"),
        (7, 0, "it was rolled back, or the node is of another chain"),
    ],
)
def test_what_they_do_not_is_told(known: int | None, nonce: int, words: str) -> None:
    fault = nonce_fault(SignerState(f.SIGNER, known, None), nonce)
    assert fault is not None
    assert words in fault
    assert f.SIGNER in fault
