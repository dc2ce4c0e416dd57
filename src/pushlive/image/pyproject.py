"""pyproject.toml without a lock: the project's own dependencies and the groups that are wanted."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pushlive.config.packages import canonical
from pushlive.image.lines import NAME, Reader
from pushlive.image.plan import Lock, Plan
from pushlive.model.errors import BuildError

FILE = "pyproject.toml"


def plan(document: Mapping[str, Any], lock: Lock) -> Plan:
    """The plan of the project's dependencies and of the lock's groups.

    Raises BuildError for what Poetry alone can read, and for a package whose source it takes a lock to say.
    """
    if "dependencies" not in document.get("project", {}) and "poetry" in document.get("tool", {}):
        raise BuildError(
            "pyproject.toml names its packages in Poetry's own way and there is no poetry.lock",
            where=FILE,
            remedy="Run `poetry lock` and commit poetry.lock.",
        )
    lines = (*_indexes(document.get("tool", {}).get("uv", {})), *_asked(document, lock.groups))
    return Reader(Lock(lock.tree)).add("\n".join(lines), Path(FILE)).plan()


def _asked(document: Mapping[str, Any], groups: Iterable[str]) -> Iterator[str]:
    """The requirements of the project and of `groups`. Raises BuildError."""
    sources = {canonical(name) for name in document.get("tool", {}).get("uv", {}).get("sources", {})}
    asked = [*document.get("project", {}).get("dependencies", ())]
    asked += (line for group in groups for line in _group(document.get("dependency-groups", {}), group))
    for line in asked:
        if (name := NAME.match(line)) and canonical(name[0]) in sources:
            raise BuildError(
                f"pyproject.toml takes {name[0]} from a source of its own ([tool.uv.sources]), and there is no uv.lock",
                where=FILE,
                remedy="Run `uv lock` and commit uv.lock.",
            )
        yield line


def _indexes(uv: Mapping[str, Any]) -> Iterator[str]:
    """The indexes of [tool.uv], as options; one that is explicit serves packages of [tool.uv.sources] alone."""
    for entry in uv.get("index", ()):
        if not entry.get("explicit"):
            yield f"--{'' if entry.get('default') else 'extra-'}index-url {entry['url']}"
    if "index-url" in uv:
        yield f"--index-url {uv['index-url']}"
    yield from (f"--extra-index-url {url}" for url in uv.get("extra-index-url", ()))
    yield from (f"--find-links {url}" for url in uv.get("find-links", ()))


def _group(groups: Mapping[str, Any], name: str, within: Iterable[str] = ()) -> Iterator[str]:
    """The requirements of a dependency group and of the groups it includes (PEP 735)."""
    for entry in groups.get(name, ()) if name not in within else ():
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(groups, entry["include-group"], (*within, name))
