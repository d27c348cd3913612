"""Tables of what was decided: the journal, and what is read from it more easily as rows."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
)

from keeper.adapters.storage.tables.base import metadata
from keeper.adapters.storage.types import DecimalText, Int256, RowId, Uint256, UtcTime, Words

journal = Table(
    "journal",
    metadata,
    Column("seq", RowId, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("fund_id", ForeignKey("index_fund.id")),
    Column("body", Text, nullable=False),  # canonical JSON, byte for byte what was hashed
    Column("content", Text, nullable=False, index=True),
    Column("previous", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

journal_head = Table(
    "journal_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("link", Text, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

decision = Table(
    "decision",
    metadata,
    Column("seq", ForeignKey("journal.seq"), primary_key=True, autoincrement=False),
    Column("cycle_id", Text, nullable=False, unique=True),
    Column("fund_id", ForeignKey("index_fund.id"), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Words, nullable=False),
    Column("policy_version", Integer),
    Column("block_number", BigInteger),
    Column("block_hash", Text),
    Column("block_timestamp", BigInteger),
    Column("nav", Uint256),
    Column("share_supply", Uint256),
    Column("tracking_error_bps", DecimalText),
    Column("max_drift_bps", DecimalText),
    Column("drift", JSON, nullable=False),
    Column("guards", JSON, nullable=False),
    Column("prices", JSON(none_as_null=True)),  # px by token, decimal text
    ForeignKeyConstraint(["fund_id", "policy_version"], ["policy_version.fund_id", "policy_version.version"]),
    Index("ix_decision_fund_id_seq", "fund_id", "seq"),
    Index("ix_decision_block_timestamp", "block_timestamp"),
)

price_update = Table(
    "price_update",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("decision_seq", ForeignKey("decision.seq"), nullable=False, index=True),
    Column("token", ForeignKey("asset.token"), nullable=False),
    Column("source", Text, nullable=False),
    Column("px", Int256),  # a refused vote may be negative
    Column("updated_at", BigInteger),  # chain time, by the source
    Column("used", Boolean, nullable=False),
    Column("reason", Words, nullable=False),
)
