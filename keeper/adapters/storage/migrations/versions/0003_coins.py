"""Which coin of a provider of market data a token is: said by an operator, never guessed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("asset", sa.Column("coin", sa.Text(), nullable=True))
