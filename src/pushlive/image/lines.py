"""Requirements files as pip and uv read them: lines, options, and the files that they include."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

from pushlive.config.packages import named
from pushlive.image import pyproject
from pushlive.image.plan import UNNEEDED, Lock, Plan, clean, inside, needs_environment, parsed, text

PYPI = "https://pypi.org/simple"
"""The index that packages come from unless the site names another."""

_MIRRORS = re.compile(
    r"https?://(pypi\.(python\.org|douban\.com|doubanio\.com|tuna\.tsinghua\.edu\.cn|mirrors\.ustc\.edu\.cn)"
    r"|(www\.)?pypi\.org|mirrors\.(aliyun|tencent|tencentyun|cloud\.tencent|163)\.com"
    r"|repo\.huaweicloud\.com|mirrors\.(bfsu|sustech)\.edu\.cn)(/.*)?/?"
)
_OPTION = re.compile(r"(--[a-z-]+|-[a-zA-Z])(?:\s*=\s*|\s+|(?<=^-[a-zA-Z]))(.*)")
_SHORT = {"-r": "--requirement", "-c": "--constraint", "-i": "--index-url", "-f": "--find-links", "-e": "--editable"}
_PASSED = {"--extra-index-url", "--find-links", "--no-index"}
_SILENT = {"--trusted-host", "--prefer-binary", "--require-hashes", "--use-feature"}
_NOT_FOLLOWED = {"--no-binary": "a wheel is taken where there is one"}
_OWN = re.compile(r"(?:file:)?\./?(\[[^\]]*\])?")
_EXTRAS = re.compile(r"\[[^\]]*\]$")
_ARCHIVE = (".whl", ".tar.gz", ".zip", ".tar.bz2")


class Reader(Struct):
    """Reads requirements files one after the other, with what they include, into one plan."""

    lock: Lock
    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    local: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    previews: bool = False

    def plan(self, *, complete: bool = False) -> Plan:
        """What was read, with the lock's own files. Raises BuildError for a line that cannot be followed."""
        for name in self.lock.files:
            self._include(Path(name), self.lines)
        parts = (self.lines, self.constraints, self.options, self.local, self.notes)
        lines, constraints, options, local, notes = (tuple(dict.fromkeys(part)) for part in parts)
        return Plan(lines, constraints, options, complete, local, notes, self.previews)

    def add(self, content: str, file: Path, into: list[str] | None = None) -> "Reader":
        """Read the text of `file`, its requirements into `into` (None: the plan's lines)."""
        for line in logical_lines(content):
            self._line(line, file, self.lines if into is None else into)
        return self

    def _include(self, file: Path, into: list[str], by: Path | None = None) -> None:
        name = clean(file)
        inside(self.lock.tree, name, by or file)
        if name not in self.seen:
            self.seen.add(name)
            self.add(text(self.lock, name), Path(name), into)

    def _line(self, line: str, file: Path, into: list[str]) -> None:
        if "${" in line:
            raise needs_environment(line, file)
        if line.startswith("-"):
            self._option(line, file, into)
            return
        requirement, *options = re.split(r"\s+(?=--[a-z])", line)
        kept = [option for option in options if option.startswith("--hash")]
        for option in options:
            if option not in kept:
                self._pass_over(option, file)
        self._requirement(requirement, kept, file, into)

    def _requirement(self, requirement: str, hashes: list[str], file: Path, into: list[str]) -> None:
        if (name := named(requirement)) in UNNEEDED:
            self.notes.append(f"{file}: {requirement} is left out: {UNNEEDED[name]}")
            return
        package, at, address = requirement.partition("@")
        if is_path(requirement):
            path = requirement.partition(";")[0].strip()
            if _OWN.fullmatch(path) or _folder(path, file) == ".":
                self._own(path, file, into)
                return
            requirement = self._located(requirement, file)
        elif at and address.strip().startswith("file:"):
            requirement = f"{package}@ {self._located(address.strip(), file)}"
        into.append(" ".join([requirement, *hashes]))

    def _own(self, path: str, file: Path, into: list[str]) -> None:
        """The site itself: its code is there, and what it needs is installed."""
        place = next((place for place in _above(file) if (self.lock.tree / place).is_file()), "")
        needed = pyproject.own(parsed(text(self.lock, place), place) if place else {}, pyproject.extras_of(path))
        why = "the site's own code is in the image already"
        if needed is None:
            why += ", and what it needs is looked for in the [project] of a pyproject.toml alone"
        elif path not in self.seen:
            self.seen.add(path)
            self.add("\n".join(needed), Path(place), into)
        self.notes.append(f"{file}: {path} is left out: {why}")

    def _located(self, requirement: str, file: Path) -> str:
        path, *marker = requirement.partition(";")
        name = _folder(path, file)
        inside(self.lock.tree, name, file)
        self.local.append(name)
        extras = "".join(_EXTRAS.findall(path.strip()))
        return f"{{tree}}/{name}{extras}{''.join(marker)}"

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
            self.options.append(f"{option} {self._located(value, file)}")
        elif option == "--only-binary":
            self.options += [f"{option} {name.strip()}" for name in value.split(",")]
        elif option in _PASSED:
            self.options.append(f"{option} {value}".strip())
        elif option == "--pre":
            self.previews = True
        elif option not in _SILENT:
            self._pass_over(line, file)

    def _pass_over(self, option: str, file: Path) -> None:
        why = _NOT_FOLLOWED.get(re.split(r"[\s=]", option)[0], "uv does without")
        self.notes.append(f"{file}: {option} is not followed: {why}")

    def _editable(self, value: str, file: Path, into: list[str]) -> None:
        url, _, fragment = value.partition("#")
        said = dict(part.split("=", 1) for part in fragment.split("&") if "=" in part)
        folder = f"#subdirectory={said['subdirectory']}" if "subdirectory" in said else ""
        self._requirement(f"{said['egg']} @ {url}{folder}" if "egg" in said else value, [], file, into)

    def _index(self, url: str, file: Path) -> None:
        if _MIRRORS.fullmatch(url):
            if url.rstrip("/") != PYPI:
                self.notes.append(f"{file}: the index {url} is a copy of PyPI; packages come from PyPI")
            return
        self.options.append(f"--index-url {url}")


def logical_lines(text: str) -> Iterator[str]:
    """The lines of a requirements file, continuations joined, without comments and blank lines."""
    joined = re.sub(r"\\\r?\n", " ", text.removeprefix("\ufeff"))
    for line in joined.splitlines():
        if stripped := re.sub(r"(^|\s)#.*$", "", line).strip():
            yield re.sub(r"\s+", " ", stripped)


def _folder(path: str, file: Path) -> str:
    """Where in the tree a path of a requirements file leads."""
    return clean(file.parent / _EXTRAS.sub("", path.strip()).removeprefix("file://").removeprefix("file:"))


def _above(file: Path) -> Iterator[str]:
    """Where the pyproject.toml may be that a requirements file means by `.`: pip is run in any folder above it."""
    return (str(folder / pyproject.FILE) for folder in file.parents)


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


def is_pypi(url: str) -> bool:
    """The index is PyPI, or one of its well-known copies."""
    return bool(_MIRRORS.fullmatch(url))
