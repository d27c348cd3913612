"""${message}."""

import sqlalchemy as sa
from alembic import op

from keeper.adapters.storage.types import DecimalText, Int256, RowId, Uint256, UtcTime, Words

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
