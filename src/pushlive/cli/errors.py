"""Errors as people read them: what happened, where, what shows it, what to do."""

import json
import sys
import traceback
from itertools import chain, repeat
from typing import Any

from pushlive.cli.text import BOLD, RED, painted, plain
from pushlive.model.errors import PushliveError


def lines(error: PushliveError) -> list[str]:
    """The error in lines: the cause, then where, evidence and remedy, each only if there is one."""
    found = [("where", [error.where]), ("evidence", list(error.evidence)), ("remedy", error.remedy.split("\n"))]
    text = [f" !  {plain(error.cause)}"]
    for name, values in found:
        told = [plain(value) for value in values if value.strip()]
        text += [f"    {label:9} {value}" for label, value in zip(chain((name,), repeat("")), told, strict=False)]
    return text


def as_dict(error: PushliveError) -> dict[str, Any]:
    """The error for programs."""
    return {
        "error": type(error).__name__,
        "exit_code": error.exit_code,
        "cause": error.cause,
        "where": error.where,
        "evidence": list(error.evidence),
        "remedy": error.remedy,
    }


def show(error: PushliveError, *, as_json: bool) -> None:
    """Print the error: JSON on standard output, or text on standard error."""
    if as_json:
        print(json.dumps(as_dict(error)))  # noqa: T201  # the command's output
        return
    first, *rest = lines(error)
    print(painted(first, f"{BOLD};{RED}", sys.stderr), *rest, sep="\n", file=sys.stderr)  # noqa: T201


def show_defect(error: Exception, *, as_json: bool) -> int:
    """Print an error that nobody foresaw, its traceback first; returns the exit code."""
    traceback.print_exception(error)
    place = traceback.extract_tb(error.__traceback__)[-1:]
    found = PushliveError(
        f"pushlive itself failed: {type(error).__name__}: {error}".rstrip(": "),
        where="".join(f"{each.filename}:{each.lineno}" for each in place),
        remedy="This is a defect in pushlive: please report it, with the lines above. "
        "`pushlive status` shows what is live.",
    )
    show(found, as_json=as_json)
    return found.exit_code
