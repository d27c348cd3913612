"""Settlements: what the receipt really says, once, in every row that it concerns; and ends without one."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import select

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.reader import SqlReader
from keeper.adapters.storage.tables import fund_asset_allocation, rebalance, rebalance_history
from keeper.core.ledger import Alert, AlertKind, Attempt, Intent, IntentState
from keeper.core.model import Fund
from keeper.core.units import BaseUnits
from tests.adapters.storage import scenes
from tests.adapters.storage.test_cycles import rows
from tests.factories import address, hash32

pytestmark = pytest.mark.adapter


async def test_settlement_writes_what_the_receipt_says(
    books: SqlBooks, reader: SqlReader, fund: Fund, intent: Intent, sent: Attempt
) -> None:
    await books.settle(scenes.settlement(intent, scenes.receipt(sent.hash)))
    sell, buy = await reader.trades(fund.id, 10)
    assert (sell["side"], sell["symbol_in"], sell["symbol_out"]) == ("sell", "WETH", "USDC")
    assert (buy["side"], buy["symbol_in"], buy["symbol_out"]) == ("buy", "USDC", "USDT")
    assert (sell["amount_in"], sell["quoted_out"], sell["min_out"]) == (10**18, 2_000_000_000, 1_980_000_000)
    assert (sell["actual_in"], sell["actual_out"]) == (10**18, 1_999_000_000)
    assert sell["price_executed"] == Decimal("1999")  # USDC per WETH
    assert sell["slippage_bps"] == Decimal("5.0000")  # 1 of 2000
    assert buy["price_executed"] == Decimal("1.00100100100100100100100100100100100")  # USDC per USDT: 500 / 499.5
    assert buy["slippage_bps"] == -round(Decimal(5) / 4990 * 10_000, 4)  # better than quoted
    for row in (sell, buy):
        assert (row["status"], row["state"], row["tx_hash"], row["block_number"]) == (
            "completed",
            "final_ok",
            sent.hash,
            101,
        )
        assert (row["gas_used"], row["effective_gas_price"]) == (412_345, 12_345_678_901)
        assert (row["gas_cost_wei"], row["gas_cost_usd"]) == (412_345 * 12_345_678_901, 10**19)
        assert (row["swaps"], row["fund"], row["nonce"]) == (2, "main", 0)
        assert (row["decimals_in"], row["decimals_out"]) == ((18, 6) if row is sell else (6, 6))


async def test_settlement_keeps_before_and_after(
    books: SqlBooks, database: Database, intent: Intent, sent: Attempt
) -> None:
    await books.settle(scenes.settlement(intent, scenes.receipt(sent.hash)))
    history = sorted(await rows(database, rebalance_history), key=lambda row: row["position"])
    assert [(row["amount_before"], row["amount_after"]) for row in history] == [
        (5 * 10**18, 4 * 10**18),
        (7_000_001, 7_000_001),
        (2**200, 2**200),
    ]
    assert {str(row["drift_absolute_bps_after"]) for row in history} == {"-68.0203"}
    (whole,) = await rows(database, rebalance)
    assert (whole["status"], whole["nav_before"], whole["nav_after"]) == ("completed", 10**24, 10**24 - 5)
    assert (whole["turnover"], whole["loss"]) == (2_500 * 10**18, 10**18)
    assert (str(whole["tracking_error_bps_before"]), str(whole["tracking_error_bps_after"])) == ("12.5000", "0.1000")
    held = {row["token"]: row for row in await rows(database, fund_asset_allocation)}
    assert (held[scenes.WETH]["amount"], held[scenes.WETH]["block_number"]) == (4 * 10**18, 101)
    assert held[scenes.WETH]["units"] == 4 * 10**36 // scenes.SUPPLY


async def test_settling_again_changes_nothing(books: SqlBooks, intent: Intent, sent: Attempt, everything: Any) -> None:
    alert = Alert(intent.fund_id, AlertKind.HIGH_GAS_COST, "cost 10 USD")
    whole = scenes.settlement(intent, scenes.receipt(sent.hash), alerts=(alert,))
    await books.settle(whole)
    before = await everything()
    await books.settle(whole)
    await books.settle(replace(whole, outcome=scenes.record()))
    assert await everything() == before


async def test_mined_then_final_are_two_records_of_one_trade(
    books: SqlBooks, reader: SqlReader, intent: Intent, sent: Attempt
) -> None:
    mined = scenes.receipt(sent.hash)
    await books.settle(scenes.settlement(intent, mined, IntentState.MINED_OK))
    assert [each.state for each in await books.open_intents()] == [IntentState.MINED_OK]
    await books.settle(scenes.settlement(intent, mined, IntentState.FINAL_OK))
    assert await books.open_intents() == []
    assert len(await reader.trades(None, 10)) == 2
    outcomes = [record async for record in reader.journal() if record["kind"] == "outcome"]
    assert len(outcomes) == 4  # simulation, sending, mined, final


async def test_reverted_transaction_moved_nothing(
    books: SqlBooks, reader: SqlReader, database: Database, intent: Intent, sent: Attempt
) -> None:
    whole = scenes.settlement(intent, scenes.reverted(sent.hash), IntentState.FINAL_REVERTED)
    await books.settle(whole)
    for row in await reader.trades(None, 10):
        assert (row["status"], row["actual_in"], row["actual_out"], row["slippage_bps"]) == ("failed", None, None, None)
        assert (row["revert_reason"], row["gas_cost_usd"]) == ("SlippageExceeded", 10**19)
    (row,) = await rows(database, rebalance)
    assert (row["status"], row["turnover"]) == ("failed", None)


async def test_reorganised_transaction_is_told_by_its_new_receipt(
    books: SqlBooks, reader: SqlReader, database: Database, intent: Intent, sent: Attempt
) -> None:
    """Mined, gone, sent again, mined elsewhere with other amounts: one trade, and its last truth."""
    await books.settle(scenes.settlement(intent, scenes.receipt(sent.hash), IntentState.MINED_OK))
    await books.set_intent_state(intent.id, IntentState.SENT, scenes.record())
    for row in await reader.trades(None, 10):
        assert (row["status"], row["actual_out"], row["block_number"], row["gas_used"]) == ("pending", None, None, None)
        assert row["tx_hash"] == sent.hash
    assert {row["amount_after"] for row in await rows(database, rebalance_history)} == {None}
    (undone,) = await rows(database, rebalance)
    settled = ("nav_after", "tracking_error_bps_after", "turnover", "loss", "settled_at", "mined_at")
    assert [undone[name] for name in settled] == [None] * 6

    raised = await books.save_attempt(intent.id, scenes.signed(), scenes.terms(), "signed")
    fills = tuple(replace(fill, amount_out=BaseUnits(fill.amount_out + 7)) for fill in scenes.FILLS)
    elsewhere = scenes.receipt(raised.hash, block=103, fills=fills)
    await books.settle(scenes.settlement(intent, elsewhere))
    sell, buy = await reader.trades(None, 10)
    assert (sell["actual_out"], buy["actual_out"]) == (1_999_000_007, 499_500_007)
    assert {(row["tx_hash"], row["block_number"], row["status"]) for row in (sell, buy)} == {
        (raised.hash, 103, "completed")
    }


async def test_success_that_becomes_a_revert_in_another_block(
    books: SqlBooks, reader: SqlReader, database: Database, intent: Intent, sent: Attempt
) -> None:
    await books.settle(scenes.settlement(intent, scenes.receipt(sent.hash), IntentState.MINED_OK))
    other_block = replace(scenes.reverted(sent.hash), block_hash=hash32(0xBAD))
    await books.settle(scenes.settlement(intent, other_block, IntentState.MINED_REVERTED, assets_after=()))
    assert {(row["status"], row["actual_out"]) for row in await reader.trades(None, 10)} == {("failed", None)}
    assert {row["amount_after"] for row in await rows(database, rebalance_history)} == {None}


async def test_closed_stays_closed(books: SqlBooks, intent: Intent, sent: Attempt, everything: Any) -> None:
    whole = scenes.settlement(intent, scenes.receipt(sent.hash))
    await books.settle(whole)
    before = await everything()
    with pytest.raises(Conflict, match="final_ok and cannot become sent"):
        await books.set_intent_state(intent.id, IntentState.SENT, scenes.record())
    with pytest.raises(Conflict, match="final_ok and cannot become final_reverted"):
        await books.settle(scenes.settlement(intent, scenes.reverted(sent.hash), IntentState.FINAL_REVERTED))
    await books.set_intent_state(intent.id, IntentState.FINAL_OK, scenes.record())  # says nothing new
    assert await everything() == before


async def test_abandoned_plan_fails_its_swaps(books: SqlBooks, reader: SqlReader, intent: Intent) -> None:
    await books.set_intent_state(intent.id, IntentState.ABANDONED, scenes.record())
    assert await books.open_intents() == []
    for row in await reader.trades(None, 10):
        assert (row["status"], row["tx_hash"], row["state"]) == ("failed", None, "abandoned")


async def test_stolen_nonce_keeps_the_signer_bound(books: SqlBooks, intent: Intent, sent: Attempt) -> None:
    await books.set_intent_state(intent.id, IntentState.NONCE_STOLEN, scenes.record())
    assert [each.id for each in await books.open_intents(scenes.SIGNER)] == [intent.id]


async def test_receipt_must_be_of_this_intent(books: SqlBooks, intent: Intent, sent: Attempt, everything: Any) -> None:
    before = await everything()
    with pytest.raises(Conflict, match="is not an attempt of intent"):
        await books.settle(scenes.settlement(intent, scenes.receipt(hash32(0xDEAD))))
    unplanned = scenes.receipt(sent.hash, fills=(*scenes.FILLS, scenes.FILLS[0]))
    with pytest.raises(Conflict, match="did not plan"):
        await books.settle(scenes.settlement(intent, unplanned))
    with pytest.raises(LookupError):
        await books.settle(replace(scenes.settlement(intent, scenes.receipt(sent.hash)), intent_id=intent.id + 1))
    assert await everything() == before


async def test_rows_agree_with_the_naive_formulas(
    books: SqlBooks, database: Database, reader: SqlReader, intent: Intent, sent: Attempt
) -> None:
    """A swap that took less than planned (a venue may leave dust) is measured by what really went in."""
    partial = replace(scenes.FILLS[0], amount_in=BaseUnits(10**18 - 3), amount_out=BaseUnits(1_950_123_457))
    await books.settle(scenes.settlement(intent, scenes.receipt(sent.hash, fills=(partial, scenes.FILLS[1]))))
    sell, _ = await reader.trades(None, 10)
    rate = Fraction(1_950_123_457, 10**18 - 3)
    quoted = Fraction(2_000_000_000, 10**18)
    assert abs(Fraction(sell["slippage_bps"]) - (1 - rate / quoted) * 10_000) <= Fraction(1, 20_000)
    assert abs(Fraction(sell["price_executed"]) - rate * 10**12) < Fraction(1, 10**30)
    stored = await database.read(lambda db: db.scalar(select(rebalance.c.status)))
    assert stored == "completed"


async def test_funds_that_share_a_signer_never_block_each_other(url: str, books: SqlBooks, fund: Fund) -> None:
    """One settles while another commits, each on its own connection: the second wins or is told, nobody hangs."""
    neighbour = await books.add_fund("neighbour", address(1), scenes.SIGNER)
    await books.put_policy(neighbour.id, {"DRIFT_THRESHOLD": "0.1"}, {}, "ann", "first")
    second = await Database.open(url)
    others = SqlBooks(second, parse_policy=scenes.parse_policy)
    try:
        for nonce in range(6):
            intent_id = await books.commit_cycle(scenes.trading(fund.id))
            assert intent_id
            attempt = await books.save_attempt(intent_id, scenes.signed(), scenes.terms(nonce), "signed")
            whole = scenes.settlement(await books.intent(intent_id), scenes.receipt(attempt.hash))
            settled, committed = await asyncio.gather(
                books.settle(whole), others.commit_cycle(scenes.trading(neighbour.id)), return_exceptions=True
            )
            assert settled is None
            assert isinstance(committed, int | Conflict)
            if isinstance(committed, int):
                await books.set_intent_state(committed, IntentState.ABANDONED, scenes.record())
    finally:
        await second.close()
