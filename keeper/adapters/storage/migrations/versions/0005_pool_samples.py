"""What V2 pairs summed up to earlier: a mean price needs two looks, half an hour apart."""

import sqlalchemy as sa
from alembic import op

from keeper.adapters.storage.types import Uint256

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "pool_sample",
        sa.Column("block_timestamp", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("price0_cumulative", Uint256(), nullable=False),
        sa.Column("price1_cumulative", Uint256(), nullable=False),
        sa.PrimaryKeyConstraint("block_timestamp", "pool", name="pk_pool_sample"),
    )
