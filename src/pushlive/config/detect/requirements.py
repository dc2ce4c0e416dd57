"""What says which packages to install: a lock file before a requirements file before bare metadata."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from pushlive.config.detect.files import Files, join, parent
from pushlive.config.detect.hints import Hint, Kind
from pushlive.config.detect.servers import words
from pushlive.config.detect.toml import parse, table
from pushlive.config.packages import canonical
from pushlive.config.schema import BuildSection
from pushlive.config.site import FILE, Fact, Requirements, RequirementsKind
from pushlive.model.errors import SettingsError

_PRODUCTION = (
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements-production.txt",
    "requirements-prod.txt",
    "requirements_production.txt",
    "requirements_prod.txt",
)
_PLAIN = (
    "requirements.txt",
    "requirements/requirements.txt",
    "requirements/main.txt",
    "requirements/default.txt",
    "requirements/common.txt",
    "requirements/base.txt",
    "reqs.txt",
)
_LOCKS = (
    (RequirementsKind.UV_LOCK, "pyproject.toml"),
    (RequirementsKind.POETRY_LOCK, "pyproject.toml"),
    (RequirementsKind.PIPFILE_LOCK, "Pipfile"),
)
_SOURCES = ("pyproject.toml", "Pipfile")
"""What locks are made from, and what names the packages that are asked for."""
_GROUPS = ("prod", "production", "deploy", "deployment")
_INCLUDE = r"^\s*(?:-r|--requirement|-c|--constraint)(?:\s+|=)(\S+)"
_HANDED = r"^(?:--requirement=|-r)(.+)$"
_NAME = r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)"
_EGG = r"#egg=([A-Za-z0-9._-]+)"
_MOST_INCLUDED = 50


def detect(files: Files, section: BuildSection, *, root: str, hints: Sequence[Hint]) -> Requirements:
    """What to install for the application in `root`; the folder itself counts before those above it.

    Raises SettingsError when the site file names what is not there.
    """
    if section.requirements is not None:
        return _told(files, section.requirements)
    folders = _upwards(root)
    return _installed(files, hints) or next(_found(files, folders), Requirements(RequirementsKind.NONE))


def names(files: Files, requirements: Requirements) -> frozenset[str]:
    """The normalized names (PEP 503) of the packages that are asked for, without those that these need in turn."""
    texts: Iterable[str]
    match requirements.kind:
        case RequirementsKind.REQUIREMENTS:
            read = [files.text(path) or "" for path in (*requirements.files, *requirements.includes)]
            texts = [line for text in read for line in text.splitlines()]
        case RequirementsKind.NONE:
            texts = ()
        case _:
            texts = [text for path in requirements.files if path.endswith(_SOURCES) for text in _asked(files, path)]
    return frozenset(canonical(found[1]) for text in texts if (found := re.search(_EGG, text) or re.match(_NAME, text)))


def facts(requirements: Requirements) -> tuple[Fact, ...]:
    """What was found, as `check` shows it."""
    if requirements.kind is RequirementsKind.NONE:
        return (Fact("build.requirements", "none", requirements.origin),)
    found = [Fact("build.requirements", ", ".join(requirements.files), requirements.origin)]
    if requirements.groups:
        found.append(Fact("build.groups", ", ".join(requirements.groups), "pyproject.toml"))
    return tuple(found)


def unread(files: Files, requirements: Requirements) -> tuple[Fact, ...]:
    """A lock beside a pyproject.toml that pushlive does not read, while nothing else pins what is installed."""
    if requirements.kind is not RequirementsKind.PYPROJECT:
        return ()
    path = join(parent(requirements.files[0]), "pdm.lock")
    said = f"{path}: write its pins where they are read: `pdm export --prod -o requirements.txt`"
    return (Fact("not used", said, path),) if files.is_file(path) else ()


def _told(files: Files, paths: Sequence[str]) -> Requirements:
    missing = next((path for path in paths if not files.is_file(join(path))), None)
    if missing is not None:
        raise SettingsError(
            f"build.requirements: there is no file {missing} in the repository",
            where=FILE,
            remedy="Paths begin at the top of the repository; commit the file, or correct the path.",
        )
    if not paths:
        return Requirements(RequirementsKind.NONE, origin=FILE)
    found = _from_file(files, join(paths[0]), FILE)
    if found.kind is not RequirementsKind.REQUIREMENTS:
        return found
    every = tuple(join(path) for path in paths)
    return Requirements(found.kind, every, _includes(files, every), origin=FILE)


def _installed(files: Files, hints: Sequence[Hint]) -> Requirements | None:
    """The files that a Dockerfile's last stage that has any, or a build script, hands to pip."""
    for stage in _stages(hints):
        handed: dict[str, str] = {}
        for hint in stage:
            for path in _handed(files, hint):
                handed.setdefault(path, hint.origin)
        if handed:
            paths = tuple(handed)
            return Requirements(RequirementsKind.REQUIREMENTS, paths, _includes(files, paths), (), handed[paths[0]])
    return None


def _stages(hints: Sequence[Hint]) -> Iterator[list[Hint]]:
    """What each file installs, each stage of a Dockerfile for itself, in the order in which it is run."""
    stage: list[Hint] = []
    for hint in hints:
        if stage and (hint.kind is Kind.IMAGE or hint.path != stage[0].path):
            yield sorted(stage, key=lambda hint: hint.line)
            stage = []
        if hint.kind is Kind.INSTALL:
            stage.append(hint)
    yield sorted(stage, key=lambda hint: hint.line)


def _handed(files: Files, hint: Hint) -> Iterator[str]:
    """The requirements files of the tree that a command gives to pip, without those of a developer."""
    if "pip" not in hint.text:
        return
    for word, following in pairwise([*words(hint.text), ""]):
        said = following if word in {"-r", "--requirement"} else "".join(re.findall(_HANDED, word))
        path = _as_copied(files, said, parent(hint.path)) if said else None
        if path and not path.endswith(".toml") and not re.search(r"dev|test|local", path):
            yield path


def _as_copied(files: Files, path: str, folder: str) -> str | None:
    """A path in an image, as one in the tree: `/requirements/production.txt` was copied from below the top.

    What is built in `folder`, where the command stands, has paths from there.
    """
    parts = join(path).split("/")
    tails = ["/".join(parts[at:]) for at in range(len(parts))]
    return files.first(*(join(base, tail) for base in dict.fromkeys([folder, ""]) for tail in tails))


def _found(files: Files, folders: Sequence[str]) -> Iterator[Requirements]:
    for folder in folders:
        for kind, source in _LOCKS:
            if files.is_file(join(folder, kind)) and files.is_file(join(folder, source)):
                yield _locked(files, kind, join(folder, kind), join(folder, source))
    for folder in folders:
        path = files.first(*(join(folder, name) for name in (*_PRODUCTION, *_PLAIN)))
        if path:
            yield _plain(files, path, path)
    for folder in folders:
        pyproject = join(folder, "pyproject.toml")
        if files.is_file(pyproject) and any(_asked(files, pyproject)):
            yield Requirements(RequirementsKind.PYPROJECT, (pyproject,), (), _groups(files, pyproject), pyproject)


def _from_file(files: Files, path: str, origin: str) -> Requirements:
    """What a file that is named is, by its own name."""
    name = path.rpartition("/")[2]
    for kind, source in _LOCKS:
        if name == kind:
            return _locked(files, kind, path, join(parent(path), source), origin=origin)
    if name == "pyproject.toml":
        return Requirements(RequirementsKind.PYPROJECT, (path,), (), _groups(files, path), origin)
    return _plain(files, path, origin)


def _locked(files: Files, kind: RequirementsKind, lock: str, source: str, *, origin: str = "") -> Requirements:
    return Requirements(kind, (lock, source), (), _groups(files, source), origin or lock)


def _plain(files: Files, path: str, origin: str) -> Requirements:
    return Requirements(RequirementsKind.REQUIREMENTS, (path,), _includes(files, (path,)), (), origin)


def _includes(files: Files, paths: Sequence[str]) -> tuple[str, ...]:
    """Files that requirements files refer to, and those refer to in turn."""
    seen = list(paths)
    for path in seen:
        for line in (files.text(path) or "").splitlines():
            found = re.match(_INCLUDE, line)
            below = join(parent(path), found[1]) if found and "://" not in found[1] else ""
            if below and below not in seen and files.is_file(below) and len(seen) < _MOST_INCLUDED:
                seen.append(below)
    return tuple(seen[len(paths) :])


def _groups(files: Files, path: str) -> tuple[str, ...]:
    data = parse(files.text(path))
    known = {**table(data, "dependency-groups"), **table(data, "tool", "poetry", "group")}
    return tuple(name for name in _GROUPS if name in known)


def _asked(files: Files, path: str) -> Iterator[str]:
    """The requirements a pyproject.toml or Pipfile names, as texts that begin with the package's name."""
    data = parse(files.text(path))
    groups = table(data, "dependency-groups")
    for asked in (table(data, "project").get("dependencies"), *(groups.get(name) for name in _GROUPS)):
        yield from (entry for entry in asked if isinstance(entry, str)) if isinstance(asked, list) else ()
    yield from (name for name in table(data, "tool", "poetry", "dependencies") if name != "python")
    yield from table(data, "packages")


def _upwards(root: str) -> tuple[str, ...]:
    folders = [root]
    while folders[-1]:
        folders.append(parent(folders[-1]))
    return tuple(folders)
