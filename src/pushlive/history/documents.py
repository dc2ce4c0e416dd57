"""What is kept as JSON: releases, timings, diagnoses. Read back they are equal to what was written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from pushlive.model.delivery import Diagnosis
from pushlive.model.errors import StateError
from pushlive.model.release import Release


def encode(value: Any) -> str:
    """`value` as JSON."""
    return msgspec.json.encode(value).decode()


def release(text: str) -> Release:
    """A release; what a newer pushlive added to it is passed over. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=Release)


def timings(text: str) -> dict[str, float]:
    """Seconds by stage. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=dict[str, float])


def diagnosis(text: str) -> Diagnosis:
    """A diagnosis. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=Diagnosis)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a record that cannot be read into a StateError."""
    try:
        yield
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(
            "a record of the history cannot be read",
            where=str(path),
            evidence=[str(error)],
            remedy=f"`sqlite3 {path} 'PRAGMA integrity_check'` shows whether the file is whole.",
        ) from error
