"""Results: JSON for programs, lines for people."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from pushlive.cli.text import table


def show_json(value: Any) -> None:
    """Print a value as one line of JSON; dates in ISO 8601."""
    click.echo(json.dumps(value, default=_plain))


def show_table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, nothing: str) -> None:
    """Print a table, or `nothing` when it has no row."""
    found = list(rows)
    for line in table(found, headings) if found else [nothing]:
        click.echo(line)


def when(moment: datetime | None) -> str:
    """A moment in the reader's own time, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return str(value)
