"""Deliveries and releases of one site, only ever added to."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from pushlive.history import database, documents
from pushlive.model.delivery import Delivery, Diagnosis, Origin, Verdict
from pushlive.model.errors import StateError, UsageError
from pushlive.model.release import Release

_DELIVERIES = """
    SELECT d.number, d.revision, d.ref, d.origin, d.started, e.verdict, e.ended, e.release, e.timings, e.diagnosis
    FROM deliveries d LEFT JOIN endings e ON e.delivery = d.number
"""
_NAME = re.compile(r"v([1-9][0-9]{0,9})")
_PREFIX = re.compile(r"[0-9a-f]{4,40}")


class History:
    """The records of one site, in a SQLite file; a context manager that may be entered again and again.

    Every method raises StateError when the records cannot be read, MachineError when the disk is full or not ours.
    What a method that adds has returned from survives a kill and a power cut.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        self._connection = database.connect(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def begin(self, revision: str, ref: str, origin: Origin) -> Delivery:
        """Record that a delivery starts now."""
        with self._adding() as add:
            number = _begin(add, revision, ref, origin)
        return self.delivery(number)

    def add_refused(self, revision: str, ref: str, origin: Origin, diagnosis: Diagnosis) -> Delivery:
        """Record a delivery that failed before it could begin."""
        with self._adding() as add:
            number = _begin(add, revision, ref, origin)
            _end(add, number, Verdict.FAILED, diagnosis=diagnosis)
        return self.delivery(number)

    def finish(
        self,
        number: int,
        verdict: Verdict,
        *,
        release: str | None = None,
        timings: Mapping[str, float] | None = None,
        diagnosis: Diagnosis | None = None,
    ) -> Delivery:
        """Record how a delivery ended, once. Raises StateError when it has ended already, or never began."""
        assert verdict is not Verdict.RUNNING
        found = self.delivery(number)
        if found.verdict is not Verdict.RUNNING:
            raise StateError(f"delivery {number} has ended already: {found.verdict.value}", where=str(self._path))
        with self._adding() as add:
            _end(add, number, verdict, release=release, timings=timings, diagnosis=diagnosis)
        return self.delivery(number)

    def deliveries(self, limit: int = 20) -> tuple[Delivery, ...]:
        """The last deliveries, the newest first."""
        return self._deliveries("ORDER BY d.number DESC LIMIT ?", limit)

    def delivery(self, number: int) -> Delivery:
        """One delivery. Raises StateError when there is none of that number."""
        for found in self._deliveries("WHERE d.number = ?", number):
            return found
        raise StateError(f"there is no delivery {number}", where=str(self._path))

    def unfinished(self) -> tuple[Delivery, ...]:
        """Deliveries without an ending: the one that runs, and what was killed. The oldest first."""
        return self._deliveries("WHERE e.delivery IS NULL ORDER BY d.number")

    def add_release(self, release: Release) -> Release:
        """Record a new release and return it named, one more than the last; the name it comes with is not used."""
        with self._adding() as add:
            last: int = add.execute("SELECT coalesce(max(number), 0) FROM releases").fetchone()[0]
            named = replace(release, name=f"v{last + 1}")
            row = (last + 1, named.revision, str(named.image.digest), documents.encode(named))
            add.execute("INSERT INTO releases (number, revision, image, document) VALUES (?, ?, ?, ?)", row)
        return named

    def releases(self) -> tuple[Release, ...]:
        """Every release, the newest first."""
        return tuple(
            self._release(text) for (text,) in self._rows("SELECT document FROM releases ORDER BY number DESC")
        )

    def newest(self) -> Release | None:
        """The release that was made last, whether it was ever live or not."""
        rows = self._rows("SELECT document FROM releases ORDER BY number DESC LIMIT 1")
        return next((self._release(text) for (text,) in rows), None)

    def release(self, name: str) -> Release | None:
        """The release of that name (`v7`), or None."""
        number = _number(name)
        rows = self._rows("SELECT document FROM releases WHERE number = ?", number) if number else []
        return next((self._release(text) for (text,) in rows), None)

    def find(self, text: str) -> Release | None:
        """The release that `v7`, or the beginning of a revision, means; None when there is none.

        Of several releases of a revision it is the one that was live last; those that never were do not count.
        Raises UsageError when more than one revision begins so.
        """
        if _NAME.fullmatch(text):
            return self.release(text)
        if not _PREFIX.fullmatch(text.lower()):
            return None
        rows = self._rows(
            "SELECT r.revision, r.document FROM lives l JOIN releases r ON r.number = l.release "
            "WHERE substr(r.revision, 1, ?) = ? ORDER BY l.number DESC",
            len(text),
            text.lower(),
        )
        revisions = {revision for revision, _ in rows}
        if len(revisions) > 1:
            raise UsageError(
                f"more than one released revision begins with {text}",
                evidence=sorted(revisions),
                remedy="Give more digits.",
            )
        return self._release(rows[0][1]) if rows else None

    def went_live(self, name: str) -> None:
        """Record that a release is the live one from now on. Raises StateError when there is no such release."""
        with self._adding() as add:
            add.execute("INSERT INTO lives (release, since) VALUES (?, ?)", (_number(name), _now()))

    def was_live(self, name: str) -> bool:
        """Whether a release was ever the live one."""
        return bool(self._rows("SELECT 1 FROM lives WHERE release = ? LIMIT 1", _number(name)))

    def live(self) -> Release | None:
        """The release that went live last."""
        return self._nth_live(0)

    def previous(self) -> Release | None:
        """The release that was live before the live one."""
        return self._nth_live(1)

    def keep(self, count: int) -> tuple[str, ...]:
        """What may never be collected: the live release, the one before, and the last `count` that were live."""
        return tuple(self._lived(max(count, 2)))

    def _lived(self, limit: int, skip: int = 0) -> list[str]:
        """Names of the releases that were ever live, the one that was last at the front."""
        rows = self._rows(
            "SELECT release FROM lives GROUP BY release ORDER BY max(number) DESC LIMIT ? OFFSET ?", limit, skip
        )
        return [f"v{number}" for (number,) in rows]

    def _nth_live(self, place: int) -> Release | None:
        return next((self.release(name) for name in self._lived(1, place)), None)

    def _deliveries(self, which: str, *values: int) -> tuple[Delivery, ...]:
        with documents.explained(self._path):
            return tuple(_delivery(row) for row in self._rows(f"{_DELIVERIES} {which}", *values))

    def _release(self, text: str) -> Release:
        with documents.explained(self._path):
            return documents.release(text)

    def _rows(self, query: str, *values: str | int | None) -> list[tuple[Any, ...]]:
        with database.explained(self._path):
            return self._open.execute(query, values).fetchall()

    @contextmanager
    def _adding(self) -> Iterator[sqlite3.Connection]:
        with database.explained(self._path), database.transaction(self._open):
            yield self._open

    @property
    def _open(self) -> sqlite3.Connection:
        assert self._connection is not None, "enter the history first: with history: ..."
        return self._connection


def _begin(add: sqlite3.Connection, revision: str, ref: str, origin: Origin) -> int:
    row = (revision, ref, origin.value, _now())
    cursor = add.execute("INSERT INTO deliveries (revision, ref, origin, started) VALUES (?, ?, ?, ?)", row)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _end(
    add: sqlite3.Connection,
    number: int,
    verdict: Verdict,
    *,
    release: str | None = None,
    timings: Mapping[str, float] | None = None,
    diagnosis: Diagnosis | None = None,
) -> None:
    row = (number, verdict.value, _number(release), _now(), documents.encode(dict(timings or {})))
    add.execute(
        "INSERT INTO endings (delivery, verdict, release, ended, timings, diagnosis) VALUES (?, ?, ?, ?, ?, ?)",
        (*row, documents.encode(diagnosis) if diagnosis else None),
    )


def _delivery(row: tuple[Any, ...]) -> Delivery:
    number, revision, ref, origin, started, verdict, ended, release, timings, diagnosis = row
    return Delivery(
        number=number,
        revision=revision,
        ref=ref,
        origin=Origin(origin),
        started=datetime.fromisoformat(started),
        verdict=Verdict(verdict or Verdict.RUNNING),
        ended=datetime.fromisoformat(ended) if ended else None,
        release=f"v{release}" if release else None,
        timings=documents.timings(timings) if timings else {},
        diagnosis=documents.diagnosis(diagnosis) if diagnosis else None,
    )


def _number(name: str | None) -> int | None:
    """The number in a release's name. A name that is none counts as 0, which no release has."""
    match = _NAME.fullmatch(name) if name is not None else None
    return int(match[1]) if match else None if name is None else 0


def _now() -> str:
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with all six digits, so that the order of texts is the order of times."""
    return moment.isoformat(timespec="microseconds")
