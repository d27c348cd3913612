"""A CSV text with a line of column names -> its lines by column, every mistake told with the number of its line."""

import csv
from collections.abc import Iterator, Sequence
from typing import Final

_SHOWN: Final = 60


def records(
    text: str, columns: Sequence[str], problems: list[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and cells by column, in any order of the columns; those that are `optional` may be missing.

    Blank lines are none. What cannot be read is added to `problems`, and skipped.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(f"line {line}: cannot be read ({error})")
            continue
        cells = [cell.strip() for cell in row]
        if not cells:
            continue
        if header is None:
            header = [cell.lower() for cell in cells]
            if faults := _header_faults(header, columns, optional, line):
                problems += faults
                return
        elif len(cells) != len(header):
            problems.append(f"line {line}: {len(cells)} cells where {len(header)} belong")
        else:
            yield line, dict(zip(header, cells, strict=True))
    if header is None:
        problems.append(f"it is empty: the first line must be `{','.join(columns)}`")


def shown(text: str) -> str:
    """A foreign cell in a message."""
    seen = "".join(char if char.isprintable() else "?" for char in text)
    return repr(seen if len(seen) <= _SHOWN else seen[: _SHOWN - 3] + "...")


def _header_faults(header: Sequence[str], columns: Sequence[str], optional: Sequence[str], line: int) -> list[str]:
    known = (*columns, *optional)
    faults = [
        f"line {line}: {shown(name)} is not a column ({', '.join(known)})" for name in header if name not in known
    ]
    faults += [f"line {line}: there is no column {name}" for name in columns if name not in header]
    faults += [f"line {line}: there are two columns {name}" for name in known if header.count(name) > 1]
    return faults
