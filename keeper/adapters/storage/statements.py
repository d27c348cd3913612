"""INSERT ... ON CONFLICT, which SQLAlchemy spells per dialect although both databases read it alike."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert
from sqlalchemy.dialects import postgresql, sqlite

Insertion = sqlite.Insert | postgresql.Insert


def per_dialect(build: Callable[[Callable[..., Insertion]], Insert]) -> Callable[[Connection], Insert]:
    """Builds a statement once per dialect, from that dialect's `insert`: building it takes longer than running it."""

    @cache
    def built(dialect: str) -> Insert:
        insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
        return build(insert)

    return lambda db: built(db.dialect.name)
