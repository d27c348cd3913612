"""What exactly-once needs: kinds of attempts and replies, changes of state, signers, breakers, the writer's lease."""

import sqlalchemy as sa
from alembic import op

from keeper.adapters.storage.types import RowId, UtcTime, Words

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _columns()
    _tables()
    op.execute(
        "INSERT INTO signer_account (chain_id, signer, next_nonce, updated_at) "
        "SELECT chain_id, signer, MAX(nonce) + 1, MAX(updated_at) FROM transaction_intent GROUP BY chain_id, signer"
    )
    op.execute("INSERT INTO writer_lease (id, epoch, holder, released) VALUES (1, 0, '', TRUE)")


def _columns() -> None:
    # added in place, not by rebuilding: what holds a foreign key on these tables must not notice
    op.add_column("transaction_intent", sa.Column("cancel_asked", Words(), nullable=True))
    op.add_column("transaction_intent", sa.Column("cancel_asked_by", Words(), nullable=True))
    op.add_column("transaction_attempt", sa.Column("kind", sa.Text(), nullable=False, server_default="trade"))
    op.add_column("transaction_attempt", sa.Column("signed_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("transaction_attempt", sa.Column("reply_kind", sa.Text(), nullable=True))
    op.add_column("transaction_attempt", sa.Column("mined_at", sa.BigInteger(), nullable=True))
    op.add_column("transaction_reply", sa.Column("kind", sa.Text(), nullable=False, server_default="unknown"))
    op.add_column("rebalance", sa.Column("mined_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_transaction_attempt_mined_at", "transaction_attempt", ["mined_at"], unique=False)
    op.create_index("ix_transaction_attempt_block_number", "transaction_attempt", ["block_number"], unique=False)
    op.create_index("ix_rebalance_fund_id_mined_at", "rebalance", ["fund_id", "mined_at"], unique=False)


def _tables() -> None:
    op.create_table(
        "transaction_event",
        sa.Column("id", RowId, nullable=False),
        sa.Column("intent_id", RowId, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("state_from", sa.Text(), nullable=True),
        sa.Column("state_to", sa.Text(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.ForeignKeyConstraint(["intent_id"], ["transaction_intent.id"], name="fk_transaction_event_intent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_transaction_event"),
    )
    op.create_index("ix_transaction_event_intent_id", "transaction_event", ["intent_id"], unique=False)
    op.create_table(
        "signer_account",
        sa.Column("chain_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("next_nonce", sa.BigInteger(), nullable=True),
        sa.Column("hold", Words(), nullable=True),
        sa.Column("held_at", UtcTime(), nullable=True),
        sa.Column("released_at", UtcTime(), nullable=True),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "signer", name="pk_signer_account"),
    )
    op.create_table(
        "circuit_breaker",
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("reason", Words(), nullable=True),
        sa.Column("tripped_at", UtcTime(), nullable=True),
        sa.Column("counted_from", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_circuit_breaker_fund_id"),
        sa.PrimaryKeyConstraint("fund_id", name="pk_circuit_breaker"),
    )
    op.create_table(
        "writer_lease",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", Words(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_writer_lease_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_writer_lease"),
    )
