"""pyproject.toml without a lock: the project's own dependencies and the groups that are wanted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pushlive.model.errors import BuildError


def asked(document: Mapping[str, Any], groups: Iterable[str]) -> Iterator[str]:
    """The requirements of the project and of `groups`. Raises BuildError for what only Poetry can read."""
    project: Mapping[str, Any] = document.get("project", {})
    if "dependencies" not in project and "poetry" in document.get("tool", {}):
        raise BuildError(
            "pyproject.toml names its packages in Poetry's own way and there is no poetry.lock",
            where="pyproject.toml",
            remedy="Run `poetry lock` and commit poetry.lock.",
        )
    yield from project.get("dependencies", ())
    for group in groups:
        yield from _group(document.get("dependency-groups", {}), group)


def _group(groups: Mapping[str, Any], name: str, within: Iterable[str] = ()) -> Iterator[str]:
    """The requirements of a dependency group and of the groups it includes (PEP 735)."""
    for entry in groups.get(name, ()) if name not in within else ():
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(groups, entry["include-group"], (*within, name))
