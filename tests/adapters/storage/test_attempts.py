"""Attempts: bytes before sending, one nonce for ever, and every reply."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.tables import transaction_reply
from keeper.core.fees import FeeQuote
from keeper.core.ledger import Attempt, AttemptKind, Intent, IntentState
from keeper.core.model import Fund
from keeper.core.units import Timestamp, Wei
from keeper.ports import Reply, SigningForbidden
from tests.adapters.storage import scenes
from tests.adapters.storage.test_cycles import rows

pytestmark = pytest.mark.adapter


async def test_attempt_is_read_back_byte_for_byte(books: SqlBooks, intent: Intent) -> None:
    bytes_ = scenes.signed()
    attempt = await books.save_attempt(intent.id, bytes_, scenes.terms(), "signed")
    assert (attempt.raw, attempt.hash, attempt.nonce) == (bytes_.raw, bytes_.hash, 0)
    assert (attempt.fees, attempt.signed_at, attempt.kind) == (scenes.FEES, scenes.SIGNED_AT, scenes.terms().kind)
    assert (attempt.sent_at, attempt.reply, attempt.reply_kind) == (None, None, None)
    stored = await books.intent(intent.id)
    assert stored == replace(intent, state=IntentState.SIGNED, nonce=0, attempts=(attempt,))


async def test_replies_are_all_kept_and_any_counts_as_sent(
    books: SqlBooks, database: Database, intent: Intent, sent: Attempt
) -> None:
    later = scenes.SENT_AT + timedelta(seconds=48)
    await books.mark_sent(sent.id, later, scenes.SILENCE, scenes.record())
    stored = await books.intent(intent.id)
    assert stored.state is IntentState.SENT
    kept = stored.attempts[0]
    assert (kept.sent_at, kept.reply, kept.reply_kind) == (scenes.SENT_AT, scenes.SILENCE.text, scenes.SILENCE.kind)
    replies = [(row["sent_at"], Reply(row["reply"], row["kind"])) for row in await rows(database, transaction_reply)]
    assert replies == [(scenes.SENT_AT, scenes.ACCEPTED), (later, scenes.SILENCE)]
    with pytest.raises(LookupError):
        await books.mark_sent(sent.id + 1, scenes.SENT_AT, scenes.ACCEPTED, scenes.record())


async def test_an_intent_never_gets_a_second_nonce(
    books: SqlBooks, intent: Intent, sent: Attempt, everything: Any
) -> None:
    before = await everything()
    with pytest.raises(Conflict, match=r"has nonce 0 and never gets another \(1\)"):
        await books.save_attempt(intent.id, scenes.signed(), scenes.terms(1), "raised")
    assert await everything() == before
    higher = scenes.terms(fees=FeeQuote(Wei(2 * 10**11), Wei(2 * 10**9)))
    raised = await books.save_attempt(intent.id, scenes.signed(), higher, "raised")
    stored = await books.intent(intent.id)
    assert stored.state is IntentState.SENT
    assert [each.hash for each in stored.attempts] == [sent.hash, raised.hash]


async def test_a_nonce_belongs_to_one_intent(books: SqlBooks, fund: Fund, intent: Intent, sent: Attempt) -> None:
    await books.settle(scenes.settlement(intent, scenes.receipt(sent.hash)))
    second = await books.commit_cycle(scenes.trading(fund.id))
    assert second
    with pytest.raises(SigningForbidden, match="next nonce is 1 by the books, 0 by the chain"):
        await books.save_attempt(second, scenes.signed(), scenes.terms(0), "signed")
    assert (await books.intent(second)).state is IntentState.PLANNED
    with pytest.raises(Conflict, match="final_ok and cannot be signed"):
        await books.save_attempt(intent.id, scenes.signed(), scenes.terms(0), "raised")


async def test_cancelled_once_is_cancelled_by_that_one(books: SqlBooks, intent: Intent, everything: Any) -> None:
    terms = scenes.terms(kind=AttemptKind.CANCEL)
    first, second = [await books.save_attempt(intent.id, scenes.signed(), terms, "cancelled") for _ in range(2)]
    at = Timestamp(1_700_000_101)
    await books.cancelled(intent.id, scenes.receipt(first.hash), at, scenes.record())
    before = await everything()
    await books.cancelled(intent.id, scenes.receipt(second.hash), at, scenes.record())
    assert await everything() == before


async def test_bytes_belong_to_one_attempt(books: SqlBooks, intent: Intent, everything: Any) -> None:
    bytes_ = scenes.signed()
    await books.save_attempt(intent.id, bytes_, scenes.terms(), "signed")
    before = await everything()
    with pytest.raises(Conflict, match="already in the books"):
        await books.save_attempt(intent.id, bytes_, scenes.terms(), "raised")
    assert await everything() == before
