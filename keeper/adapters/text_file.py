"""The text of a list that an operator hands in, from a file."""

from pathlib import Path
from typing import Final

from keeper.core.mistakes import ConfigurationError

LONGEST: Final = 16 << 20
"""Bytes: 100,000 investors have 6 million."""


def read_text(path: Path) -> str:
    """Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST + 1)
        if len(raw) > LONGEST:
            raise ConfigurationError([f"{path}: is longer than {LONGEST >> 20} MiB"])
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path}: is not UTF-8 text"]) from None
