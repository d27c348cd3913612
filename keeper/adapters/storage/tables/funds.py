"""Tables of what is kept: the database's stamp, funds, their policies, assets, allocations, schedule and alerts."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)

from keeper.adapters.storage.tables.base import metadata
from keeper.adapters.storage.types import DecimalText, RowId, Uint256, UtcTime, Words

database_stamp = Table(
    "database_stamp",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
    CheckConstraint("mode IN ('live', 'dry_run')", name="mode"),
)

index_fund = Table(
    "index_fund",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("treasury", Text, nullable=False, unique=True),
    Column("signer", Text, nullable=False),
    Column("hub", Text),
    Column("paused", Boolean, nullable=False),
    Column("keystore_file", Text),
    Column("password_file", Text),
    Column("created_at", UtcTime, nullable=False),
)

policy_version = Table(
    "policy_version",
    metadata,
    Column("fund_id", ForeignKey("index_fund.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("effective", JSON, nullable=False),  # environment-variable name -> text: what a cycle decides by
    Column("overrides", JSON, nullable=False),  # the part of it that an operator set here
    Column("digest", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

asset = Table(
    "asset",
    metadata,
    Column("token", Text, primary_key=True),
    Column("symbol", Words, nullable=False),
    Column("decimals", SmallInteger, nullable=False),
    Column("code_hash", Text),  # as first seen; never overwritten
    Column("created_at", UtcTime, nullable=False),
    Column("coin", Text),  # which of the provider's coins it is, by an operator's word
)

fund_asset_allocation = Table(
    "fund_asset_allocation",
    metadata,
    Column("fund_id", ForeignKey("index_fund.id"), primary_key=True),
    Column("token", ForeignKey("asset.token"), primary_key=True),
    Column("position", SmallInteger, nullable=False),  # index in Treasury.assets
    Column("target_bps", Integer, nullable=False),
    Column("weight_bps", DecimalText),
    Column("units", Uint256),  # base units of the token in 10^18 shares, rounded down
    Column("amount", Uint256),
    Column("px", Uint256),
    Column("value", Uint256),
    Column("block_number", BigInteger, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

scheduler_job = Table(
    "scheduler_job",
    metadata,
    Column("fund_id", ForeignKey("index_fund.id"), primary_key=True),
    Column("last_run", BigInteger),  # chain time
    Column("next_due", BigInteger),  # chain time
    Column("last_action", Text),
    Column("last_reason", Words),
    Column("finished_at", UtcTime),
)

alert = Table(
    "alert",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("fund_id", ForeignKey("index_fund.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("message", Words, nullable=False),
    Column("count", Integer, nullable=False),
    Column("raised_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("cleared_at", UtcTime),
)
Index(
    "uq_alert_open",
    alert.c.fund_id,
    alert.c.kind,
    unique=True,
    sqlite_where=text("cleared_at IS NULL"),
    postgresql_where=text("cleared_at IS NULL"),
)
