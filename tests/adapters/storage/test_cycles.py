"""A cycle in the books: all of it, once, or nothing."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.reader import SqlReader
from keeper.adapters.storage.tables import fund_asset_allocation, price_update
from keeper.adapters.storage.types import UINT256_MAX
from keeper.core.deliberation import deliberate
from keeper.core.journal import GENESIS
from keeper.core.ledger import Action, Alert, AlertKind, IntentState, Job
from keeper.core.model import Budgets, Fund, PriceSource, PriceVote
from keeper.core.records import decision_body
from keeper.core.units import E18, Px, Timestamp, UsdE18
from keeper.ports import BooksUnavailable
from tests import factories
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter


async def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    wanted = select(table).order_by(*table.primary_key.columns)
    return await database.read(lambda db: [dict(row) for row in db.execute(wanted).mappings()])


async def test_status_shows_the_budgets_of_the_last_decision(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    market = factories.with_limits(factories.market(), factories.strict_limits(), Budgets(10**14, 10**17, 0))
    body = decision_body(market, deliberate(market), GENESIS, "test")
    cycle = scenes.cycle(fund.id)
    await books.commit_cycle(replace(cycle, decision=replace(cycle.decision, body=body)))
    (row,) = await reader.status()
    assert row["budgets"] == {
        "loss": {"left": 4 * 10**14, "cap": 5 * 10**14, "window_seconds": 86_400},
        "turnover": {"left": 15 * 10**16, "cap": 25 * 10**16, "window_seconds": 86_400},
    }


async def test_a_decision_that_saw_no_treasury_shows_no_budgets(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    (row,) = await reader.status()
    assert row["budgets"] is None
    await books.commit_cycle(scenes.cycle(fund.id))
    (row,) = await reader.status()
    assert row["budgets"] is None


async def test_idle_cycle_leaves_its_decision(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    cycle = scenes.cycle(fund.id)
    assert await books.commit_cycle(cycle) is None
    (row,) = await reader.decisions(fund.id, 10)
    assert row["cycle_id"] == cycle.cycle_id
    assert (row["fund"], row["action"], row["reason"]) == ("main", "held", cycle.reason)
    assert (row["block_number"], row["block_hash"], row["block_timestamp"]) == (100, cycle.block_hash, 1_700_000_100)
    assert (row["nav"], row["tracking_error_bps"]) == (cycle.nav, cycle.tracking_error_bps)
    assert row["started_at"] == scenes.STARTED
    assert row["finished_at"] > row["started_at"]
    assert row["guards"] == [
        {
            "name": "cooldown",
            "measured": "120",
            "limit": "900",
            "unit": "s",
            "verdict": "refuse",
            "detail": "780 s left",
        }
    ]
    assert row["drift"][2]["relative_bps"] == "204.0608"
    head = await books.chain_head()
    assert row["link"] == head
    found = await reader.record(row["content"])
    assert found
    assert (found["seq"], found["link"]) == (row["seq"], head)
    assert await reader.record(GENESIS) is None


async def test_every_vote_is_kept_with_its_verdict(books: SqlBooks, database: Database, fund: Fund) -> None:
    await books.commit_cycle(scenes.cycle(fund.id))
    stored = await rows(database, price_update)
    kept = [(row["token"], row["source"], row["px"], row["updated_at"], row["used"], row["reason"]) for row in stored]
    tokens = (scenes.WETH, scenes.USDT, scenes.USDC)
    assert kept == [
        (tokens[vote.asset], vote.source.value, vote.px, vote.updated_at, vote.used, vote.reason)
        for vote in scenes.VOTES
    ]


async def test_allocations_follow_the_newest_block(books: SqlBooks, database: Database, fund: Fund) -> None:
    await books.commit_cycle(scenes.cycle(fund.id, block=200))
    await books.commit_cycle(scenes.cycle(fund.id, block=150, assets=scenes.lines(weth=1)))
    weth, _, usdc = sorted(await rows(database, fund_asset_allocation), key=lambda row: row["position"])
    assert (weth["amount"], weth["block_number"]) == (5 * 10**18, 200)
    assert weth["units"] == 5 * 10**18 * E18 // scenes.SUPPLY
    assert usdc["amount"] == 2**200
    assert (usdc["target_bps"], str(usdc["weight_bps"])) == (3_333, "3401.0203")
    await books.commit_cycle(scenes.cycle(fund.id, block=201, assets=scenes.lines(weth=1)))
    assert sorted(row["amount"] for row in await rows(database, fund_asset_allocation))[0] == 1


async def test_what_no_uint256_holds_is_left_out(books: SqlBooks, database: Database, fund: Fund) -> None:
    """A token may claim any balance, a feed any price: that must not keep the cycle from being recorded."""
    liar = scenes.line(0, scenes.WETH, "W\0ETH\ud800", 18, UINT256_MAX, value=UsdE18(UINT256_MAX * 2))
    vote = PriceVote(0, PriceSource.FEED, Px(-(2**300)), Timestamp(2**255), used=False, reason="negative")
    nav = UsdE18(UINT256_MAX * 3)
    await books.commit_cycle(scenes.trading(fund.id, assets=(liar, *scenes.lines()[1:]), votes=(vote,), nav=nav))
    held = {row["token"]: row for row in await rows(database, fund_asset_allocation)}
    assert (held[scenes.WETH]["amount"], held[scenes.WETH]["value"]) == (UINT256_MAX, None)
    assert held[scenes.USDT]["units"] == 7_000_001 * E18 // scenes.SUPPLY
    await books.commit_cycle(scenes.cycle(fund.id, block=101, assets=(liar,), votes=(), share_supply=1))
    held = {row["token"]: row for row in await rows(database, fund_asset_allocation)}
    assert (held[scenes.WETH]["block_number"], held[scenes.WETH]["units"]) == (101, None)
    assert [row["px"] for row in await rows(database, price_update)] == [None]
    assert (await books.symbols())[scenes.WETH] == "W␀ETH?"


async def test_cycle_without_observation(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    await books.commit_cycle(scenes.cycle(fund.id, block=100))
    failed = replace(
        scenes.cycle(fund.id),
        action=Action.FAILED,
        reason="the node does not answer",
        policy_version=None,
        block_number=None,
        block_hash=None,
        block_timestamp=None,
        nav=None,
        tracking_error_bps=None,
        max_drift_bps=None,
        assets=(),
        votes=(),
        guards=(),
        next_due=None,
        share_supply=None,
    )
    await books.commit_cycle(failed)
    newest, _ = await reader.decisions(None, 10)
    assert (newest["action"], newest["block_number"], newest["nav"], newest["drift"]) == ("failed", None, None, [])
    job = (await books.jobs())[fund.id]
    assert job == Job(fund.id, 1_700_000_100, 1_700_000_400, Action.FAILED, failed.reason, job.finished_at)
    assert job.finished_at == newest["finished_at"]


async def test_cycle_is_stored_once(books: SqlBooks, fund: Fund, everything: Any) -> None:
    """An interrupted commit may or may not have happened: doing it again is safe, and finds the intent."""
    cycle = scenes.trading(fund.id)
    intent_id = await books.commit_cycle(cycle)
    before = await everything()
    assert await books.commit_cycle(cycle) == intent_id
    assert await books.commit_cycle(replace(cycle, action=Action.FAILED, intent=None)) == intent_id
    assert await everything() == before


async def test_one_open_intent_per_signer(books: SqlBooks, fund: Fund, everything: Any) -> None:
    first = await books.commit_cycle(scenes.trading(fund.id))
    before = await everything()
    with pytest.raises(Conflict, match="already has an open transaction"):
        await books.commit_cycle(scenes.trading(fund.id))
    assert await everything() == before  # neither the record nor anything else of the second cycle

    other = await books.add_fund("other", address(8), address(9), None)
    await books.put_policy(other.id, {"DRIFT_THRESHOLD": "0.1"}, {}, "operator", "first")
    assert await books.commit_cycle(scenes.trading(other.id, signer=other.signer))
    assert [intent.fund_id for intent in await books.open_intents()] == [fund.id, other.id]
    assert [intent.fund_id for intent in await books.open_intents(other.signer)] == [other.id]

    assert first
    await books.set_intent_state(first, IntentState.ABANDONED, scenes.record())
    assert await books.commit_cycle(scenes.trading(fund.id))


async def test_two_committing_at_once_share_no_signer(url: str, books: SqlBooks, fund: Fund) -> None:
    other = await Database.open(url)
    second = SqlBooks(other, parse_policy=scenes.parse_policy)
    try:
        ends = await asyncio.gather(
            *((books, second)[n % 2].commit_cycle(scenes.trading(fund.id)) for n in range(6)), return_exceptions=True
        )
    finally:
        await other.close()
    # on a slow machine a writer may give up its turn instead of being told of the conflict
    assert len([end for end in ends if isinstance(end, int)]) == 1
    assert {type(end) for end in ends if not isinstance(end, int)} <= {Conflict, BooksUnavailable}
    assert len(await books.open_intents(scenes.SIGNER)) == 1


async def test_intent_comes_back_as_it_was_planned(books: SqlBooks, fund: Fund) -> None:
    cycle = scenes.trading(fund.id)
    assert cycle.intent
    intent_id = await books.commit_cycle(cycle)
    (intent,) = await books.open_intents()
    assert intent_id == intent.id
    assert intent == await books.intent(intent_id)
    assert (intent.call, intent.swaps, intent.attempts) == (cycle.intent.call, cycle.intent.swaps, ())
    assert (intent.plan_id, intent.cycle_id, intent.gas_limit) == (cycle.intent.plan_id, cycle.cycle_id, 900_000)
    assert (intent.state, intent.nonce, intent.signer) == (IntentState.PLANNED, None, scenes.SIGNER)


async def test_alerts_of_a_cycle_are_counted_not_doubled(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    def high(message: str) -> Alert:
        return Alert(fund.id, AlertKind.HIGH_DRIFT, message)

    await books.commit_cycle(scenes.cycle(fund.id, alerts=(high("6 %"),)))
    await books.commit_cycle(scenes.cycle(fund.id, alerts=(high("7 %"),)))
    await books.raise_alert(Alert(fund.id, AlertKind.FUND_HALTED, "nonce stolen"))
    halted, drift = await reader.alerts(fund.id, 10)
    assert (drift["kind"], drift["count"], drift["message"]) == ("HIGH_DRIFT", 2, "7 %")
    assert drift["raised_at"] < drift["last_seen_at"]
    assert (halted["count"], halted["cleared_at"]) == (1, None)

    assert await books.clear_alert(fund.id, AlertKind.HIGH_DRIFT)
    assert not await books.clear_alert(fund.id, AlertKind.HIGH_DRIFT)
    await books.raise_alert(high("8 %"))
    alerts = await reader.alerts(fund.id, 10)
    assert [(row["kind"], row["count"], row["cleared_at"] is None) for row in alerts] == [
        ("HIGH_DRIFT", 1, True),
        ("FUND_HALTED", 1, True),
        ("HIGH_DRIFT", 2, False),
    ]


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21])
async def test_cancelled_commit_is_whole_or_absent(books: SqlBooks, reader: SqlReader, fund: Fund, turns: int) -> None:
    """Cut off after any number of turns of the loop; the books stay usable, and a second try stores it once."""
    await books.commit_cycle(scenes.cycle(fund.id))
    cycle = scenes.trading(fund.id)
    task = asyncio.ensure_future(books.commit_cycle(cycle))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    ended = (await asyncio.gather(task, return_exceptions=True))[0]
    assert isinstance(ended, int | asyncio.CancelledError)
    stored = len(await reader.decisions(fund.id, 10)) - 1
    assert stored == len(await books.open_intents())
    assert stored == 1 or isinstance(ended, asyncio.CancelledError)
    assert await books.commit_cycle(cycle) == (await books.open_intents())[0].id
    assert len(await reader.decisions(fund.id, 10)) == 2
