"""The SQLite file: its tables, opening it, and what its errors mean."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushlive.model.errors import MachineError, PushliveError, StateError
from pushlive.system import files, locks

PATIENCE = 30.0
"""Seconds to wait for another writer; a write takes milliseconds."""

# One script a version, each run once and in order; a script that was released is never changed.
# Nothing is ever changed or removed: how a delivery ended and when a release went live are rows of their own.
_MIGRATIONS = (
    """
    CREATE TABLE deliveries (
        number INTEGER PRIMARY KEY,
        revision TEXT NOT NULL,
        ref TEXT NOT NULL,
        origin TEXT NOT NULL,
        started TEXT NOT NULL
    );
    CREATE TABLE releases (
        number INTEGER PRIMARY KEY,
        revision TEXT NOT NULL,
        image TEXT NOT NULL,
        document TEXT NOT NULL
    );
    CREATE INDEX releases_revision ON releases (revision);
    CREATE TABLE endings (
        delivery INTEGER PRIMARY KEY REFERENCES deliveries,
        verdict TEXT NOT NULL CHECK (verdict <> 'running'),
        release INTEGER REFERENCES releases,
        ended TEXT NOT NULL,
        timings TEXT NOT NULL,
        diagnosis TEXT
    );
    CREATE TABLE lives (
        number INTEGER PRIMARY KEY,
        release INTEGER NOT NULL REFERENCES releases,
        since TEXT NOT NULL
    );
    CREATE INDEX lives_release ON lives (release);
    """,
)
_TABLES = ("deliveries", "releases", "endings", "lives")


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, made or brought up to date as needed. Every commit is on the disk before it is answered.

    Raises StateError for a file that is no history or was written by a newer pushlive, MachineError when it cannot
    be opened or written.
    """
    with files.explained(path), explained(path):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            _bring_up_to_date(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block is written, or none of it; nobody else writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of SQLite inside the block into one that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _meaning(error, path) from error


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == len(_MIGRATIONS):
        return
    # Going over to WAL does not wait for other connections as a write does, so first openers queue here.
    with locks.held(path.with_name(f"{path.name}.lock")):
        connection.execute("PRAGMA journal_mode = WAL")
        with transaction(connection):
            version = _version(connection)
            if version > len(_MIGRATIONS):
                raise StateError(
                    f"the history was written by a newer pushlive (version {version}, this one knows "
                    f"{len(_MIGRATIONS)})",
                    where=str(path),
                    remedy="Install that newer pushlive again.",
                )
            for script in _MIGRATIONS[version:]:
                _run_script(connection, script)
            connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def _run_script(connection: sqlite3.Connection, script: str) -> None:
    """Statement by statement: `executescript` would commit what went before."""
    for statement in script.split(";\n"):
        connection.execute(statement)
    for table in _TABLES:
        for change in ("UPDATE", "DELETE"):
            connection.execute(
                f"CREATE TRIGGER IF NOT EXISTS no_{change.lower()}_{table} BEFORE {change} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'history is only ever added to'); END"
            )


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _meaning(error: sqlite3.Error, path: Path) -> PushliveError:
    code = getattr(error, "sqlite_errorcode", 0)
    # The shared memory's file is made as long as it must be before it is written: that takes space, and nothing else.
    code = sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR_SHMSIZE else code & 0xFF
    kind, cause, remedy = _KINDS.get(code, (StateError, "the history refused a record", ""))
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return kind(cause, where=str(path), evidence=[f"{name}: {error}"], remedy=remedy.format(path=path))


_SALVAGE = (
    "Save what can be read: `sqlite3 {path} .recover | sqlite3 {path}.new`, move the new file in its place, and remove "
    "{path}-wal and {path}-shm. The site serves on meanwhile."
)
_RIGHTS = "Run it as the user who owns {path}."
_SPACE = "Free some space and run it again: what was recorded before is safe."
_KINDS: dict[int, tuple[type[PushliveError], str, str]] = {
    sqlite3.SQLITE_FULL: (MachineError, "no space left on the disk for the history", _SPACE),
    sqlite3.SQLITE_IOERR: (MachineError, "the disk refused to read or write the history", _SPACE),
    sqlite3.SQLITE_READONLY: (MachineError, "no right to write the history", _RIGHTS),
    sqlite3.SQLITE_CANTOPEN: (MachineError, "the history cannot be opened", _RIGHTS),
    sqlite3.SQLITE_PERM: (MachineError, "no right to open the history", _RIGHTS),
    sqlite3.SQLITE_CORRUPT: (StateError, "the history is damaged", _SALVAGE),
    sqlite3.SQLITE_NOTADB: (StateError, "the history is damaged: it is not a SQLite file", _SALVAGE),
    sqlite3.SQLITE_BUSY: (StateError, "another process keeps the history locked", "Run it again in a moment."),
}
