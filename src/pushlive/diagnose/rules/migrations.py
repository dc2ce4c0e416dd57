"""Migrations that cannot be applied."""

import re

from pushlive.diagnose.rule import Decide, Exceptional, Printed
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis

_APPLYING = re.compile(r"Applying (?P<migration>\w+\.\w+)\.\.\.(?! ?(?:OK|FAKED))")
_TROUBLES = {
    "IntegrityError",
    "OperationalError",
    "ProgrammingError",
    "DataError",
    "InternalError",
    "NotSupportedError",
}


def failing(symptoms: Symptoms) -> Diagnosis | None:
    """A migration raises: which one, and the first thing that went wrong in it."""
    unfinished = list(_APPLYING.finditer(symptoms.flat))
    if not unfinished or not symptoms.chain:
        return None
    found = unfinished[-1]
    root = next((raised for raised in symptoms.chain if raised.name in _TROUBLES), symptoms.chain[0])
    return symptoms.found(
        "migration",
        f"the migration {found['migration']} fails: {root.text}",
        remedy=_remedy(root.text, found["migration"]),
        evidence=(f"Applying {found['migration']}...", root.text),
        where=symptoms.where or found["migration"].replace(".", "/migrations/") + ".py",
    )


def _remedy(text: str, migration: str) -> str:
    if "already exists" in text or "duplicate column" in text:
        app, _, name = migration.partition(".")
        fake = f"pushlive run -- python manage.py migrate --fake {app} {name}"
        return f"The database has it already. If it is as the migration would make it, mark it as applied: {fake}"
    if text.startswith("IntegrityError"):
        return "The rows that are there do not fit: correct them, or have the migration do it first."
    return "Correct the migration; the release that was live is untouched, and so is what this migration had begun."


RULES: tuple[Decide, ...] = (
    failing,
    Printed(
        "migration-conflict",
        r"Conflicting migrations detected; multiple leaf nodes in the migration graph: \((?P<which>[^)]+)\)",
        "two branches of work each added a migration: {which}",
        "Run `python manage.py makemigrations --merge` and commit what it writes.",
    ),
    Exceptional(
        "migration-missing",
        ("NodeNotFoundError",),
        r"Migration (?P<one>[\w.]+) dependencies reference nonexistent parent node \('(?P<app>\w+)', '(?P<name>\w+)'\)",
        "the migration {one} builds on {app}.{name}, which is not there",
        "Commit {app}/migrations/{name}.py (is `migrations` ignored by git?), or correct the dependency.",
    ),
    Exceptional(
        "migration-history",
        ("InconsistentMigrationHistory",),
        r"Migration (?P<one>[\w.]+) is applied before its dependency (?P<other>[\w.]+)",
        "the database has {one} applied, and not {other}, which comes before it",
        "Apply the missing one first, or mark it as applied: pushlive run -- python manage.py migrate --fake.",
    ),
)
