"""What the keeper wrote to its SQLite database, read from outside while it runs. Read-only."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

_OPEN = "('planned', 'signed', 'sent', 'mined_ok', 'mined_reverted', 'nonce_stolen')"


@dataclass(frozen=True, slots=True)
class CycleRow:
    """One row of `decision`. `block_timestamp` is None when the cycle saw no block."""

    seq: int
    action: str
    reason: str
    block_timestamp: int | None


@dataclass(frozen=True, slots=True)
class SwapRow:
    """One row of `rebalance_transaction` with its transaction. Amounts are base units, gas is the transaction's.

    What the receipt brings is None while the swap is pending or when it failed.
    """

    decision_seq: int
    tx_hash: str
    block: int | None
    status: str
    gas_used: int | None
    gas_price_wei: int | None
    gas_usd: Decimal | None
    token_in: str
    token_out: str
    amount_in: int | None
    amount_out: int | None
    slippage_bps: Decimal | None


class Books:
    """One keeper's database. Before the keeper has made it, it is simply empty."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def cycles_since(self, seq: int) -> list[CycleRow]:
        """Cycles recorded after the one with this sequence number, oldest first."""
        query = "SELECT seq, action, reason, block_timestamp FROM decision WHERE seq > ? ORDER BY seq"
        with self._open() as database:
            return [CycleRow(*row) for row in database.execute(query, (seq,))] if database else []

    def open_transactions(self) -> int:
        """Intents that have neither ended nor been given up."""
        query = f"SELECT count(*) FROM transaction_intent WHERE state IN {_OPEN}"  # noqa: S608 - a constant
        with self._open() as database:
            return int(database.execute(query).fetchone()[0]) if database else 0

    def swaps(self) -> list[SwapRow]:
        """All of them, in order of execution."""
        query = """
            SELECT i.decision_seq, s.tx_hash, a.block_number, s.status, a.gas_used, a.effective_gas_price,
                   a.gas_cost_usd, s.token_in, s.token_out, s.actual_in, s.actual_out, s.slippage_bps
            FROM rebalance_transaction s
            JOIN transaction_intent i ON i.id = s.intent_id
            LEFT JOIN transaction_attempt a ON a.hash = s.tx_hash
            ORDER BY s.intent_id, s.position
        """
        with self._open() as database:
            return [_swap(row) for row in database.execute(query)] if database else []

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """None until the file is there and holds the keeper's tables."""
        if not self.path.exists():
            yield None
            return
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        try:
            made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'rebalance_transaction'").fetchone()
            yield database if made else None
        finally:
            database.close()


def _swap(row: tuple[object, ...]) -> SwapRow:
    seq, tx_hash, block, status, gas, price, usd, token_in, token_out, paid, got, slippage = row
    return SwapRow(
        decision_seq=int(str(seq)),
        tx_hash=str(tx_hash),
        block=_integer(block),
        status=str(status),
        gas_used=_integer(gas),
        gas_price_wei=_integer(price),
        gas_usd=None if usd is None else Decimal(str(usd)).scaleb(-18),
        token_in=str(token_in),
        token_out=str(token_out),
        amount_in=_integer(paid),
        amount_out=_integer(got),
        slippage_bps=None if slippage is None else Decimal(str(slippage)),
    )


def _integer(value: object) -> int | None:
    """Integers beyond 64 bits are kept as text."""
    return None if value is None else int(str(value))
