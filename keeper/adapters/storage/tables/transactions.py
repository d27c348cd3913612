"""Tables of what was done: intents, attempts, and what they moved."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from keeper.adapters.storage.tables.base import metadata
from keeper.adapters.storage.types import DecimalText, RowId, Uint256, UtcTime, Words

OPEN_INTENT = "state IN ('planned', 'signed', 'sent', 'mined_ok', 'mined_reverted', 'nonce_stolen')"
"""Every state before FINAL_*, ABANDONED and CANCELLED. One text for index and queries, or no planner matches them."""

transaction_intent = Table(
    "transaction_intent",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("fund_id", ForeignKey("index_fund.id"), nullable=False),
    Column("decision_seq", ForeignKey("decision.seq"), nullable=False, unique=True),
    Column("plan_id", Text, nullable=False, unique=True),
    Column("signer", Text, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("nonce", BigInteger),
    Column("gas_limit", BigInteger, nullable=False),
    Column("call_to", Text, nullable=False),
    Column("call_data", LargeBinary, nullable=False),
    Column("treasury_id", Uint256, nullable=False),  # the treasury's own sequence: not unique, a revert frees it
    Column("deadline", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("cancel_asked", Words),  # an operator's reason
    Column("cancel_asked_by", Words),
    Column("kind", Text, nullable=False, server_default="rebalance"),  # or targets
    UniqueConstraint("chain_id", "signer", "nonce"),
    CheckConstraint("nonce IS NOT NULL OR state IN ('planned', 'abandoned')", name="signed_has_nonce"),
)
Index(
    "uq_transaction_intent_open",
    transaction_intent.c.signer,
    unique=True,
    sqlite_where=text(OPEN_INTENT),
    postgresql_where=text(OPEN_INTENT),
)

transaction_attempt = Table(
    "transaction_attempt",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("intent_id", ForeignKey("transaction_intent.id"), nullable=False, index=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("raw", LargeBinary, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("max_fee", Uint256, nullable=False),
    Column("max_tip", Uint256, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime),  # the first time
    Column("reply", Words),  # the newest; all of them are in transaction_reply
    Column("block_number", BigInteger),
    Column("block_hash", Text),
    Column("tx_index", Integer),
    Column("gas_used", BigInteger),
    Column("effective_gas_price", Uint256),
    Column("l1_fee", Uint256),
    Column("gas_cost_wei", Uint256),
    Column("gas_cost_usd", Uint256),
    Column("revert_reason", Words),
    Column("kind", Text, nullable=False, server_default="trade"),  # or cancel
    Column("signed_at", BigInteger, nullable=False, server_default="0"),  # chain time
    Column("reply_kind", Text),  # what the newest reply means
    Column("mined_at", BigInteger),  # chain time
    # what is asked at every block: the gas of a day, and whether what was final is still there
    Index("ix_transaction_attempt_mined_at", "mined_at"),
    Index("ix_transaction_attempt_block_number", "block_number"),
)

transaction_reply = Table(
    "transaction_reply",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("attempt_id", ForeignKey("transaction_attempt.id"), nullable=False, index=True),
    Column("sent_at", UtcTime, nullable=False),
    Column("reply", Words, nullable=False),
    Column("kind", Text, nullable=False, server_default="unknown"),
)

rebalance = Table(
    "rebalance",
    metadata,
    Column("intent_id", ForeignKey("transaction_intent.id"), primary_key=True, autoincrement=False),
    Column("fund_id", ForeignKey("index_fund.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("nav_before", Uint256),
    Column("nav_after", Uint256),
    Column("tracking_error_bps_before", DecimalText),
    Column("tracking_error_bps_after", DecimalText),
    Column("turnover", Uint256),  # by the treasury's event
    Column("loss", Uint256),  # by the treasury's event
    Column("created_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
    Column("mined_at", BigInteger),  # chain time
    Index("ix_rebalance_fund_id_mined_at", "fund_id", "mined_at"),  # a day's executions, for the breaker
)

rebalance_history = Table(
    "rebalance_history",
    metadata,
    Column("intent_id", ForeignKey("rebalance.intent_id"), primary_key=True, autoincrement=False),
    Column("token", ForeignKey("asset.token"), primary_key=True),
    Column("position", SmallInteger, nullable=False),
    Column("target_bps", Integer, nullable=False),
    *(
        Column(f"{name}_{when}", kind)
        for when in ("before", "after")
        for name, kind in (
            ("amount", Uint256),
            ("px", Uint256),
            ("value", Uint256),
            ("weight_bps", DecimalText),
            ("drift_relative_bps", DecimalText),
            ("drift_absolute_bps", DecimalText),
        )
    ),
)

rebalance_transaction = Table(
    "rebalance_transaction",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("intent_id", ForeignKey("rebalance.intent_id"), nullable=False),
    Column("fund_id", ForeignKey("index_fund.id"), nullable=False),
    Column("position", SmallInteger, nullable=False),  # order of execution
    Column("side", Text, nullable=False),  # buy pays with the hub; every other swap sells what goes in
    Column("venue", SmallInteger, nullable=False),
    Column("zero_for_one", Boolean, nullable=False),
    Column("asset_in", SmallInteger, nullable=False),  # index in Treasury.assets
    Column("asset_out", SmallInteger, nullable=False),
    Column("token_in", ForeignKey("asset.token"), nullable=False),
    Column("token_out", ForeignKey("asset.token"), nullable=False),
    Column("amount_in", Uint256, nullable=False),
    Column("quoted_out", Uint256, nullable=False),
    Column("min_out", Uint256, nullable=False),
    Column("value_in", Uint256, nullable=False),
    Column("value_out", Uint256, nullable=False),
    Column("pool_fee_pips", Integer, nullable=False),
    Column("impact", DecimalText, nullable=False),
    Column("status", Text, nullable=False),
    Column("actual_in", Uint256),
    Column("actual_out", Uint256),
    Column("price_executed", DecimalText),  # hub per whole token traded; for a cross trade, out per in
    Column("slippage_bps", DecimalText),  # against the quote; positive is worse than quoted
    Column("tx_hash", Text),
    UniqueConstraint("intent_id", "position"),
    CheckConstraint("side IN ('buy', 'sell')", name="side"),
    CheckConstraint("status IN ('pending', 'completed', 'failed')", name="status"),
    Index("ix_rebalance_transaction_fund_id_intent_id", "fund_id", "intent_id"),
)
