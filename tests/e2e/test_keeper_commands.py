"""Commands that look, and commands that change how a running keeper behaves."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import DAY
from scripts.localchain.lockstep import Step
from tests.e2e.keepers import RPC_KEY, Keeper
from tests.e2e.onchain import Witness

pytestmark = pytest.mark.e2e

HOUR = 3600
DECIMAL = re.compile(r"-?\d+(\.\d+)?")


def up(chain: LocalChain, price: int = 4000) -> None:
    chain.market.step({"WETH": Decimal(price)}, at=chain.node.head()[1] + 2 * HOUR)


# ------------------------------------------------------------------------------------------------------ doctor


def checks(done: Any) -> dict[str, str]:
    return {check["name"]: check["health"] for check in done.json}


def test_doctor_before_and_after_the_first_run(keeper: Keeper) -> None:
    before = keeper("doctor", "--json")
    assert before.code == 0, before.stdout
    assert checks(before)["database"] == "warn"
    assert not keeper.database.exists()
    assert keeper("run", "--once").code == 0
    after = keeper("doctor", "--json")
    assert after.code == 0
    found = checks(after)
    assert set(found.values()) == {"ok"}
    of_the_world = {"keeper_role", "keeper_expiry", "gas_balance", "gas_reach", "price_age", "clock"}
    assert {"rpc", "chain_id", "key", "database", "treasury"} | of_the_world <= set(found)
    text = keeper("doctor")
    assert text.code == 0
    assert "127.0.0.1" in text.stdout
    assert RPC_KEY not in text.stdout


def test_doctor_names_what_fails(chain: LocalChain, keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    cases: list[tuple[dict[str, str], str]] = [
        ({"RPC_URL": "http://127.0.0.1:9"}, "rpc"),
        ({"CHAIN_ID": "1", "MAX_HEAD_AGE_SECONDS": "36"}, "chain_id"),
        ({"TREASURY_ADDRESS": "0x" + "12" * 20}, "treasury"),
        ({"KEEPER_ADDRESS": accounts.OWNER}, "key"),
        ({"DATABASE_URL": f"sqlite:///{keeper.folder / 'commands.log'}"}, "database"),
    ]
    for variables, name in cases:
        done = keeper("doctor", "--json", **variables)
        assert done.code == 3, (name, done.stdout)
        assert checks(done)[name] == "fail"
    chain.node.rpc.call("anvil_setBalance", accounts.KEEPER, "0x0")
    chain.node.mine(timestamp=chain.node.head()[1] + 29 * DAY)
    done = keeper("doctor", "--json")
    assert done.code == 3
    found = checks(done)
    assert {name for name, health in found.items() if health == "fail"} >= {"gas_balance", "gas_reach", "price_age"}
    assert found["keeper_expiry"] == "warn"
    assert found["clock"] == "warn"  # the chain is a month ahead of this machine


# -------------------------------------------------------------------------------------------------------- plan


def test_plan_tells_what_the_keeper_then_does(chain: LocalChain, keeper: Keeper) -> None:
    hold = keeper("plan", "--json")
    assert (hold.code, hold.json["action"], hold.json["swaps"]) == (0, "HOLD", [])
    assert not keeper.database.exists()
    up(chain)
    done = keeper("plan", "--json")
    assert done.code == 0
    plan = done.json
    assert plan["action"] == "REBALANCE"
    assert_plan_has_its_shape(plan)
    text = keeper("plan")
    assert text.code == 0
    assert "REBALANCE" in text.stdout
    assert all(guard["name"] in text.stdout for guard in plan["guards"])

    assert keeper("run", "--once").code == 0
    swaps = keeper.rows("SELECT * FROM rebalance_transaction ORDER BY position")
    assert [(s["pool"], s["amount_in"], s["expected_out"], s["min_out"]) for s in plan["swaps"]] == [
        (row["venue"], row["amount_in"], row["quoted_out"], row["min_out"]) for row in swaps
    ]
    used = keeper.rows("SELECT gas_used FROM transaction_attempt")[0]["gas_used"]
    assert abs(used - plan["gas_units"]) < used // 5
    waiting = keeper("plan", "--json")
    assert (waiting.code, waiting.json["action"]) == (3, "BLOCKED")
    assert waiting.json["reason"].startswith("open_transaction: transaction 1 of this signer is not settled yet")


def assert_plan_has_its_shape(plan: dict[str, Any]) -> None:
    """Amounts are integers as text, USD and weights decimals as text."""
    assert isinstance(plan["reason"], str)
    for name in ("nav_before_usd", "nav_after_usd", "gas_usd", "cost_bps"):
        assert DECIMAL.fullmatch(plan[name]), (name, plan[name])
    assert isinstance(plan["gas_units"], int)
    assert len(plan["drift"]) == 8
    for line in plan["drift"]:
        assert set(line) == {"symbol", "weight_before", "weight_after", "target"}
    for weight in ("weight_before", "weight_after", "target"):
        assert abs(sum(Decimal(line[weight]) for line in plan["drift"]) - 1) < Decimal("1e-9")
    symbols = {line["symbol"] for line in plan["drift"]}
    for swap in plan["swaps"]:
        assert set(swap) == {"pool", "token_in", "token_out", "amount_in", "expected_out", "min_out"}
        assert {swap["token_in"], swap["token_out"]} <= symbols
        assert swap["token_in"] != swap["token_out"]
        least, most = int(swap["min_out"]), int(swap["expected_out"])
        assert int(swap["amount_in"]) > 0
        assert most * 99 // 100 <= least <= most  # SLIPPAGE_TOLERANCE is 1 %
    nav = [Decimal(plan[name]) for name in ("nav_before_usd", "nav_after_usd")]
    assert abs((nav[0] - nav[1]) / nav[0] * 10_000 - Decimal(plan["cost_bps"])) < Decimal("1e-6")


# ---------------------------------------------------------------------------------------------- status, trades


def test_status_and_trades_show_the_books(chain: LocalChain, keeper: Keeper) -> None:
    for command in ("status", "trades"):
        done = keeper(command)
        assert (done.code, done.errors) == (
            3,
            [f"there is no database at {keeper.database}: run `keeper db upgrade`"],
        )
    assert keeper("db", "upgrade").code == 0
    assert "no funds yet" in keeper("status").stdout
    assert "no trades yet" in keeper("trades").stdout
    up(chain)
    assert keeper("run", "--once").code == 0
    event = Witness(chain).rebalances()[0]
    paid, got = Witness(chain).moved(event.tx_hash)
    shown = keeper("trades", "--json").json
    assert [(row["token_in"], int(row["actual_in"])) for row in shown] == paid
    assert [(row["token_out"], int(row["actual_out"])) for row in shown] == got
    assert {row["tx_hash"] for row in shown} == {event.tx_hash}
    assert len(keeper("trades", "--json", "--limit", "2").json) == 2
    table = keeper("trades").stdout
    assert event.tx_hash in table
    assert "completed" in table

    fund = keeper("status", "--json").json[0]
    assert fund["decision"]["action"] == "submitted"
    assert fund["intent"]["state"] == "mined_ok"
    assert "keystore_file" not in fund
    text = keeper("status").stdout
    assert "a transaction is open (mined_ok)" in text
    assert chain.deployment.treasuries[0].address in text
    assert keeper("pause").code == 0
    assert "paused by the operator" in keeper("status").stdout


def test_an_unknown_fund_is_one_line(keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    for command in (
        ["plan", "nobody"],
        ["trades", "nobody"],
        ["pause", "nobody"],
        ["funds", "show", "nobody"],
        ["config", "history", "nobody"],
        ["config", "set", "nobody", "DRIFT_THRESHOLD=0.1"],
    ):
        done = keeper(*command)
        assert done.code == 2, command
        assert len(done.errors) == 1, (command, done.stderr)
        assert "lci" in done.errors[0], command


# -------------------------------------------------------------------------------------- while the keeper runs


def test_a_policy_that_is_set_rules_the_next_cycle(chain: LocalChain, keeper: Keeper) -> None:
    now = chain.node.head()[1]
    with keeper.running() as child:
        keeper.query_until("SELECT * FROM decision")
        wrong = keeper("config", "set", "lci", "DRIFT_THRESHOLD=7", "SLIPPAGE=1", "COOLDOWN_MINUTES")
        assert wrong.code == 2
        assert [line.split(":")[0] for line in wrong.errors] == ["COOLDOWN_MINUTES", "SLIPPAGE", "DRIFT_THRESHOLD"]
        done = keeper("config", "set", "lci", "DRIFT_THRESHOLD=0.5", "TOTAL_DRIFT_THRESHOLD=0.5", "--why", "a storm")
        assert (done.code, done.stdout) == (0, "lci: policy version 2\n")
        market = keeper.lockstep(chain, child)
        held = market.cycle(Step("rise", now + 2 * HOUR, {"WETH": Decimal(4000)}))
        assert (held.action, "threshold 50 %" in held.reason) == ("held", True)
        assert keeper("config", "set", "lci", "DRIFT_THRESHOLD=", "TOTAL_DRIFT_THRESHOLD=").code == 0
        traded = market.cycle(Step("rest", now + 4 * HOUR, {}))
        assert traded.action == "submitted"
    versions = keeper("config", "history", "--json").json
    assert [version["version"] for version in versions] == [3, 2, 1]
    assert versions[1]["why"] == "a storm"
    assert versions[1]["overrides"] == {"DRIFT_THRESHOLD": "0.5", "TOTAL_DRIFT_THRESHOLD": "0.5"}
    assert versions[0]["overrides"] == {}
    assert [row["policy_version"] for row in keeper.rows("SELECT policy_version FROM decision")] == [1, 2, 3]
    table = keeper("config", "history").stdout
    assert "a storm" in table
    assert "DRIFT_THRESHOLD=0.5" in table
    assert keeper("config", "show", "lci", "--json").json["DRIFT_THRESHOLD"] == "0.05"
    changes = keeper.rows("SELECT body FROM journal WHERE kind = 'operator' ORDER BY seq")
    assert [json.loads(row["body"])["event"] for row in changes] == ["policy"] * 3


def test_a_shorter_interval_does_not_wait_for_the_longer(chain: LocalChain, keeper: Keeper) -> None:
    with keeper.running():
        first = keeper.query_until("SELECT * FROM decision")
        due = keeper.rows("SELECT next_due FROM scheduler_job")[0]["next_due"]
        assert due == first["block_timestamp"] + HOUR
        assert keeper("config", "set", "lci", "INTERVAL_MINUTES=2").code == 0
        chain.node.mine(timestamp=chain.node.head()[1] + 119)
        chain.node.mine(timestamp=first["block_timestamp"] + 120)
        second = keeper.query_until(f"SELECT * FROM decision WHERE seq > {first['seq']}")
        assert second["block_timestamp"] == first["block_timestamp"] + 120


def test_pause_and_resume_while_it_runs(chain: LocalChain, keeper: Keeper) -> None:
    now = chain.node.head()[1]
    with keeper.running() as child:
        keeper.query_until("SELECT * FROM decision")
        assert keeper("pause", "lci").stdout == "lci: paused\n"
        assert keeper("pause").stdout == "lci: was paused already\n"
        market = keeper.lockstep(chain, child)
        blocked = market.cycle(Step("rise", now + 2 * HOUR, {"WETH": Decimal(4000)}))
        assert (blocked.action, blocked.reason) == ("blocked", "paused: paused by the operator")
        assert keeper.rows("SELECT kind FROM alert WHERE cleared_at IS NULL ORDER BY kind") == [
            {"kind": "FUND_HALTED"},
            {"kind": "HIGH_DRIFT"},
        ]
        assert keeper("resume").stdout == "lci: resumed\n"
        assert market.cycle(Step("rest", now + 4 * HOUR, {})).action == "submitted"
        assert keeper.rows("SELECT kind FROM alert WHERE cleared_at IS NULL") == []
    events = [json.loads(row["body"])["event"] for row in keeper.rows("SELECT body FROM journal WHERE kind='operator'")]
    assert events == ["policy", "pause", "resume"]


# ------------------------------------------------------------------------------------------------ config, db


def test_what_is_for_local_chains_only_cannot_be_set_elsewhere(keeper: Keeper) -> None:
    done = keeper("config", "set", "lci", "MAX_HEAD_AGE_SECONDS=0", CHAIN_ID="1", MAX_HEAD_AGE_SECONDS="36")
    assert done.code == 2
    assert len(done.errors) == 1
    assert "MAX_HEAD_AGE_SECONDS=0 (off) is accepted on chain 31337 only" in done.errors[0]


def test_config_show_keeps_secrets(keeper: Keeper) -> None:
    key = accounts.keeper_key().key.hex()
    variables = {
        "KEYSTORE_FILE": "",
        "KEYSTORE_PASSWORD_FILE": "",
        "PRIVATE_KEY": key,
        "DATABASE_URL": "postgresql://keeper:db-password-1@host/keeper",
        "COINGECKO_API_KEY": "CG-0123456789",
    }
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        done = keeper(*arguments, **variables)
        assert done.code == 0
        for secret in (key, key.removeprefix("0x"), RPC_KEY, "db-password-1", "CG-0123456789"):
            assert secret not in done.stdout
        assert "(set)" in done.stdout
    shown = keeper("config", "show", "--json", **variables).json
    assert shown["DRIFT_THRESHOLD"] == "0.05"
    assert shown["RPC_URL"].startswith("http://127.0.0.1:")
    assert shown["DATABASE_URL"] == "postgresql://***@host/keeper"


def test_db_upgrade_makes_a_database_and_leaves_a_current_one_alone(keeper: Keeper) -> None:
    first = keeper("db", "upgrade")
    assert first.code == 0
    assert str(keeper.database) in first.stdout
    made = keeper.everything()
    assert keeper.rows("SELECT chain_id, mode FROM database_stamp") == [{"chain_id": 31337, "mode": "live"}]
    assert keeper("db", "upgrade").stdout == first.stdout
    assert keeper.everything() == made


def test_a_dot_env_file_is_read(keeper: Keeper) -> None:
    """And a variable that is set in the environment wins over it."""
    lines = [f"{name}='{value}'" for name, value in keeper.environment.items()]
    (keeper.folder / "secrets" / ".env").write_text("\n".join(lines))
    (keeper.folder / ".env").symlink_to(keeper.folder / "secrets" / ".env")
    try:
        nothing = dict.fromkeys(keeper.environment, "")
        assert keeper("config", "show", "--json", **nothing).json["DRIFT_THRESHOLD"] == "0.05"
        wins = keeper("config", "show", "--json", **nothing | {"DRIFT_THRESHOLD": "0.2"})
        assert wins.json["DRIFT_THRESHOLD"] == "0.2"
    finally:
        (keeper.folder / ".env").unlink()
