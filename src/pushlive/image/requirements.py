"""Read what a site asks to be installed, from whichever file says it, into one plan for uv. Nothing is run here."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from pushlive.config.site import RequirementsKind
from pushlive.image import poetry
from pushlive.model.errors import BuildError


class Lock(Struct, frozen=True):
    """The files in `tree` that name a site's packages, in their order; `groups` are wanted besides the main ones."""

    tree: Path
    kind: RequirementsKind = RequirementsKind.NONE
    files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """What uv is to install: requirement lines, constraint lines, and options for the index.

    `complete` says that the lines are all there is to install, so that nothing needs to be resolved; `local` are
    paths in the tree that lines refer to; `notes` is what was left out of the files, for the user.
    """

    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    complete: bool = False
    local: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def hashed(self) -> bool:
        """Hashes are given, and so required of everything."""
        return any("--hash" in line for line in self.lines)


UNNEEDED = {"uwsgi": "pushlive serves the site by gunicorn", "mod-wsgi": "pushlive serves the site by gunicorn"}
"""Packages that are left out, and why: servers that take long to compile and are never started."""

_PYPI = "https://pypi.org/simple"
_MIRRORS = re.compile(
    r"https?://(pypi\.(python\.org|douban\.com|doubanio\.com|tuna\.tsinghua\.edu\.cn|mirrors\.ustc\.edu\.cn)"
    r"|(www\.)?pypi\.org|mirrors\.(aliyun|tencent|tencentyun|cloud\.tencent|163)\.com"
    r"|repo\.huaweicloud\.com|mirrors\.(bfsu|sustech)\.edu\.cn)(/.*)?/?"
)
_OPTION = re.compile(r"(--[a-z-]+|-[a-zA-Z])(?:\s*=\s*|\s+|(?<=^-[a-zA-Z]))(.*)")
_SHORT = {"-r": "--requirement", "-c": "--constraint", "-i": "--index-url", "-f": "--find-links", "-e": "--editable"}
_PASSED = {"--extra-index-url", "--find-links", "--no-index"}
_SILENT = {"--trusted-host", "--prefer-binary", "--require-hashes", "--use-feature", "--pre"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ARCHIVE = (".whl", ".tar.gz", ".zip", ".tar.bz2")


def key_material(lock: Lock) -> bytes:
    """What decides which packages are installed: equal bytes, equal packages. Raises BuildError (file missing)."""
    if lock.kind in {RequirementsKind.REQUIREMENTS, RequirementsKind.NONE}:
        plan = plan_of(lock)
        content = [_fingerprint(lock.tree / path) for path in plan.local]
        return json.dumps([plan.lines, plan.constraints, plan.options, content]).encode()
    parts = [str(lock.kind), *lock.groups]
    parts += [_relevant(text) if name.endswith("pyproject.toml") else text for name, text in _texts(lock)]
    return json.dumps(parts).encode()


def plan_of(lock: Lock, markers: Mapping[str, str] | None = None) -> Plan:
    """The plan for every kind but uv.lock, which uv itself has to read. Raises BuildError.

    `markers` is the target's environment (PEP 508), for locks that leave conditions to their reader.
    """
    match lock.kind:
        case RequirementsKind.NONE:
            return Plan()
        case RequirementsKind.REQUIREMENTS:
            return _Files(lock).plan()
        case RequirementsKind.PIPFILE_LOCK:
            return _pipfile(json.loads(_text(lock, "Pipfile.lock")))
        case RequirementsKind.POETRY_LOCK:
            lines = poetry.lines(_toml(lock, "poetry.lock"), _toml(lock, "pyproject.toml"), lock.groups, markers or {})
            return Plan(tuple(lines), complete=True)
        case RequirementsKind.PYPROJECT:
            return _pyproject(_toml(lock, "pyproject.toml"), lock)
        case RequirementsKind.UV_LOCK:
            raise AssertionError("uv reads uv.lock")


def exported(text: str) -> Plan:
    """The plan of what `uv export` printed."""
    return _Files(Lock(Path("/nonexistent"))).add(text, Path("uv.lock")).plan(complete=True)


class _Files(Struct):
    """Requirements files, read one after the other with what they include."""

    lock: Lock
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    local: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def plan(self, *, complete: bool = False) -> Plan:
        for name in self.lock.files:
            self._include(Path(name), self.lines)
        parts = (self.lines, self.constraints, self.options, self.local, self.notes)
        lines, constraints, options, local, notes = (tuple(dict.fromkeys(part)) for part in parts)
        return Plan(lines, constraints, options, complete, local, notes)

    def add(self, text: str, file: Path, into: list[str] | None = None) -> "_Files":
        for line in logical_lines(text):
            self._line(line, file, self.lines if into is None else into)
        return self

    def _include(self, file: Path, into: list[str], by: Path | None = None) -> None:
        name = _clean(file)
        _inside(self.lock.tree, name, by or file)
        if name not in self.seen:
            self.seen.add(name)
            self.add(_text(self.lock, name), Path(name), into)

    def _line(self, line: str, file: Path, into: list[str]) -> None:
        if "${" in line:
            raise BuildError(
                f"{line.partition(' ')[0]} wants an environment variable, and a build has none of yours",
                where=str(file),
                remedy="Write the address without it; give credentials to uv on this machine (UV_INDEX_…, ~/.netrc).",
            )
        if line.startswith("-"):
            self._option(line, file, into)
            return
        requirement, *options = re.split(r"\s+(?=--[a-z])", line)
        kept = [option for option in options if option.startswith("--hash")]
        self.notes += [f"{file}: {option} is left out, as uv does without" for option in options if option not in kept]
        self._requirement(requirement, kept, file, into)

    def _requirement(self, requirement: str, hashes: list[str], file: Path, into: list[str]) -> None:
        name = canonical(match[0]) if (match := _NAME.match(requirement)) else ""
        if name in UNNEEDED:
            self.notes.append(f"{file}: {requirement} is left out: {UNNEEDED[name]}")
            return
        name, at, address = requirement.partition("@")
        if is_path(requirement):
            requirement = self._path(requirement, file)
        elif at and address.strip().startswith("file:"):
            requirement = f"{name}@ {self._path(address.strip(), file)}"
        into.append(" ".join([requirement, *hashes]))

    def _path(self, requirement: str, file: Path) -> str:
        text, *marker = requirement.partition(";")
        base = text.strip().removeprefix("file://").removeprefix("file:")
        name = _clean(file.parent / re.sub(r"\[.*?\]$", "", base))
        _inside(self.lock.tree, name, file)
        self.local.append(name)
        return f"{{tree}}/{name}{''.join(marker)}"

    def _option(self, line: str, file: Path, into: list[str]) -> None:
        match = _OPTION.fullmatch(line)
        option, value = (match[1], match[2].strip()) if match else (line, "")
        option = _SHORT.get(option, option)
        if option == "--requirement":
            self._include(file.parent / value, into, file)
        elif option == "--constraint":
            self._include(file.parent / value, self.constraints, file)
        elif option == "--editable":
            self._editable(value, file, into)
        elif option == "--index-url":
            self._index(value, file)
        elif option == "--find-links" and ("://" not in value or value.startswith("file:")):
            self.options.append(f"{option} {self._path(value, file)}")
        elif option in _PASSED:
            self.options.append(f"{option} {value}".strip())
        elif option not in _SILENT:
            self.notes.append(f"{file}: {line} is left out, as uv does without")

    def _editable(self, value: str, file: Path, into: list[str]) -> None:
        if value in {".", "./", "file:."} or value.startswith(".["):
            self.notes.append(f"{file}: -e {value} is left out: the site's own code is in the image already")
            return
        url, _, egg = value.partition("#egg=")
        self._requirement(f"{egg.split('&')[0]} @ {url}" if egg else url, [], file, into)

    def _index(self, url: str, file: Path) -> None:
        if _MIRRORS.fullmatch(url):
            if url.rstrip("/") != _PYPI:
                self.notes.append(f"{file}: the index {url} is a copy of PyPI; packages come from PyPI")
            return
        self.options.append(f"--index-url {url}")


def logical_lines(text: str) -> Iterator[str]:
    """The lines of a requirements file, continuations joined, without comments and blank lines."""
    joined = re.sub(r"\\\r?\n", " ", text.removeprefix("\ufeff"))
    for line in joined.splitlines():
        if stripped := re.sub(r"(^|\s)#.*$", "", line).strip():
            yield re.sub(r"\s+", " ", stripped)


def canonical(name: str) -> str:
    """A package's name as indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_path(requirement: str) -> bool:
    """The line names something in the tree rather than in an index."""
    text = requirement.partition(";")[0].strip()
    if "://" in text:
        return text.startswith("file:")
    return (
        text.startswith((".", "/", "file:"))
        or ("@" not in text and text.endswith(_ARCHIVE))
        or "/" in text.split("@")[0]
    )


def _clean(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return str(Path(*parts))


def _inside(tree: Path, name: str, file: Path | str) -> Path:
    path = tree / name
    if not path.resolve().is_relative_to(tree.resolve()):
        raise BuildError(f"{file} refers to {name}, which is outside of the repository", where=str(file))
    return path


def _text(lock: Lock, name: str) -> str:
    found = next((file for file in lock.files if file.rpartition("/")[2] == name), name)
    path = _inside(lock.tree, found, found)
    if not path.is_file():
        raise BuildError(
            f"{found} is named as a requirements file, and the repository has none",
            where=found,
            remedy="Commit it, or name the right one by `requirements = […]` under [build].",
        )
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _texts(lock: Lock) -> Iterator[tuple[str, str]]:
    return ((name, _text(lock, name)) for name in lock.files)


def _toml(lock: Lock, name: str) -> dict[str, Any]:
    if name == "pyproject.toml" and not any(file.endswith(name) for file in lock.files):
        return {}
    return _parsed(_text(lock, name), name)


def _parsed(text: str, name: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - sites with a requirements.txt do without

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{name} is not TOML: {error}", where=name) from error


def _relevant(text: str) -> str:
    """What of a pyproject.toml decides on packages: a new version of the site itself must not install anew."""
    document = _parsed(text, "pyproject.toml")
    project, tool = document.get("project", {}), document.get("tool", {})
    poetry_part = {name: part for name, part in tool.get("poetry", {}).items() if name in {"dependencies", "group"}}
    kept = [project.get(name) for name in ("name", "dependencies", "optional-dependencies", "requires-python")]
    return json.dumps([kept, document.get("dependency-groups"), tool.get("uv"), poetry_part], default=str)


def _fingerprint(path: Path) -> str:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _pipfile(document: Mapping[str, Any]) -> Plan:
    packages: Mapping[str, Mapping[str, Any]] = document.get("default", {})
    lines = [_pipfile_line(name, entry) for name, entry in sorted(packages.items()) if canonical(name) not in UNNEEDED]
    notes = [
        f"Pipfile.lock: {name} is left out: {UNNEEDED[canonical(name)]}"
        for name in packages
        if canonical(name) in UNNEEDED
    ]
    sources = [source["url"] for source in document.get("_meta", {}).get("sources", [])]
    foreign = [url for url in sources if not _MIRRORS.fullmatch(url)]
    options = [f"--extra-index-url {url}" for url in foreign] if len(sources) > len(foreign) else []
    options = options or [f"--index-url {url}" for url in foreign[:1]]
    return Plan(tuple(lines), options=tuple(options), complete=True, notes=tuple(notes))


def _pipfile_line(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    if "git" in entry:
        return f"{name}{extras} @ git+{entry['git']}@{entry.get('ref', 'HEAD')}{marker}"
    hashes = "".join(f" --hash={value}" for value in entry.get("hashes", ()))
    version = entry.get("version", "")
    return f"{name}{extras}{'' if version == '*' else version}{marker}{hashes}"


def _pyproject(document: Mapping[str, Any], lock: Lock) -> Plan:
    project: Mapping[str, Any] = document.get("project", {})
    if "dependencies" not in project and "poetry" in document.get("tool", {}):
        raise BuildError(
            "pyproject.toml names its packages in Poetry's own way and there is no poetry.lock",
            where="pyproject.toml",
            remedy="Run `poetry lock` and commit poetry.lock.",
        )
    grouped = (line for group in lock.groups for line in _group(document.get("dependency-groups", {}), group))
    lines = (*project.get("dependencies", ()), *grouped)
    return _Files(Lock(lock.tree)).add("\n".join(lines), Path("pyproject.toml")).plan()


def _group(groups: Mapping[str, Any], name: str, within: Iterable[str] = ()) -> Iterator[str]:
    """The requirements of a dependency group and of the groups it includes (PEP 735)."""
    for entry in groups.get(name, ()) if name not in within else ():
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(groups, entry["include-group"], (*within, name))
