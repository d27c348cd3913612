"""The first tables, and the triggers that keep the journal append-only."""

import sqlalchemy as sa
from alembic import op

from keeper.adapters.storage.types import DecimalText, Int256, RowId, Uint256, UtcTime, Words

revision = "0001"
down_revision = None

APPEND_ONLY = "the journal is append-only"
GENESIS = "0x" + "00" * 32


def upgrade() -> None:
    _tables()
    head = sa.table("journal_head", sa.column("id"), sa.column("seq"), sa.column("link"))
    op.bulk_insert(head, [{"id": 1, "seq": 0, "link": GENESIS}])
    if op.get_bind().dialect.name == "postgresql":
        _postgres_triggers()
    else:
        _sqlite_triggers()


def _sqlite_triggers() -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER journal_refuses_{change.lower()} BEFORE {change} ON journal "
            f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
        )
    # INSERT OR REPLACE deletes without firing a delete trigger
    op.execute(
        "CREATE TRIGGER journal_refuses_replace BEFORE INSERT ON journal "
        "WHEN EXISTS (SELECT 1 FROM journal WHERE seq = NEW.seq) "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    )


def _postgres_triggers() -> None:
    op.execute(
        "CREATE FUNCTION journal_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{APPEND_ONLY}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER journal_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
        "FOR EACH STATEMENT EXECUTE FUNCTION journal_refuses()"
    )


def _tables() -> None:
    op.create_table(
        "asset",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("symbol", Words(), nullable=False),
        sa.Column("decimals", sa.SmallInteger(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_asset"),
    )
    op.create_table(
        "database_stamp",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'dry_run')", name="ck_database_stamp_mode"),
        sa.CheckConstraint("id = 1", name="ck_database_stamp_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_database_stamp"),
    )
    op.create_table(
        "index_fund",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("treasury", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("hub", sa.Text(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("keystore_file", sa.Text(), nullable=True),
        sa.Column("password_file", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_index_fund"),
        sa.UniqueConstraint("name", name="uq_index_fund_name"),
        sa.UniqueConstraint("treasury", name="uq_index_fund_treasury"),
    )
    op.create_table(
        "journal_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_journal_head_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_journal_head"),
    )
    op.create_table(
        "alert",
        sa.Column("id", RowId, nullable=False),
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", Words(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("raised_at", UtcTime(), nullable=False),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.Column("cleared_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_alert_fund_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["fund_id", "kind"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "fund_asset_allocation",
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("target_bps", sa.Integer(), nullable=False),
        sa.Column("weight_bps", DecimalText(), nullable=True),
        sa.Column("units", Uint256(), nullable=True),
        sa.Column("amount", Uint256(), nullable=True),
        sa.Column("px", Uint256(), nullable=True),
        sa.Column("value", Uint256(), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_fund_asset_allocation_fund_id"),
        sa.ForeignKeyConstraint(["token"], ["asset.token"], name="fk_fund_asset_allocation_token"),
        sa.PrimaryKeyConstraint("fund_id", "token", name="pk_fund_asset_allocation"),
    )
    op.create_table(
        "journal",
        sa.Column("seq", RowId, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fund_id", RowId, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_journal_fund_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_journal"),
    )
    op.create_index("ix_journal_content", "journal", ["content"], unique=False)
    op.create_table(
        "policy_version",
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("effective", sa.JSON(), nullable=False),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_policy_version_fund_id"),
        sa.PrimaryKeyConstraint("fund_id", "version", name="pk_policy_version"),
    )
    op.create_table(
        "scheduler_job",
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("last_run", sa.BigInteger(), nullable=True),
        sa.Column("next_due", sa.BigInteger(), nullable=True),
        sa.Column("last_action", sa.Text(), nullable=True),
        sa.Column("last_reason", Words(), nullable=True),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_scheduler_job_fund_id"),
        sa.PrimaryKeyConstraint("fund_id", name="pk_scheduler_job"),
    )
    op.create_table(
        "decision",
        sa.Column("seq", RowId, autoincrement=False, nullable=False),
        sa.Column("cycle_id", sa.Text(), nullable=False),
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.Text(), nullable=True),
        sa.Column("block_timestamp", sa.BigInteger(), nullable=True),
        sa.Column("nav", Uint256(), nullable=True),
        sa.Column("share_supply", Uint256(), nullable=True),
        sa.Column("tracking_error_bps", DecimalText(), nullable=True),
        sa.Column("max_drift_bps", DecimalText(), nullable=True),
        sa.Column("drift", sa.JSON(), nullable=False),
        sa.Column("guards", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fund_id", "policy_version"],
            ["policy_version.fund_id", "policy_version.version"],
            name="fk_decision_fund_id_policy_version",
        ),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_decision_fund_id"),
        sa.ForeignKeyConstraint(["seq"], ["journal.seq"], name="fk_decision_seq"),
        sa.PrimaryKeyConstraint("seq", name="pk_decision"),
        sa.UniqueConstraint("cycle_id", name="uq_decision_cycle_id"),
    )
    op.create_index("ix_decision_fund_id_seq", "decision", ["fund_id", "seq"], unique=False)
    op.create_table(
        "price_update",
        sa.Column("id", RowId, nullable=False),
        sa.Column("decision_seq", RowId, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("px", Int256(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.ForeignKeyConstraint(["decision_seq"], ["decision.seq"], name="fk_price_update_decision_seq"),
        sa.ForeignKeyConstraint(["token"], ["asset.token"], name="fk_price_update_token"),
        sa.PrimaryKeyConstraint("id", name="pk_price_update"),
    )
    op.create_index("ix_price_update_decision_seq", "price_update", ["decision_seq"], unique=False)
    op.create_table(
        "transaction_intent",
        sa.Column("id", RowId, nullable=False),
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("decision_seq", RowId, nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=True),
        sa.Column("gas_limit", sa.BigInteger(), nullable=False),
        sa.Column("call_to", sa.Text(), nullable=False),
        sa.Column("call_data", sa.LargeBinary(), nullable=False),
        sa.Column("treasury_id", Uint256(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.CheckConstraint(
            "nonce IS NOT NULL OR state IN ('planned', 'abandoned')", name="ck_transaction_intent_signed_has_nonce"
        ),
        sa.ForeignKeyConstraint(["decision_seq"], ["decision.seq"], name="fk_transaction_intent_decision_seq"),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_transaction_intent_fund_id"),
        sa.PrimaryKeyConstraint("id", name="pk_transaction_intent"),
        sa.UniqueConstraint("chain_id", "signer", "nonce", name="uq_transaction_intent_chain_id_signer_nonce"),
        sa.UniqueConstraint("decision_seq", name="uq_transaction_intent_decision_seq"),
        sa.UniqueConstraint("plan_id", name="uq_transaction_intent_plan_id"),
    )
    op.create_index(
        "uq_transaction_intent_open",
        "transaction_intent",
        ["signer"],
        unique=True,
        sqlite_where=sa.text("state IN ('planned', 'signed', 'sent', 'mined_ok', 'mined_reverted', 'nonce_stolen')"),
        postgresql_where=sa.text(
            "state IN ('planned', 'signed', 'sent', 'mined_ok', 'mined_reverted', 'nonce_stolen')"
        ),
    )
    op.create_table(
        "rebalance",
        sa.Column("intent_id", RowId, autoincrement=False, nullable=False),
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("nav_before", Uint256(), nullable=True),
        sa.Column("nav_after", Uint256(), nullable=True),
        sa.Column("tracking_error_bps_before", DecimalText(), nullable=True),
        sa.Column("tracking_error_bps_after", DecimalText(), nullable=True),
        sa.Column("turnover", Uint256(), nullable=True),
        sa.Column("loss", Uint256(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("settled_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_rebalance_fund_id"),
        sa.ForeignKeyConstraint(["intent_id"], ["transaction_intent.id"], name="fk_rebalance_intent_id"),
        sa.PrimaryKeyConstraint("intent_id", name="pk_rebalance"),
    )
    op.create_table(
        "transaction_attempt",
        sa.Column("id", RowId, nullable=False),
        sa.Column("intent_id", RowId, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("max_fee", Uint256(), nullable=False),
        sa.Column("max_tip", Uint256(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("reply", Words(), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.Text(), nullable=True),
        sa.Column("tx_index", sa.Integer(), nullable=True),
        sa.Column("gas_used", sa.BigInteger(), nullable=True),
        sa.Column("effective_gas_price", Uint256(), nullable=True),
        sa.Column("l1_fee", Uint256(), nullable=True),
        sa.Column("gas_cost_wei", Uint256(), nullable=True),
        sa.Column("gas_cost_usd", Uint256(), nullable=True),
        sa.Column("revert_reason", Words(), nullable=True),
        sa.ForeignKeyConstraint(["intent_id"], ["transaction_intent.id"], name="fk_transaction_attempt_intent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_transaction_attempt"),
        sa.UniqueConstraint("hash", name="uq_transaction_attempt_hash"),
    )
    op.create_index("ix_transaction_attempt_intent_id", "transaction_attempt", ["intent_id"], unique=False)
    op.create_table(
        "rebalance_history",
        sa.Column("intent_id", RowId, autoincrement=False, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("target_bps", sa.Integer(), nullable=False),
        sa.Column("amount_before", Uint256(), nullable=True),
        sa.Column("px_before", Uint256(), nullable=True),
        sa.Column("value_before", Uint256(), nullable=True),
        sa.Column("weight_bps_before", DecimalText(), nullable=True),
        sa.Column("drift_relative_bps_before", DecimalText(), nullable=True),
        sa.Column("drift_absolute_bps_before", DecimalText(), nullable=True),
        sa.Column("amount_after", Uint256(), nullable=True),
        sa.Column("px_after", Uint256(), nullable=True),
        sa.Column("value_after", Uint256(), nullable=True),
        sa.Column("weight_bps_after", DecimalText(), nullable=True),
        sa.Column("drift_relative_bps_after", DecimalText(), nullable=True),
        sa.Column("drift_absolute_bps_after", DecimalText(), nullable=True),
        sa.ForeignKeyConstraint(["intent_id"], ["rebalance.intent_id"], name="fk_rebalance_history_intent_id"),
        sa.ForeignKeyConstraint(["token"], ["asset.token"], name="fk_rebalance_history_token"),
        sa.PrimaryKeyConstraint("intent_id", "token", name="pk_rebalance_history"),
    )
    op.create_table(
        "rebalance_transaction",
        sa.Column("id", RowId, nullable=False),
        sa.Column("intent_id", RowId, nullable=False),
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("venue", sa.SmallInteger(), nullable=False),
        sa.Column("zero_for_one", sa.Boolean(), nullable=False),
        sa.Column("asset_in", sa.SmallInteger(), nullable=False),
        sa.Column("asset_out", sa.SmallInteger(), nullable=False),
        sa.Column("token_in", sa.Text(), nullable=False),
        sa.Column("token_out", sa.Text(), nullable=False),
        sa.Column("amount_in", Uint256(), nullable=False),
        sa.Column("quoted_out", Uint256(), nullable=False),
        sa.Column("min_out", Uint256(), nullable=False),
        sa.Column("value_in", Uint256(), nullable=False),
        sa.Column("value_out", Uint256(), nullable=False),
        sa.Column("pool_fee_pips", sa.Integer(), nullable=False),
        sa.Column("impact", DecimalText(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("actual_in", Uint256(), nullable=True),
        sa.Column("actual_out", Uint256(), nullable=True),
        sa.Column("price_executed", DecimalText(), nullable=True),
        sa.Column("slippage_bps", DecimalText(), nullable=True),
        sa.Column("tx_hash", sa.Text(), nullable=True),
        sa.CheckConstraint("side IN ('buy', 'sell')", name="ck_rebalance_transaction_side"),
        sa.CheckConstraint("status IN ('pending', 'completed', 'failed')", name="ck_rebalance_transaction_status"),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_rebalance_transaction_fund_id"),
        sa.ForeignKeyConstraint(["intent_id"], ["rebalance.intent_id"], name="fk_rebalance_transaction_intent_id"),
        sa.ForeignKeyConstraint(["token_in"], ["asset.token"], name="fk_rebalance_transaction_token_in"),
        sa.ForeignKeyConstraint(["token_out"], ["asset.token"], name="fk_rebalance_transaction_token_out"),
        sa.PrimaryKeyConstraint("id", name="pk_rebalance_transaction"),
        sa.UniqueConstraint("intent_id", "position", name="uq_rebalance_transaction_intent_id_position"),
    )
    op.create_index(
        "ix_rebalance_transaction_fund_id_intent_id", "rebalance_transaction", ["fund_id", "intent_id"], unique=False
    )
    op.create_table(
        "transaction_reply",
        sa.Column("id", RowId, nullable=False),
        sa.Column("attempt_id", RowId, nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=False),
        sa.Column("reply", Words(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["transaction_attempt.id"], name="fk_transaction_reply_attempt_id"),
        sa.PrimaryKeyConstraint("id", name="pk_transaction_reply"),
    )
    op.create_index("ix_transaction_reply_attempt_id", "transaction_reply", ["attempt_id"], unique=False)
