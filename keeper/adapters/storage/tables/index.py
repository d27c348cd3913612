"""Tables of what funds hold and why: their methodologies, and every look at the market that they were held against."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text

from keeper.adapters.storage.tables.base import metadata
from keeper.adapters.storage.types import UtcTime

methodology = Table(
    "methodology",
    metadata,
    Column("fund_id", ForeignKey("index_fund.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("rules", JSON, nullable=False),  # as methodology_form.to_plain writes them
    Column("digest", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

reweighting = Table(
    "reweighting",
    metadata,
    Column("seq", ForeignKey("decision.seq"), primary_key=True, autoincrement=False),
    Column("fund_id", ForeignKey("index_fund.id"), nullable=False),
    Column("methodology_version", Integer, nullable=False),
    Column("members", JSON, nullable=False),  # coins, by rank
    Column("targets_before", JSON, nullable=False),  # bps, in the treasury's order, as are the next two
    Column("targets", JSON),  # what the index wants
    Column("sent", JSON),  # what the transaction says, which may be a step on the way
    Column("stands", Boolean, nullable=False),  # nothing need be sent: the members are in force
    Column("proposed", JSON, nullable=False),
    Column("doubted", JSON, nullable=False),  # coin -> chain time since which nobody speaks for it
    Column("looked_at", BigInteger, nullable=False),  # chain time
    Column("next_due", BigInteger, nullable=False),  # chain time
    ForeignKeyConstraint(["fund_id", "methodology_version"], ["methodology.fund_id", "methodology.version"]),
    Index("ix_reweighting_fund_id_seq", "fund_id", "seq"),
)
