"""What a fund holds and why: methodologies, looks at the market, and transactions that set target weights."""

import sqlalchemy as sa
from alembic import op

from keeper.adapters.storage.types import RowId, UtcTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("transaction_intent", sa.Column("kind", sa.Text(), nullable=False, server_default="rebalance"))
    op.create_table(
        "methodology",
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_methodology_fund_id"),
        sa.PrimaryKeyConstraint("fund_id", "version", name="pk_methodology"),
    )
    op.create_table(
        "reweighting",
        sa.Column("seq", RowId, autoincrement=False, nullable=False),
        sa.Column("fund_id", RowId, nullable=False),
        sa.Column("methodology_version", sa.Integer(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("targets_before", sa.JSON(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=True),
        sa.Column("sent", sa.JSON(), nullable=True),
        sa.Column("stands", sa.Boolean(), nullable=False),
        sa.Column("proposed", sa.JSON(), nullable=False),
        sa.Column("doubted", sa.JSON(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("next_due", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["decision.seq"], name="fk_reweighting_seq"),
        sa.ForeignKeyConstraint(["fund_id"], ["index_fund.id"], name="fk_reweighting_fund_id"),
        sa.ForeignKeyConstraint(
            ["fund_id", "methodology_version"],
            ["methodology.fund_id", "methodology.version"],
            name="fk_reweighting_fund_id_methodology_version",
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_reweighting"),
    )
    op.create_index("ix_reweighting_fund_id_seq", "reweighting", ["fund_id", "seq"], unique=False)
