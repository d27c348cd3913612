"""What operators read of transactions: `keeper tx list`, `tx show`, `breaker show`, and what `status` says of them.

One scene: a fund whose first plan is final, whose second was dropped, and whose third is sent, raised and to be
cancelled; a fund on hold with an open breaker; and one that never did anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.lease import WriterLease
from keeper.adapters.storage.reader import SqlReader
from keeper.core.fees import FeeQuote
from keeper.core.ledger import Attempt, AttemptKind, Intent, IntentState
from keeper.core.model import Fund
from keeper.core.units import Wei
from keeper.ports import Reply
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter

S = IntentState
DEARER = FeeQuote(Wei(2**70), Wei(2**65))


@dataclass(frozen=True)
class Scene:
    fund: Fund
    held: Fund
    idle: Fund
    final: Intent
    dropped: Intent
    open: Intent
    mined: Attempt
    raised: Attempt


@pytest.fixture
async def scene(books: SqlBooks, fund: Fund) -> Scene:
    async def planned(**changes: Any) -> Intent:
        intent_id = await books.commit_cycle(scenes.trading(fund.id, **changes))
        assert intent_id is not None
        return await books.intent(intent_id)

    held = await books.add_fund("held", address(1), address(2), None, "held.json", "secret")
    idle = await books.add_fund("idle", address(3), address(4))
    await books.hold(held.signer, "the chain has 5 transactions, these books 0", scenes.record())
    await books.trip_breaker(held.id, "3 transactions reverted", scenes.record())

    final = await planned()
    mined = await books.save_attempt(final.id, scenes.signed(), scenes.terms(), "signed")
    await books.mark_sent(mined.id, scenes.SENT_AT, scenes.ACCEPTED, scenes.record())
    await books.save_attempt(final.id, scenes.signed(), scenes.terms(fees=DEARER), "not mined within 48 s")
    await books.settle(scenes.settlement(final, scenes.receipt(mined.hash), S.MINED_OK))
    await books.set_intent_state(final.id, S.FINAL_OK, scenes.record(event="finality"))

    dropped = await planned(reason="USDT drifted")
    await books.set_intent_state(dropped.id, S.ABANDONED, scenes.record(reason="the market has moved on"))

    under_way = await planned()
    first = await books.save_attempt(under_way.id, scenes.signed(), scenes.terms(1), "signed")
    await books.mark_sent(first.id, scenes.SENT_AT, scenes.SILENCE, scenes.record())
    await books.mark_sent(first.id, scenes.SENT_AT + timedelta(seconds=60), scenes.ACCEPTED, scenes.record())
    await books.ask_cancel(under_way.id, "the market moved", "ann")
    terms = scenes.terms(1, fees=DEARER, kind=AttemptKind.CANCEL)
    raised = await books.save_attempt(under_way.id, scenes.signed(), terms, "an operator asked")
    return Scene(fund, held, idle, final, dropped, await books.intent(under_way.id), mined, raised)


def part(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


async def test_list_shows_each_transaction_by_the_attempt_that_counts(reader: SqlReader, scene: Scene) -> None:
    """The mined one, though it is the older; else the newest; of a plan without bytes none."""
    rows = await reader.transactions(None, 10)
    assert [part(row, "id", "fund", "state", "nonce", "attempts", "hash", "reason") for row in rows] == [
        (scene.open.id, "main", "sent", 1, 2, scene.raised.hash, "an operator asked"),
        (scene.dropped.id, "main", "abandoned", None, 0, None, "the market has moved on"),
        (scene.final.id, "main", "final_ok", 0, 2, scene.mined.hash, "finality"),
    ]
    newest, dropped, final = rows
    assert part(newest, "kind", "max_fee", "reply", "block_number", "cancel_asked", "signer") == (
        "cancel",
        2**70,
        None,
        None,
        "the market moved",
        scenes.SIGNER,
    )
    assert part(dropped, "kind", "max_fee", "reply", "block_number", "cancel_asked") == (None,) * 5
    assert part(final, "kind", "max_fee", "reply", "block_number") == ("trade", 10**11, scenes.ACCEPTED.text, 101)
    assert all(row["created_at"] < row["updated_at"] for row in rows)


async def test_list_is_of_one_fund_and_limited(reader: SqlReader, scene: Scene) -> None:
    assert [row["id"] for row in await reader.transactions(scene.fund.id, 2)] == [scene.open.id, scene.dropped.id]
    assert await reader.transactions(scene.held.id, 10) == []


async def test_show_tells_everything_but_the_bytes(reader: SqlReader, scene: Scene) -> None:
    found = await reader.transaction(scene.open.id)
    assert found is not None
    assert part(found, "id", "fund", "state", "nonce", "signer", "cycle_id", "gas_limit", "treasury_id") == (
        scene.open.id,
        "main",
        "sent",
        1,
        scenes.SIGNER,
        scene.open.cycle_id,
        900_000,
        7,
    )
    assert part(found, "cancel_asked", "cancel_asked_by", "deadline") == ("the market moved", "ann", 1_700_000_700)
    trade, cancel = found["attempts"]
    first = scene.open.attempts[0]
    assert part(trade, "kind", "hash", "max_fee", "max_tip", "signed_at", "sent_at") == (
        "trade",
        first.hash,
        10**11,
        10**9,
        scenes.SIGNED_AT,
        scenes.SENT_AT,
    )
    said = [(reply["sent_at"], Reply(reply["reply"], reply["kind"])) for reply in trade["replies"]]
    assert said == [(scenes.SENT_AT, scenes.SILENCE), (scenes.SENT_AT + timedelta(seconds=60), scenes.ACCEPTED)]
    assert part(cancel, "kind", "hash", "max_fee", "max_tip", "sent_at", "block_number", "replies") == (
        "cancel",
        scene.raised.hash,
        2**70,
        2**65,
        None,
        None,
        [],
    )
    assert [part(event, "state_from", "state_to", "reason") for event in found["events"]] == [
        (None, "planned", "drift is inside the threshold"),
        ("planned", "signed", "signed"),
        ("signed", "sent", scenes.SILENCE.text),
        ("sent", "sent", "ann asked to cancel it: the market moved"),
        ("sent", "sent", "an operator asked"),
    ]
    assert found["updated_at"] == found["events"][-1]["at"]
    assert not {"raw", "call_data"} & (set(found) | set(trade))


async def test_show_tells_what_the_receipt_said(reader: SqlReader, scene: Scene) -> None:
    found = await reader.transaction(scene.final.id)
    assert found is not None
    mined, raised = found["attempts"]
    receipt = scenes.receipt(mined["hash"])
    assert part(mined, "block_number", "block_hash", "gas_used", "effective_gas_price", "revert_reason") == (
        101,
        receipt.block_hash,
        receipt.gas_used,
        receipt.effective_gas_price,
        None,
    )
    assert mined["mined_at"] == 1_700_000_101
    assert part(raised, "block_number", "gas_used", "mined_at", "sent_at") == (None,) * 4
    assert await reader.transaction(scene.open.id + 1) is None


async def test_status_says_what_forbids_each_fund_to_sign(reader: SqlReader, scene: Scene) -> None:
    main, held, idle = await reader.status()
    assert part(main, "name", "paused", "hold", "breaker") == ("main", False, None, None)
    assert part(main["intent"], "id", "state", "nonce", "cancel_asked") == (
        scene.open.id,
        "sent",
        1,
        "the market moved",
    )
    assert part(held, "name", "hold", "breaker", "intent") == (
        "held",
        "the chain has 5 transactions, these books 0",
        "3 transactions reverted",
        None,
    )
    assert part(idle, "name", "hold", "breaker", "intent") == ("idle", None, None, None)
    assert not {"keystore_file", "password_file"} & set(held)


async def test_breakers_are_shown_open_or_closed(books: SqlBooks, reader: SqlReader, scene: Scene) -> None:
    names = ("fund_id", "fund", "reason")
    assert [part(row, *names) for row in await reader.breakers()] == [
        (scene.fund.id, "main", None),
        (scene.held.id, "held", "3 transactions reverted"),
        (scene.idle.id, "idle", None),
    ]
    _, tripped, _ = await reader.breakers()
    assert tripped["tripped_at"] > scenes.STARTED
    assert await books.reset_breaker(scene.held.id, scenes.SIGNED_AT, scenes.record())
    _, closed, _ = await reader.breakers()
    assert part(closed, "reason", "tripped_at") == (None, None)


async def test_hashes_are_of_every_attempt_ever(reader: SqlReader, scene: Scene) -> None:
    hashes = await reader.hashes()
    assert {scene.mined.hash, scene.raised.hash} < hashes
    assert len(hashes) == 4


async def test_lease_is_shown_with_its_holder(database: Database, reader: SqlReader) -> None:
    assert part(await reader.lease(), "epoch", "holder", "expires_at", "released") == (0, "", None, True)
    await WriterLease(database, "keeper pid 7 on here").acquire()
    assert part(await reader.lease(), "epoch", "holder", "released") == (1, "keeper pid 7 on here", False)
