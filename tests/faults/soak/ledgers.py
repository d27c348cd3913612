"""The keeper's books as a soak looks at them while they are written: read-only, a connection for each look."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPEN = "('planned', 'signed', 'sent', 'mined_ok', 'mined_reverted', 'nonce_stolen')"


@dataclass(frozen=True, slots=True)
class Look:
    """`state` is the open transaction's, None without one. `attempts` is how often it was signed, `cancelling` that the
    newest of them is a cancellation. `decision` is the newest one of a block at or after the time that was asked for:
    its action and reason."""

    state: str | None = None
    attempts: int = 0
    cancelling: bool = False
    decision: tuple[str, str] | None = None


def look(database: Path, since: int) -> Look:
    """`since` is chain time. A database that is not there yet, or without tables, is empty."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as books:
            books.execute("BEGIN")  # one moment
            intent = books.execute(f"SELECT id, state FROM transaction_intent WHERE state IN {OPEN}").fetchone()
            kinds: list[str] = []
            if intent is not None:
                query = "SELECT kind FROM transaction_attempt WHERE intent_id = ? ORDER BY id"
                kinds = [kind for (kind,) in books.execute(query, intent[:1])]
            query = "SELECT action, reason FROM decision WHERE block_timestamp >= ? ORDER BY seq DESC LIMIT 1"
            decision: Any = books.execute(query, (since,)).fetchone()
    except sqlite3.OperationalError:
        return Look()
    state = None if intent is None else str(intent[1])
    return Look(state, len(kinds), kinds[-1:] == ["cancel"], decision)
