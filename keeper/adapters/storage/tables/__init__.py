"""The tables, and nothing else. Tokens are keyed by address: a database belongs to one chain."""

from keeper.adapters.storage.tables.base import SCHEMA_VERSION, metadata
from keeper.adapters.storage.tables.control import circuit_breaker, signer_account, transaction_event, writer_lease
from keeper.adapters.storage.tables.decisions import decision, journal, journal_head, price_update
from keeper.adapters.storage.tables.funds import (
    alert,
    asset,
    database_stamp,
    fund_asset_allocation,
    index_fund,
    policy_version,
    scheduler_job,
)
from keeper.adapters.storage.tables.index import methodology, reweighting
from keeper.adapters.storage.tables.pools import pool_sample
from keeper.adapters.storage.tables.transactions import (
    OPEN_INTENT,
    rebalance,
    rebalance_history,
    rebalance_transaction,
    transaction_attempt,
    transaction_intent,
    transaction_reply,
)

__all__ = [
    "OPEN_INTENT",
    "SCHEMA_VERSION",
    "alert",
    "asset",
    "circuit_breaker",
    "database_stamp",
    "decision",
    "fund_asset_allocation",
    "index_fund",
    "journal",
    "journal_head",
    "metadata",
    "methodology",
    "policy_version",
    "pool_sample",
    "price_update",
    "rebalance",
    "rebalance_history",
    "rebalance_transaction",
    "reweighting",
    "scheduler_job",
    "signer_account",
    "transaction_attempt",
    "transaction_event",
    "transaction_intent",
    "transaction_reply",
    "writer_lease",
]
