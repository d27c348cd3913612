"""The daemon at work: what it wrote down is what happened on the chain, to the last unit."""

import json
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any

import pytest
from eth_account import Account

from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain
from scripts.localchain.lockstep import Step
from tests.e2e.keepers import Keeper
from tests.e2e.onchain import Rebalanced, Witness
from tests.e2e.reckoning import assert_every_plan_happened_once

pytestmark = pytest.mark.e2e

HOUR = 3600
ETHER_USD = 4000


def test_books_tell_what_happened_on_the_chain(chain: LocalChain, keeper: Keeper) -> None:
    """Five cycles: at rest, a rise, at rest, a fall, at rest."""
    with keeper.running("--max-cycles", "5", installed=True) as child:
        market = keeper.lockstep(chain, child)
        start = keeper.query_until("SELECT * FROM decision")
        now = chain.node.head()[1]
        rise = market.cycle(Step("rise", now + 2 * HOUR, {"WETH": Decimal(ETHER_USD)}))
        rest = market.cycle(Step("rest", now + 4 * HOUR, {}))
        fall = market.cycle(Step("fall", now + 6 * HOUR, {"LINK": Decimal(12)}))
        end = market.cycle(Step("rest", now + 8 * HOUR, {}))
        assert child.wait(10) == 0
    assert "keeper stopped" in keeper.said().splitlines()[-1]
    assert {start["action"], rest.action, end.action} == {"held"}
    assert {rise.action, fall.action} == {"submitted"}

    witness = Witness(chain)
    events = witness.rebalances()
    intents = keeper.rows("SELECT * FROM transaction_intent ORDER BY id")
    assert [event.id for event in events] == [int(intent["treasury_id"]) for intent in intents] == [1, 2]
    assert [intent["decision_seq"] for intent in intents] == [rise.seq, fall.seq]
    for intent, event in zip(intents, events, strict=True):
        assert intent["state"] == "final_ok"
        assert_decision_is_the_one_on_chain(keeper, intent, event, witness)
        assert_attempt_equals_receipt(keeper, intent, event, witness)
        assert_swaps_equal_transfers(keeper, intent, event, witness)
        assert_holdings_before_and_after(keeper, intent, event, chain, witness)
    assert_every_cycle_has_its_prices(keeper, chain)
    assert_allocations_are_the_newest(keeper, chain)
    assert assert_every_plan_happened_once(chain, keeper) == 2


def assert_decision_is_the_one_on_chain(
    keeper: Keeper, intent: dict[str, Any], event: Rebalanced, witness: Witness
) -> None:
    record = keeper.rows("SELECT * FROM journal WHERE seq = ?", intent["decision_seq"])[0]
    assert record["kind"] == "decision"
    assert record["content"] == "0x" + sha256(record["body"].encode()).hexdigest() == event.decision
    called = witness.treasury.decode_function_input(witness.web3.eth.get_transaction(event.tx_hash)["input"])[1]
    assert (called["decision"].hex(), called["id"]) == (event.decision[2:], event.id)
    head = json.loads(record["body"])["chain_head"]
    assert keeper.rows("SELECT seq FROM journal WHERE link = ? AND seq < ?", head, record["seq"])


def assert_attempt_equals_receipt(keeper: Keeper, intent: dict[str, Any], event: Rebalanced, witness: Witness) -> None:
    attempt, *others = keeper.rows("SELECT * FROM transaction_attempt WHERE intent_id = ?", intent["id"])
    receipt = witness.receipt(event.tx_hash)
    assert others == []
    assert receipt["status"] == 1
    assert receipt["from"] == event.keeper == accounts.KEEPER == Account.recover_transaction(attempt["raw"])
    written = [attempt[name] for name in ("hash", "block_number", "block_hash", "tx_index", "gas_used")]
    real = [receipt[name] for name in ("blockNumber", "blockHash", "transactionIndex", "gasUsed")]
    assert written == [event.tx_hash, real[0], real[1].to_0x_hex(), real[2], real[3]]
    price = receipt["effectiveGasPrice"]
    assert int(attempt["effective_gas_price"]) == price
    assert int(attempt["gas_cost_wei"]) == receipt["gasUsed"] * price
    assert int(attempt["gas_cost_usd"]) == receipt["gasUsed"] * price * ETHER_USD
    assert attempt["nonce"] == intent["nonce"] == witness.web3.eth.get_transaction(event.tx_hash)["nonce"]
    assert receipt["gasUsed"] < intent["gas_limit"]


def assert_swaps_equal_transfers(keeper: Keeper, intent: dict[str, Any], event: Rebalanced, witness: Witness) -> None:
    swaps = keeper.rows("SELECT * FROM rebalance_transaction WHERE intent_id = ? ORDER BY position", intent["id"])
    paid, got = witness.moved(event.tx_hash)
    assert [(swap["token_in"], int(swap["actual_in"])) for swap in swaps] == paid
    assert [(swap["token_out"], int(swap["actual_out"])) for swap in swaps] == got
    assert len(swaps) >= 2
    for swap in swaps:
        assert (swap["status"], swap["tx_hash"]) == ("completed", event.tx_hash)
        assert int(swap["amount_in"]) == int(swap["actual_in"])
        assert int(swap["min_out"]) <= int(swap["actual_out"])
        shortfall = 1 - Fraction(int(swap["actual_out"]), int(swap["quoted_out"]))
        assert abs(Fraction(swap["slippage_bps"]) - shortfall * 10_000) < Fraction(1, 10**6)
    sides = {(swap["side"], swap["token_in"] == keeper.environment["HUB_TOKEN"]) for swap in swaps}
    assert sides <= {("buy", True), ("sell", False)}


def assert_holdings_before_and_after(
    keeper: Keeper, intent: dict[str, Any], event: Rebalanced, chain: LocalChain, witness: Witness
) -> None:
    rows = keeper.rows("SELECT * FROM rebalance_history WHERE intent_id = ? ORDER BY position", intent["id"])
    treasury = chain.deployment.treasuries[0]
    mined = witness.receipt(event.tx_hash)["blockNumber"]
    before = tokens.balances_of(chain.node, treasury.tokens, treasury.address, hex(mined - 1))
    after = tokens.balances_of(chain.node, treasury.tokens, treasury.address, hex(mined))
    assert [row["token"] for row in rows] == [token.address for token in treasury.tokens]
    assert [int(row["amount_before"]) for row in rows] == before
    assert [int(row["amount_after"]) for row in rows] == after
    worst = [max(abs(Decimal(row[f"drift_relative_bps_{when}"])) for row in rows) for when in ("before", "after")]
    assert worst[0] > 500 > worst[1]  # DRIFT_THRESHOLD is 5 %
    total = keeper.rows("SELECT * FROM rebalance WHERE intent_id = ?", intent["id"])[0]
    assert total["status"] == "completed"
    assert int(total["nav_after"]) == sum(int(row["value_after"]) for row in rows)
    assert abs(int(total["nav_before"]) - int(total["nav_after"])) < int(total["nav_before"]) // 200
    log = witness.treasury.events.Rebalanced().get_logs(from_block=mined, to_block=mined)[0].args
    assert (int(total["turnover"]), int(total["loss"])) == (log.turnover, log.loss)
    assert 0 < log.loss < log.turnover // 50


def assert_every_cycle_has_its_prices(keeper: Keeper, chain: LocalChain) -> None:
    for cycle in keeper.rows("SELECT * FROM decision"):
        at = hex(cycle["block_number"])
        feeds = tokens.prices(chain.node, chain.deployment.tokens, at)
        votes = keeper.rows("SELECT * FROM price_update WHERE decision_seq = ? AND source = 'FEED'", cycle["seq"])
        assert len(votes) == len(feeds)
        for token in chain.deployment.tokens:
            vote = next(row for row in votes if row["token"] == token.address)
            # px: USD with 18 decimals for 10^18 base units
            assert int(vote["px"]) == feeds[token.symbol] * 10 ** (36 - token.spec.decimals)
            assert vote["used"] == 1
        guards = json.loads(cycle["guards"])
        assert all(guard["verdict"] != "refuse" for guard in guards)
        assert {"paused", "keeper_role", "price_age", "drift_threshold"} <= {guard["name"] for guard in guards}


def assert_allocations_are_the_newest(keeper: Keeper, chain: LocalChain) -> None:
    treasury = chain.deployment.treasuries[0]
    supply = chain.node.rpc.view(treasury.address, "totalSupply()(uint256)")
    rows = keeper.rows("SELECT * FROM fund_asset_allocation ORDER BY position")
    block = rows[0]["block_number"]
    real = tokens.balances_of(chain.node, treasury.tokens, treasury.address, hex(block))
    assert [int(row["amount"]) for row in rows] == real
    assert [int(row["units"]) for row in rows] == [amount * 10**18 // supply for amount in real]
    assert [row["target_bps"] for row in rows] == list(treasury.spec.targets.values())
    assert abs(sum(Decimal(row["weight_bps"]) for row in rows) - 10_000) < Decimal("0.001")


def test_a_second_keeper_on_the_same_database_is_refused(keeper: Keeper) -> None:
    with keeper.running() as first:
        keeper.query_until("SELECT * FROM decision")
        done = keeper("run", "--once")
        assert (done.code, done.stdout) == (2, "")
        assert done.stderr == f"error: another keeper (pid {first.pid}) is running on this database\n"
        assert first.exit_code() is None
        looked = keeper("status", "--json")
        assert looked.code == 0
    assert first.exit_code() == 0
    assert keeper("run", "--once").code == 0


def test_a_daemon_that_may_not_send_signs_nothing(chain: LocalChain, keeper: Keeper) -> None:
    """SEND_TRANSACTIONS is opt-in: without it the same keeper plans, simulates and records."""
    chain.market.step({"WETH": Decimal(ETHER_USD)}, at=chain.node.head()[1] + HOUR)
    for arguments, variables in ((["run", "--once"], {"SEND_TRANSACTIONS": ""}), (["run", "--once", "--dry-run"], {})):
        done = keeper(*arguments, **variables)
        assert done.code == 0, done.stderr
    decisions = keeper.rows("SELECT * FROM decision")
    assert [row["action"] for row in decisions] == ["planned", "planned"]
    assert keeper.rows("SELECT * FROM transaction_intent") == []
    simulated = keeper.rows("SELECT body FROM journal WHERE kind = 'outcome'")
    assert all(int(json.loads(row["body"])["gas"]) > 500_000 for row in simulated)
    assert len(simulated) == 2
    assert Witness(chain).rebalances() == []
    with_key = keeper("run", "--once", KEEPER_ADDRESS=accounts.KEEPER, KEYSTORE_FILE="", KEYSTORE_PASSWORD_FILE="",
                      SEND_TRANSACTIONS="false")  # fmt: skip
    assert with_key.code == 0, with_key.stderr


def test_pools_that_were_traded_in_the_observed_block_cost_more_gas_in_the_next(
    chain: LocalChain, keeper: Keeper
) -> None:
    """A pair writes its price accumulators once a second: not in the rehearsal, which runs in that block's second. The
    first time, here by emptied slots, that is two new slots a swap."""
    prices = {"WETH": 4000, "WBTC": 50_000, "LINK": 12, "UNI": 10, "MATIC": 1}
    chain.market.step({symbol: Decimal(price) for symbol, price in prices.items()}, at=chain.node.head()[1] + HOUR)
    slots = [(pool.address, hex(slot)) for pool in chain.deployment.pools if pool.version == 2 for slot in (9, 10)]
    chain.node.rpc.batch([("anvil_setStorageAt", [pair, slot, "0x" + "00" * 32]) for pair, slot in slots])
    done = keeper("run", "--once")
    assert done.code == 0, done.stderr
    attempt = keeper.rows("SELECT * FROM transaction_attempt")[0]
    intent = keeper.rows("SELECT * FROM transaction_intent")[0]
    assert (intent["state"], len(Witness(chain).rebalances())) == ("mined_ok", 1)
    assert attempt["gas_used"] < intent["gas_limit"]
