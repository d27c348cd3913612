"""One keeper process per SQLite file: an flock beside it. On PostgreSQL a lease says who may write (`lease.py`)."""

import fcntl
import os
from pathlib import Path
from typing import Self

from keeper.adapters.storage.errors import AlreadyRunning
from keeper.ports import BooksUnavailable


class ProcessLock:
    """An flock on `<database>.lock`, held until `release` or the end of the process, however it ends.

    The file stays behind: removing it would let a third process lock a new file while a second holds the old one.
    A paused holder keeps its lock; nothing takes it over.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._fd: int | None = None

    def acquire(self) -> Self:
        """Raises AlreadyRunning, naming the holder's pid, or BooksUnavailable when the file cannot be made."""
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise BooksUnavailable(f"lock file {self.path} cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise AlreadyRunning(f"another keeper (pid {holder}) is running on this database") from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd
        return self

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
