"""Tables of what pools said earlier."""

from sqlalchemy import BigInteger, Column, Table, Text

from keeper.adapters.storage.tables.base import metadata
from keeper.adapters.storage.types import Uint256

pool_sample = Table(
    "pool_sample",
    metadata,
    Column("block_timestamp", BigInteger, primary_key=True, autoincrement=False),  # first: all is asked by time
    Column("pool", Text, primary_key=True),
    Column("block_number", BigInteger, nullable=False),
    Column("price0_cumulative", Uint256, nullable=False),  # UQ112x112 times seconds, brought forward to the block
    Column("price1_cumulative", Uint256, nullable=False),
)
