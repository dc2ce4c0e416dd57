"""poetry.lock as a plan: the main group's packages, the hashes the lock has for them, the indexes they come from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pushlive.config.packages import canonical
from pushlive.image.plan import Plan, from_path, git

Package = dict[str, Any]


def plan(
    lock: Mapping[str, Any],
    pyproject: Mapping[str, Any],
    groups: Iterable[str],
    markers: Mapping[str, str],
) -> Plan:
    """The packages of the main group and of `groups`. Raises BuildError for a source uv cannot take.

    `markers` is the target's environment. Locks of Poetry 2 say which group a package is in; older ones only have
    the dependencies, which are followed from pyproject.toml's.
    """
    packages = list(_chosen(lock.get("package", []), pyproject, {"main", *groups}, markers))
    old_hashes: Mapping[str, list[Mapping[str, str]]] = lock.get("metadata", {}).get("files", {})
    lines = (_line(package, package.get("files") or old_hashes.get(package["name"], [])) for package in packages)
    sources = [package.get("source", {}) for package in packages]
    indexes = (f"--extra-index-url {source['url']}" for source in sources if source.get("type") == "legacy")
    return Plan(tuple(lines), options=tuple(dict.fromkeys(indexes)), complete=True)


def _chosen(
    packages: list[Package], pyproject: Mapping[str, Any], groups: set[str], markers: Mapping[str, str]
) -> Iterator[Package]:
    if packages and not any("groups" in package or "category" in package for package in packages):
        reached = _reached(packages, _roots(pyproject, groups), markers)
        packages = [package for package in packages if canonical(package["name"]) in reached]
    for package in packages:
        if _wanted(package, groups) and _holds(_marker(package, groups), markers):
            yield package


def _wanted(package: Package, groups: set[str]) -> bool:
    if package.get("optional", False):
        return False
    named = package.get("groups") or [package.get("category", "main")]
    return bool(groups.intersection(named))


def _marker(package: Package, groups: set[str]) -> str:
    marker = package.get("markers", "")
    if isinstance(marker, str):
        return marker
    return next((text for group, text in marker.items() if group in groups), "")


def _line(package: Package, files: Iterable[Mapping[str, str]]) -> str:
    source = package.get("source", {})
    match source.get("type"):
        case "git":
            return f"{package['name']} @ {git(source['url'], source['resolved_reference'], source.get('subdirectory'))}"
        case "url":
            return f"{package['name']} @ {source['url']}"
        case "directory" | "file":
            raise from_path(package["name"], source["url"], "poetry.lock")
    hashes = "".join(f" --hash={file['hash']}" for file in files)
    return f"{package['name']}=={package['version']}{hashes}"


def _roots(pyproject: Mapping[str, Any], groups: set[str]) -> set[str]:
    from packaging.requirements import Requirement  # noqa: PLC0415 - only new dependencies are read

    table = pyproject.get("tool", {}).get("poetry", {})
    named = {canonical(name) for name in table.get("dependencies", {}) if name != "python"}
    for group in groups:
        named |= {canonical(name) for name in table.get("group", {}).get(group, {}).get("dependencies", {})}
    return named | {canonical(Requirement(line).name) for line in pyproject.get("project", {}).get("dependencies", ())}


def _reached(packages: Iterable[Package], roots: set[str], markers: Mapping[str, str]) -> set[str]:
    needs: dict[str, set[str]] = {}
    for package in packages:
        dependencies = package.get("dependencies", {}).items()
        direct = {canonical(name) for name, need in dependencies if _applies(need, markers)}
        needs.setdefault(canonical(package["name"]), set()).update(direct)
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
    from packaging.markers import Marker  # noqa: PLC0415 - only new dependencies are read

    return Marker(marker).evaluate({"extra": "", **environment})
