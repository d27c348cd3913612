"""DATABASE_URL: what is accepted, its one normal form, and how it is shown without its password."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_EXAMPLES = "sqlite:///keeper.db or postgresql://user:password@host/name"


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """`path` is the SQLite file, None for PostgreSQL. `shown` is fit for logs."""

    url: URL
    path: Path | None
    shown: str


def parse_url(text: str) -> DatabaseUrl:
    """Raises ValueError with one line that never holds any part of `text` beyond the scheme and the shown form."""
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):  # either may quote a piece of the URL, so neither is chained
        raise ValueError(f"DATABASE_URL is not a database URL: expected {_EXAMPLES}") from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ValueError(f"DATABASE_URL: {url.drivername!r} is not supported: expected {_EXAMPLES}")
    url = url.set(drivername=driver)
    return _sqlite(url) if driver.startswith("sqlite") else _postgres(url)


def _sqlite(url: URL) -> DatabaseUrl:
    if url.host or url.username:
        raise ValueError("DATABASE_URL: SQLite takes three slashes and a path: sqlite:///keeper.db")
    if url.query or not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError("DATABASE_URL: SQLite needs a plain file, such as sqlite:///keeper.db")
    path = Path(url.database)
    return DatabaseUrl(url.set(database=str(path)), path, str(path))


def _postgres(url: URL) -> DatabaseUrl:
    if not url.database:
        raise ValueError("DATABASE_URL: PostgreSQL needs a database name: postgresql://user:password@host/name")
    query = dict(url.query)
    if "sslmode" in query:  # libpq's name; asyncpg calls it ssl
        query["ssl"] = query.pop("sslmode")
    url = url.set(query=query)
    shown = URL.create("postgresql", host=url.host, port=url.port, database=url.database)
    return DatabaseUrl(url, None, shown.render_as_string())
