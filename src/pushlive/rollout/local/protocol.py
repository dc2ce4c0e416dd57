"""What goes over the control socket: one JSON object a line, a request and then its answer.

A request is `{"op": ...}` with the operation's own fields. An answer is `{"ok": {...}}` or `{"error": {...}}`.
The connection that asked for a candidate holds it: when it closes before `commit`, the candidate is stopped.
"""

import json
from enum import StrEnum
from typing import Any

from pushlive.model import errors
from pushlive.model.errors import PushliveError, StateError

LIMIT = 8 * 1024 * 1024
"""Bytes of the longest line."""


class Op(StrEnum):
    """What a supervisor can be asked."""

    STATUS = "status"
    LIVE = "live"
    CACHE = "cache"
    CANDIDATE = "candidate"
    ADMIT = "admit"
    COMMIT = "commit"
    ABANDON = "abandon"
    OUTPUT = "output"
    STOP = "stop"


def encode(message: dict[str, Any]) -> bytes:
    """A message as its line."""
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """A line as its message. Raises StateError."""
    try:
        message = json.loads(line)
    except ValueError as error:
        raise StateError("a line on the control socket is not JSON") from error
    if not isinstance(message, dict):
        raise StateError("a line on the control socket is not a JSON object")
    return message


def failure(error: PushliveError) -> dict[str, Any]:
    """An error as an answer."""
    return {
        "error": {
            "kind": type(error).__name__,
            "cause": error.cause,
            "where": error.where,
            "remedy": error.remedy,
            "evidence": list(error.evidence),
            "output": error.output,
        }
    }


def result(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says. Raises the error that it carries, as its own class."""
    if "error" not in answer:
        found = answer["ok"]
        return found if isinstance(found, dict) else {}
    raise revive(answer["error"])


def revive(value: dict[str, Any]) -> PushliveError:
    """An error from its JSON."""
    kind = getattr(errors, str(value["kind"]), PushliveError)
    made: PushliveError = kind(
        value["cause"],
        where=value["where"],
        remedy=value["remedy"],
        evidence=value["evidence"],
        output=value["output"],
    )
    return made
