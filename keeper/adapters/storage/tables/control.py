"""Tables of what governs signing: every change of an intent's state, signers, circuit breakers, the writer's lease."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    SmallInteger,
    Table,
    Text,
)

from keeper.adapters.storage.tables.base import metadata
from keeper.adapters.storage.types import RowId, UtcTime, Words

transaction_event = Table(
    "transaction_event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("intent_id", ForeignKey("transaction_intent.id"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("state_from", Text),
    Column("state_to", Text, nullable=False),  # the same as state_from: raised, or to be cancelled
    Column("reason", Words, nullable=False),
)

signer_account = Table(
    "signer_account",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("signer", Text, primary_key=True),
    Column("next_nonce", BigInteger),  # what the next intent gets
    Column("hold", Words),  # why nothing is signed
    Column("held_at", UtcTime),
    Column("released_at", UtcTime),  # when an operator last accepted the chain as it was
    Column("updated_at", UtcTime, nullable=False),
)

circuit_breaker = Table(
    "circuit_breaker",
    metadata,
    Column("fund_id", ForeignKey("index_fund.id"), primary_key=True, autoincrement=False),
    Column("reason", Words),  # why it is open
    Column("tripped_at", UtcTime),
    Column("counted_from", BigInteger, nullable=False),  # chain time; what was before does not count
)

writer_lease = Table(
    "writer_lease",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),  # rises at every takeover
    Column("holder", Words, nullable=False),
    Column("expires_at", UtcTime),  # by the database's clock
    Column("released", Boolean, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
