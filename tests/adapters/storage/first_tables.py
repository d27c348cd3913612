"""A database as the first release left it: its tables alone, filled by plain inserts of the columns that it had."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from keeper.adapters.storage import journal
from keeper.adapters.storage import tables as t
from keeper.core.journal import content_hash
from tests.adapters.storage import scenes
from tests.factories import address, hash32

AT: Final = datetime(2025, 6, 7, 8, 9, 10, 123456, tzinfo=UTC)
BUSY: Final = scenes.SIGNER
"""Its nonce 41 is final, by the second of two attempts; its nonce 42 is sent."""
IDLE: Final = address(21)
"""It had a plan that was abandoned, and never a nonce."""
FRESH: Final = address(22)
"""Its nonce 0 reverted."""
CLOSED, OPEN, DROPPED, REVERTED = 1, 2, 3, 4
_OWNERS: Final = {CLOSED: (1, BUSY), OPEN: (1, BUSY), DROPPED: (2, IDLE), REVERTED: (3, FRESH)}


def make(db: Connection) -> None:
    """Revision 0001 and nothing newer, without rows."""
    config = Config()
    config.set_main_option("script_location", "keeper.adapters.storage:migrations")
    config.attributes["connection"] = db
    command.upgrade(config, "0001")


def fill(db: Connection) -> None:
    """Three funds, four decisions with their plans, and what became of each."""
    _funds(db)
    _decisions(db)
    _intents(db)
    _attempts(db)
    _trades(db)


def rows(db: Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """Of those columns as the driver gives them, unconverted."""
    return {
        table: sorted(
            (tuple(row) for row in db.execute(text(f"SELECT {', '.join(map(_quoted, names))} FROM {table}"))), key=repr
        )
        for table, names in columns.items()
    }


def columns_of(db: Connection) -> dict[str, list[str]]:
    """Every table's, but alembic's own."""
    found = inspect(db)
    names = [name for name in found.get_table_names() if name != "alembic_version"]
    return {name: [column["name"] for column in found.get_columns(name)] for name in names}


def _quoted(name: str) -> str:
    return f'"{name}"'


def _funds(db: Connection) -> None:
    db.execute(t.database_stamp.insert(), {"id": 1, "chain_id": scenes.CHAIN, "mode": "live", "created_at": AT})
    signers = (BUSY, IDLE, FRESH)
    db.execute(
        t.index_fund.insert(),
        [
            {
                "name": f"fund {number}",
                "treasury": address(100 + number),
                "signer": signer,
                "hub": scenes.USDC,
                "paused": False,
                "keystore_file": "key.json",
                "password_file": "password",
                "created_at": AT,
            }
            for number, signer in enumerate(signers, start=1)
        ],
    )
    effective = {"DRIFT_THRESHOLD": "0.05"}
    db.execute(
        t.policy_version.insert(),
        [
            {
                "fund_id": fund,
                "version": 1,
                "effective": effective,
                "overrides": {},
                "digest": content_hash(effective),
                "by": "environment",
                "why": "the fund was added",
                "created_at": AT,
            }
            for fund in (1, 2, 3)
        ],
    )
    tokens = ((scenes.WETH, "WETH", 18), (scenes.USDT, "USDT", 6), (scenes.USDC, "USDC", 6))
    db.execute(
        t.asset.insert(),
        [
            {"token": token, "symbol": symbol, "decimals": decimals, "code_hash": hash32(decimals), "created_at": AT}
            for token, symbol, decimals in tokens
        ],
    )
    db.execute(
        t.fund_asset_allocation.insert(),
        {
            "fund_id": 1,
            "token": scenes.WETH,
            "position": 0,
            "target_bps": 3_333,
            "weight_bps": Decimal("3401.0200"),
            "units": 2**200,
            "amount": 2**255,
            "px": 1,
            "value": 0,
            "block_number": 100,
            "updated_at": AT,
        },
    )
    job = {"last_run": 1_700_000_100, "next_due": 1_700_000_400, "last_action": "submitted", "last_reason": "drift"}
    db.execute(t.scheduler_job.insert(), {"fund_id": 1, **job, "finished_at": AT})
    alert = {"fund_id": 1, "kind": "HIGH_DRIFT", "message": "6 %", "count": 3}
    db.execute(t.alert.insert(), {**alert, "raised_at": AT, "last_seen_at": AT, "cleared_at": None})


def _decisions(db: Connection) -> None:
    for number, (fund, _) in _OWNERS.items():
        seq, _head = journal.append(db, [scenes.record(fund_id=fund, cycle=f"cycle {number}")], AT)
        db.execute(
            t.decision.insert(),
            {
                "seq": seq,
                "cycle_id": f"cycle {number}",
                "fund_id": fund,
                "started_at": AT,
                "finished_at": AT + timedelta(seconds=1),
                "action": "submitted",
                "reason": "WETH drifted",
                "policy_version": 1,
                "block_number": 100 + number,
                "block_hash": hash32(100 + number),
                "block_timestamp": 1_700_000_000 + number,
                "nav": 10**24,
                "share_supply": scenes.SUPPLY,
                "tracking_error_bps": Decimal("12.5000"),
                "max_drift_bps": Decimal("204.0608"),
                "drift": [{"token": scenes.WETH}],
                "guards": [],
            },
        )
        vote = {"decision_seq": seq, "token": scenes.WETH, "source": "feed", "px": -(2**200), "updated_at": 7}
        db.execute(t.price_update.insert(), {**vote, "used": False, "reason": "negative"})


def _intents(db: Connection) -> None:
    ends = {CLOSED: ("final_ok", 41), OPEN: ("sent", 42), DROPPED: ("abandoned", None), REVERTED: ("final_reverted", 0)}
    for number, (fund, signer) in _OWNERS.items():
        state, nonce = ends[number]
        db.execute(
            t.transaction_intent.insert(),
            {
                "fund_id": fund,
                "decision_seq": number,
                "plan_id": f"plan {number}",
                "signer": signer,
                "chain_id": scenes.CHAIN,
                "state": state,
                "nonce": nonce,
                "gas_limit": 900_000,
                "call_to": address(100 + fund),
                "call_data": scenes.DATA,
                "treasury_id": 7 + number,
                "deadline": 1_700_000_700,
                "created_at": AT,
                "updated_at": AT + timedelta(seconds=number),
            },
        )


def _attempts(db: Connection) -> None:
    receipt = {
        "block_number": 105,
        "block_hash": hash32(105),
        "tx_index": 2,
        "gas_used": 412_345,
        "effective_gas_price": 12_345_678_901,
        "l1_fee": None,
        "gas_cost_wei": 412_345 * 12_345_678_901,
        "gas_cost_usd": 10**19,
        "revert_reason": None,
    }
    none: dict[str, Any] = dict.fromkeys(receipt)
    each = [
        (CLOSED, 41, 10**11, 10**9, "accepted", none),
        (CLOSED, 41, 2**70, 2**65, "accepted", receipt),
        (OPEN, 42, 3 * 10**11, 3 * 10**9, "no answer", none),
        (REVERTED, 0, 10**11, 10**9, "accepted", receipt | {"revert_reason": "SlippageExceeded"}),
    ]
    for number, (intent, nonce, max_fee, max_tip, reply, mined) in enumerate(each, start=1):
        signed = scenes.signed(10_000 + number)
        db.execute(
            t.transaction_attempt.insert(),
            {
                "intent_id": intent,
                "hash": signed.hash,
                "raw": signed.raw,
                "nonce": nonce,
                "max_fee": max_fee,
                "max_tip": max_tip,
                "created_at": AT,
                "sent_at": AT,
                "reply": reply,
                **mined,
            },
        )
        said = {"attempt_id": number, "sent_at": AT + timedelta(seconds=number), "reply": reply}
        db.execute(t.transaction_reply.insert(), said)


def _trades(db: Connection) -> None:
    status = {CLOSED: "completed", OPEN: "pending", DROPPED: "failed", REVERTED: "failed"}
    for number, (fund, _) in _OWNERS.items():
        settled = AT if number in (CLOSED, REVERTED) else None
        rebalance = {"intent_id": number, "fund_id": fund, "status": status[number], "nav_before": 10**24}
        rebalance |= {"tracking_error_bps_before": Decimal("12.5000"), "created_at": AT, "settled_at": settled}
        db.execute(t.rebalance.insert(), rebalance)
        before = {"intent_id": number, "token": scenes.WETH, "position": 0, "target_bps": 3_333}
        db.execute(t.rebalance_history.insert(), {**before, "amount_before": 2**200, "px_before": 1})
        db.execute(
            t.rebalance_transaction.insert(),
            {
                "intent_id": number,
                "fund_id": fund,
                "position": 0,
                "side": "sell",
                "venue": 3,
                "zero_for_one": True,
                "asset_in": 0,
                "asset_out": 2,
                "token_in": scenes.WETH,
                "token_out": scenes.USDC,
                "amount_in": 10**18,
                "quoted_out": 2 * 10**9,
                "min_out": 1,
                "value_in": 2,
                "value_out": 2,
                "pool_fee_pips": 3_000,
                "impact": Decimal("0.0012"),
                "status": status[number],
                "actual_out": 2**200 if number == CLOSED else None,
                "slippage_bps": Decimal("5.0000") if number == CLOSED else None,
            },
        )
