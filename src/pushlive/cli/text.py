"""Text for people: colour only on a terminal, and no control character of the site's reaches it."""

import os
import re
import sys
from typing import IO

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"


def plain(text: str) -> str:
    """Text without what could move a cursor, change a colour or turn the reading direction."""
    return _CONTROL.sub("", text)


def escaped(text: str, *, keep: str = "") -> str:
    """Text with an escape for each character that cannot be seen, a newline too, but for those in `keep`."""
    return "".join(each if each.isprintable() or each in keep else ascii(each)[1:-1] for each in text)


def colours(stream: IO[str]) -> bool:
    """Whether this stream shows colours (https://no-color.org)."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def painted(text: str, code: str, stream: IO[str] | None = None) -> str:
    """Text in a colour or weight, if the stream shows it."""
    return f"\033[{code}m{text}\033[0m" if colours(stream or sys.stdout) else text


def table(rows: list[tuple[str, ...]], headings: tuple[str, ...]) -> list[str]:
    """Columns wide enough for what is in them; the last is left as it is."""
    cells = [headings, *[tuple(plain(cell) for cell in row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
