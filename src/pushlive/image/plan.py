"""What a site wants installed: the files that say so, and the plan that is made of them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from pushlive.config.site import RequirementsKind
from pushlive.model.errors import BuildError


class Lock(Struct, frozen=True):
    """The files in `tree` that name a site's packages, in their order; `groups` are wanted besides the main ones."""

    tree: Path
    kind: RequirementsKind = RequirementsKind.NONE
    files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def named(self, name: str) -> str:
        """The file of this name among `files`, whatever folder it is in; the name itself when none is."""
        return next((file for file in self.files if file.rpartition("/")[2] == name), name)


class Plan(Struct, frozen=True):
    """What uv is to install: requirement lines, constraint lines, and options for the index.

    `complete` says that the lines are all there is to install, so that nothing needs to be resolved; `local` are
    paths in the tree that lines refer to; `notes` is what was left out of the files, for the user. `previews` lets
    every package be one that is not released yet.
    """

    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    complete: bool = False
    local: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    previews: bool = False

    @property
    def hashed(self) -> bool:
        """Hashes are given, and so required of everything; in a lock uv checks those that there are.

        A lock has none for what comes from a git address, which is named by its commit.
        """
        return not self.complete and any("--hash" in line for line in self.lines)


UNNEEDED = {"uwsgi": "pushlive serves the site by gunicorn", "mod-wsgi": "pushlive serves the site by gunicorn"}
"""Packages that are left out, and why: servers that take long to compile and are never started."""


def git(url: str, revision: str, folder: str) -> str:
    """The address of a package in a git repository, in a folder of it or at its top ("")."""
    return f"git+{url}@{revision}{f'#subdirectory={folder}' if folder else ''}"


def from_path(name: str, path: str, file: str) -> BuildError:
    """For a lock that takes a package from a path, of which it says too little to be found again."""
    return BuildError(
        f"{file} takes {name} from the path {path}",
        where=file,
        remedy="Publish it to an index, or take it from a git address.",
    )


_OPTION = re.compile(r"--no-index|--(?:index-url|extra-index-url|find-links|only-binary) [^\s\\]+")
_REQUIREMENT = re.compile(r"(?:\{tree\}/|[A-Za-z0-9])[^\x00-\x1f\x7f\\]*")
_MORE = re.compile(r"\s-(?!-hash=\S+(?:\s|$))")


def vetted(plan: Plan) -> Plan:
    """The plan, in which every line says one thing, and one that is known here. Raises BuildError.

    uv takes further options behind a requirement or an option, and `--no-binary NAME` there outweighs the --no-build
    that keeps a package's code from being run as us. It also puts our environment into `${…}`.
    """
    for line in (*plan.options, *plan.lines, *plan.constraints):
        if "${" in line:
            raise needs_environment(line)
    for line in plan.options:
        if not _OPTION.fullmatch(line):
            raise _refused(line)
    for line in (*plan.lines, *plan.constraints):
        if not _REQUIREMENT.fullmatch(line) or _MORE.search(line):
            raise _refused(line)
    return plan


def needs_environment(line: str, file: Path | str = "") -> BuildError:
    """For a line with `${…}` in it."""
    return BuildError(
        f"{line.partition(' ')[0]} wants an environment variable, and a build has none of yours",
        where=str(file),
        remedy="Write the address without it; give credentials to uv on this machine (UV_INDEX_…, ~/.netrc).",
    )


def _refused(line: str) -> BuildError:
    return BuildError(f"the line {line!r} is not a requirement", remedy="Mend that line of the requirements.")


def inside(tree: Path, name: str, file: Path | str) -> Path:
    """The path of `name` in the tree. Raises BuildError when that is elsewhere; `file` is who refers to it."""
    path = tree / name
    if not path.resolve().is_relative_to(tree.resolve()):
        raise BuildError(f"{file} refers to {name}, which is outside of the repository", where=str(file))
    return path


def clean(path: Path) -> str:
    """A path without `.` and `..`, as far as those can be taken out."""
    return os.path.normpath(path)


def text(lock: Lock, path: str) -> str:
    """The text of a file in the tree. Raises BuildError when there is none."""
    found = inside(lock.tree, path, path)
    if not found.is_file():
        raise BuildError(
            f"{path} is named as a requirements file, and the repository has none",
            where=path,
            remedy="Commit it, or name the right one by `requirements = […]` under [build].",
        )
    return found.read_text(encoding="utf-8-sig", errors="replace")


def texts(lock: Lock) -> Iterator[tuple[str, str]]:
    """The lock's files, each with its text. Raises BuildError."""
    return ((name, text(lock, name)) for name in lock.files)


def toml(lock: Lock, name: str) -> dict[str, Any]:
    """The TOML file of this name. Raises BuildError; a pyproject.toml that the lock does not name is empty."""
    if name == "pyproject.toml" and lock.named(name) not in lock.files:
        return {}
    return parsed(text(lock, lock.named(name)), lock.named(name))


def parsed(content: str, name: str) -> dict[str, Any]:
    """A TOML text. Raises BuildError when it is none."""
    import tomllib  # noqa: PLC0415 - sites with a requirements.txt do without

    try:
        return tomllib.loads(content)
    except (ValueError, RecursionError) as error:
        raise unreadable(name, error) from error


def unreadable(name: str, error: Exception) -> BuildError:
    """For a file that is not of the form it should be: merge markers in it, or edited by hand."""
    return BuildError(
        f"{name} cannot be read: {error}",
        where=name,
        remedy="Mend it, or write it anew by the tool that it comes from, and commit it.",
    )
