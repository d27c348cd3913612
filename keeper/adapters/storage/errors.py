"""What a driver says, mapped once to what an operator can act on: one line, without SQL, values or passwords."""

from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from keeper.ports import BooksUnavailable, NoBooks

UPGRADE = "run `keeper db upgrade`"


class WrongDatabase(Exception):
    """The database belongs to another chain or mode. Nothing was written."""


class Conflict(Exception):
    """What was asked for contradicts what is written down, such as a second open intent of a signer."""


class AlreadyRunning(Exception):
    """Another keeper process holds this database."""


_SQLITE = {
    "SQLITE_BUSY": "is locked by another process",
    "SQLITE_LOCKED": "is locked by another process",
    "SQLITE_FULL": "cannot grow: the disk is full",
    "SQLITE_IOERR": "cannot be read or written: the disk is full or failing",
    "SQLITE_READONLY": "is not writable",
    "SQLITE_PERM": "is not accessible: permission denied",
    "SQLITE_AUTH": "is not accessible: permission denied",
    "SQLITE_CANTOPEN": "cannot be opened: is the directory there, and are its permissions right?",
    "SQLITE_NOTADB": "is not a SQLite database",
    "SQLITE_CORRUPT": "is damaged",
}

_POSTGRES = {
    "08": "does not answer",
    "25006": "was opened for reading only",
    "28": "refuses the user or the password",
    "3D": "does not exist on the server",
    "40": "was changed by someone else at the same moment",
    "42501": "is not accessible: permission denied",
    "53": "cannot take more: disk, memory or connections are used up",
    "55": "is locked by another process",
    "57": "was stopped or the query was cancelled",
    "58": "cannot be read or written: the server's disk is full or failing",
    "XX": "is damaged",
}


def unavailable(error: BaseException, shown: str) -> BooksUnavailable | None:
    """The outage that `error` means for the database called `shown`; None when it is no outage but a fault of ours."""
    if isinstance(error, IntegrityError):
        return None
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    if _no_schema(cause):
        return NoBooks(f"database {shown} has no tables yet, or old ones: {UPGRADE}")
    if what := _by_code(cause):
        return BooksUnavailable(f"database {shown} {what}")
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return BooksUnavailable(f"database {shown} dropped the connection")
    if isinstance(error, OSError | TimeoutError):
        return BooksUnavailable(f"database {shown} does not answer")
    if isinstance(error, SQLAlchemyError) and "QueuePool limit" in str(error):
        return BooksUnavailable(f"database {shown} has no free connection")
    return None


def _no_schema(cause: Any) -> bool:
    if getattr(cause, "sqlite_errorname", None) == "SQLITE_ERROR":
        return str(cause).startswith(("no such table", "no such column"))
    return getattr(cause, "sqlstate", None) in {"42P01", "42703"}


def _by_code(cause: Any) -> str | None:
    if name := getattr(cause, "sqlite_errorname", None):
        # extended names refine the primary one: SQLITE_IOERR_WRITE, SQLITE_BUSY_SNAPSHOT
        return next((what for code, what in _SQLITE.items() if name.startswith(code)), None)
    if state := getattr(cause, "sqlstate", None):
        return next((what for code, what in _POSTGRES.items() if state.startswith(code)), None)
    return None
