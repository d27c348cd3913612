"""What a cycle's price book said, beside its decision: the next hour's cycles compare with it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("decision", sa.Column("prices", sa.JSON(), nullable=True))
    op.create_index("ix_decision_block_timestamp", "decision", ["block_timestamp"], unique=False)
