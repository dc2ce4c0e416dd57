"""poetry.lock as a plan: the main group's packages, the hashes the lock has for them, the indexes they come from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from pushlive.config.detect.toml import table
from pushlive.config.packages import canonical, named
from pushlive.image import pyproject
from pushlive.image.plan import Plan, from_path, git, unreadable

_NAME = "poetry.lock"


class _File(Struct, frozen=True):
    hash: str


class _Source(Struct, frozen=True):
    type: str = ""
    url: str = ""
    resolved_reference: str = ""
    subdirectory: str = ""


class _Package(Struct, frozen=True):
    name: str
    version: str
    optional: bool = False
    groups: tuple[str, ...] = ()
    category: str = ""
    markers: str | dict[str, str] = ""
    files: tuple[_File, ...] = ()
    source: _Source = field(default_factory=_Source)
    dependencies: dict[str, Any] = field(default_factory=dict)


class _Metadata(Struct, frozen=True):
    files: dict[str, tuple[_File, ...]] = field(default_factory=dict)


class _Lock(Struct, frozen=True):
    package: tuple[_Package, ...] = ()
    metadata: _Metadata = field(default_factory=_Metadata)


def plan(
    lock: Mapping[str, Any],
    project: Mapping[str, Any],
    groups: Iterable[str],
    markers: Mapping[str, str],
) -> Plan:
    """The packages of the main group and of `groups`. Raises BuildError, for a source uv cannot take too.

    `project` is pyproject.toml, `markers` the target's environment. Locks of Poetry 2 say which group a package is
    in; older ones only have the dependencies, which are followed from pyproject.toml's.
    """
    known = _lock(lock)
    packages = list(_chosen(known.package, project, {"main", *groups}, markers))
    lines = (_line(package, package.files or known.metadata.files.get(package.name, ())) for package in packages)
    indexes = (f"--extra-index-url {each.source.url}" for each in packages if each.source.type == "legacy")
    return Plan(tuple(lines), options=tuple(dict.fromkeys(indexes)), complete=True)


def _lock(document: Mapping[str, Any]) -> _Lock:
    try:
        return msgspec.convert(document, _Lock)
    except msgspec.ValidationError as error:
        raise unreadable(_NAME, error) from error


def _chosen(
    packages: Sequence[_Package], project: Mapping[str, Any], groups: set[str], markers: Mapping[str, str]
) -> Iterator[_Package]:
    if not any(package.groups or package.category for package in packages):
        reached = _reached(packages, _roots(project, groups), markers)
        packages = [package for package in packages if canonical(package.name) in reached]
    for package in packages:
        if _wanted(package, groups) and _holds(_marker(package, groups), markers):
            yield package


def _wanted(package: _Package, groups: set[str]) -> bool:
    return not package.optional and bool(groups.intersection(package.groups or (package.category or "main",)))


def _marker(package: _Package, groups: set[str]) -> str:
    if isinstance(package.markers, str):
        return package.markers
    return next((text for group, text in package.markers.items() if group in groups), "")


def _line(package: _Package, files: Iterable[_File]) -> str:
    source = package.source
    match source.type:
        case "git":
            return f"{package.name} @ {git(source.url, source.resolved_reference, source.subdirectory)}"
        case "url":
            return f"{package.name} @ {source.url}"
        case "directory" | "file":
            raise from_path(package.name, source.url, _NAME)
    return f"{package.name}=={package.version}{''.join(f' --hash={file.hash}' for file in files)}"


def _roots(document: Mapping[str, Any], groups: set[str]) -> set[str]:
    poetry = table(document, "tool", "poetry")
    roots = {canonical(name) for name in table(poetry, "dependencies") if name != "python"}
    for group in groups:
        roots |= {canonical(name) for name in table(poetry, "group", group, "dependencies")}
    asked = pyproject.read(document).project.dependencies or ()
    return roots | {named(line) for line in asked}


def _reached(packages: Iterable[_Package], roots: set[str], markers: Mapping[str, str]) -> set[str]:
    needs: dict[str, set[str]] = {}
    for package in packages:
        direct = {canonical(name) for name, need in package.dependencies.items() if _applies(need, markers)}
        needs.setdefault(canonical(package.name), set()).update(direct)
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += needs.get(name, ())
    return reached


def _applies(need: object, markers: Mapping[str, str]) -> bool:
    if isinstance(need, list):
        return any(_applies(one, markers) for one in need)
    if isinstance(need, Mapping):
        return not need.get("optional", False) and _holds(str(need.get("markers", "")), markers)
    return True


def _holds(marker: str, environment: Mapping[str, str]) -> bool:
    if not marker:
        return True
    from packaging.markers import InvalidMarker, Marker  # noqa: PLC0415 - only new dependencies are read

    try:
        return Marker(marker).evaluate({"extra": "", **environment})
    except InvalidMarker as error:
        raise unreadable(_NAME, error) from error
