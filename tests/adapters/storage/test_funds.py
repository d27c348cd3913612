"""Funds, policies, tokens: what an operator changes, each change with who and why."""

import json
from typing import Any

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.reader import SqlReader
from keeper.core.journal import content_hash
from keeper.core.ledger import Alert, AlertKind
from keeper.core.model import Fund
from tests.adapters.storage import scenes
from tests.factories import address, hash32

pytestmark = pytest.mark.adapter


async def operator_records(reader: SqlReader) -> list[dict[str, Any]]:
    return [json.loads(record["body"]) async for record in reader.journal() if record["kind"] == "operator"]


async def test_funds_come_back(books: SqlBooks, fund: Fund) -> None:
    other = await books.add_fund("other", address(1), address(2))
    assert await books.funds() == [fund, other]
    assert fund == Fund(fund.id, "main", scenes.TREASURY, scenes.SIGNER, scenes.USDC, paused=False)
    assert other.hub is None
    rows = await books.fund_rows()
    assert [(row["keystore_file"], row["password_file"]) for row in rows] == [("key.json", "password"), (None, None)]


async def test_name_and_treasury_are_unique(books: SqlBooks, fund: Fund) -> None:
    with pytest.raises(Conflict, match="already a fund named 'main'"):
        await books.add_fund("main", address(1), address(2))
    with pytest.raises(Conflict, match=f"already a fund for treasury {scenes.TREASURY}"):
        await books.add_fund("other", scenes.TREASURY, address(2))
    assert len(await books.funds()) == 1


async def test_another_signer_is_an_operator_record(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    await books.change_fund(fund.id, address(5), None, by="environment")
    (changed,) = await books.funds()
    assert (changed.id, changed.signer, changed.hub) == (fund.id, address(5), None)
    body = (await operator_records(reader))[-1]
    assert (body["event"], body["by"]) == ("fund", "environment")
    assert body["signer"] == {"old": scenes.SIGNER, "new": address(5)}
    assert body["hub"] == {"old": scenes.USDC, "new": ""}
    with pytest.raises(LookupError):
        await books.change_fund(fund.id + 1, address(5), None, by="environment")


async def test_pausing_is_an_operator_record(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    other = await books.add_fund("other", address(1), address(2))
    assert await books.set_paused(other.id, True, "ann") == [other.id]
    assert await books.set_paused(None, True, "bob") == [fund.id]  # the other was paused already
    assert [each.paused for each in await books.funds()] == [True, True]
    assert await books.set_paused(None, False, "ann") == [fund.id, other.id]
    assert await books.set_paused(None, False, "ann") == []
    with pytest.raises(LookupError, match="there is no fund 99"):
        await books.set_paused(99, True, "ann")
    events = [(body["event"], body["fund"], body["by"]) for body in (await operator_records(reader))[1:]]
    assert events == [
        ("pause", str(other.id), "ann"),
        ("pause", str(fund.id), "bob"),
        ("resume", str(fund.id), "ann"),
        ("resume", str(other.id), "ann"),
    ]


async def test_policy_versions(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    first = await books.policy(fund.id)
    assert (first.version, str(first.policy.drift_threshold)) == (1, "0.05")
    effective, overrides = {"DRIFT_THRESHOLD": "0.08"}, {"DRIFT_THRESHOLD": "0.08"}
    second = await books.put_policy(fund.id, effective, overrides, "ann", "calmer")
    assert (second.version, second.digest) == (2, content_hash(effective))
    assert await books.policy(fund.id) == second
    assert await books.policies() == {fund.id: second}
    newest, oldest = await books.policy_history(fund.id)
    assert (newest["version"], newest["by"], newest["why"], newest["overrides"]) == (2, "ann", "calmer", overrides)
    assert (oldest["version"], oldest["effective"]) == (1, {"DRIFT_THRESHOLD": "0.05"})
    body = (await operator_records(reader))[-1]
    assert (body["event"], body["version"], body["by"], body["why"]) == ("policy", "2", "ann", "calmer")
    assert body["effective"] == effective


async def test_policy_that_changes_nothing_is_no_version(books: SqlBooks, fund: Fund, everything: Any) -> None:
    before = await everything()
    same = await books.put_policy(fund.id, {"DRIFT_THRESHOLD": "0.05"}, {}, "bob", "again")
    assert same.version == 1
    assert await everything() == before


async def test_policy_that_is_none_is_not_stored(books: SqlBooks, fund: Fund, everything: Any) -> None:
    before = await everything()
    with pytest.raises(ValueError, match="must be positive"):
        await books.put_policy(fund.id, {"DRIFT_THRESHOLD": "-1"}, {}, "bob", "wrong")
    with pytest.raises(LookupError, match="there is no fund"):
        await books.put_policy(fund.id + 1, {"DRIFT_THRESHOLD": "0.1"}, {}, "bob", "wrong")
    other = await books.add_fund("other", address(1), address(2))
    with pytest.raises(LookupError, match=f"fund {other.id} has no policy"):
        await books.policy(other.id)
    before["index_fund"] = (await everything())["index_fund"]
    assert await everything() == before


async def test_first_code_of_a_token_is_remembered(books: SqlBooks, fund: Fund) -> None:
    await books.commit_cycle(scenes.cycle(fund.id))  # meets the tokens, not their code
    assert await books.known_code() == {}
    assert await books.symbols() == {scenes.WETH: "WETH", scenes.USDT: "USDT", scenes.USDC: "USDC"}
    await books.remember_tokens([(scenes.WETH, "WETH", 18, hash32(1)), (address(5), "NEW", 8, None)])
    await books.remember_tokens([(scenes.WETH, "FAKE", 2, hash32(666)), (address(5), "NEW", 8, hash32(5))])
    await books.remember_tokens([])
    assert await books.known_code() == {scenes.WETH: hash32(1), address(5): hash32(5)}
    assert (await books.symbols())[scenes.WETH] == "WETH"


async def test_status_shows_each_fund(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    other = await books.add_fund("other", address(1), address(2), None, "other.json", "secret.txt")
    await books.commit_cycle(scenes.cycle(fund.id, block=99))
    intent_id = await books.commit_cycle(scenes.trading(fund.id, alerts=(Alert(fund.id, AlertKind.HIGH_DRIFT, "6 %"),)))
    first, second = await reader.status()
    assert (first["name"], first["paused"], first["decision"]["action"]) == ("main", False, "submitted")
    assert first["decision"]["block_number"] == 100
    assert first["job"]["next_due"] == 1_700_000_400
    assert (first["intent"]["id"], first["intent"]["state"]) == (intent_id, "planned")
    assert [row["symbol"] for row in first["allocations"]] == ["WETH", "USDT", "USDC"]
    assert [row["kind"] for row in first["alerts"]] == ["HIGH_DRIFT"]
    assert (second["id"], second["decision"], second["job"], second["intent"]) == (other.id, None, None, None)
    assert (second["allocations"], second["alerts"]) == ([], [])
    assert not {"keystore_file", "password_file"} & set(second)


async def test_trades_are_newest_first_and_limited(books: SqlBooks, reader: SqlReader, fund: Fund) -> None:
    other = await books.add_fund("other", address(1), address(2))
    await books.put_policy(other.id, {"DRIFT_THRESHOLD": "0.1"}, {}, "ann", "first")
    await books.commit_cycle(scenes.trading(fund.id))
    await books.commit_cycle(scenes.trading(other.id, signer=other.signer))
    rows = await reader.trades(None, 3)
    assert [(row["fund"], row["position"]) for row in rows] == [("other", 0), ("other", 1), ("main", 0)]
    assert {row["side"] for row in rows[:2]} == {"sell"}  # without a hub every swap sells what goes in
    assert [row["fund"] for row in await reader.trades(fund.id, 10)] == ["main", "main"]
    assert {(row["status"], row["tx_hash"], row["gas_used"]) for row in rows} == {("pending", None, None)}
