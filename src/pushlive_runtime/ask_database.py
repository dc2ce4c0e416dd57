"""Migrations: which are pending, which of them have no way back, which are missing."""

from typing import Any, Dict, List


def migrations(*, files_only: bool = False) -> Dict[str, Any]:
    """For every database: what `migrate` would do, or why it can't be known; and changes without a migration.

    `files_only`: no server is asked, because the password at hand may be a placeholder.
    """
    from django.db import connections

    return {
        "databases": [_one(alias, connections[alias], files_only=files_only) for alias in connections],
        "missing": _missing(),
    }


def _one(alias: str, connection: Any, *, files_only: bool) -> Dict[str, Any]:
    from django.db import Error
    from django.db.migrations.executor import MigrationExecutor

    if connection.settings_dict.get("ENGINE") == "django.db.backends.dummy":
        return {"alias": alias, "pending": [], "irreversible": [], "destructive": []}
    if files_only and connection.vendor != "sqlite":
        return {"alias": alias, "error": "its server is asked when the release is made"}
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        return {"alias": alias, "error": f"{type(error).__name__}: {error}".strip()}
    forward = [migration for migration, backwards in plan if not backwards]
    is_first = not executor.loader.applied_migrations
    return {
        "alias": alias,
        "first": is_first,
        "pending": [_name(migration) for migration in forward],
        "irreversible": _operations(forward, lambda operation: not operation.reversible),
        "destructive": _operations([] if is_first else forward, _loses_data),
        "conflicts": {app: sorted(names) for app, names in executor.loader.detect_conflicts().items()},
    }


def _operations(forward: List[Any], is_meant: Any) -> List[str]:
    return [
        f"{_name(migration)}: {operation.describe()}"
        for migration in forward
        for operation in migration.operations
        if is_meant(operation)
    ]


def _loses_data(operation: Any) -> bool:
    return type(operation).__name__ in ("DeleteModel", "RemoveField")


def _name(migration: Any) -> str:
    return f"{migration.app_label}.{migration.name}"


def _missing() -> List[str]:
    """Apps with changes in their models that no migration makes."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None)
    if loader.detect_conflicts():
        return []
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    return sorted(detector.changes(graph=loader.graph))
