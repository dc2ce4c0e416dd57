"""Which files of the tree go into the image: .dockerignore, the site file's `[build] ignore`, and what is never sent.

Patterns mean what Docker's do (docs.docker.com/build/concepts/context, moby/patternmatcher): anchored at the tree's
root, `*` and `?` stop at a slash, `**` does not, a folder that matches takes all below it along, `!` makes an
exception, and the last pattern that matches decides. The order here: what .dockerignore says, then secrets and local
files, which .dockerignore cannot let back in, then `[build] ignore`, which can.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from itertools import groupby
from pathlib import Path

from msgspec import Struct, field

from pushlive.image import tar
from pushlive.model.errors import SettingsError

_LOCAL = frozenset(
    (
        *(".git", ".hg", ".svn", ".venv", ".tox", ".nox", "node_modules", "__pycache__"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"),
    )
)
_DATABASES = (".sqlite3", ".sqlite", ".sqlite3-journal", ".sqlite3-wal", ".sqlite3-shm")
_SECRETS = frozenset(
    (".env", ".envs", ".envrc", ".netrc", ".pypirc", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"),
)
_SECRET_SUFFIXES = (".p12", ".pfx")
_EXAMPLES = (".example", ".sample", ".template", ".dist")
_KEY_FILES = (".pem", ".key")
_KEY_MARK = b"PRIVATE KEY-----"


class Reason(StrEnum):
    """Why a file stays out of the image."""

    IGNORED = "ignored"
    LOCAL = "local"
    SECRET = "secret"  # noqa: S105 - a reason's name
    DATABASE = "database"


class Patterns:
    """An ordered list of .dockerignore patterns. Raises SettingsError for one that cannot be read."""

    def __init__(self, patterns: Iterable[str], *, where: str = ".dockerignore") -> None:
        self._lines, self._where = tuple(patterns), where
        rules = [rule for line in self._lines if (rule := _rule(line, where))]
        runs = [(excludes, [text for _, text in run]) for excludes, run in groupby(rules, key=lambda rule: rule[0])]
        self._runs: list[tuple[bool, re.Pattern[str]]] = [
            (excludes, re.compile("|".join(texts), re.DOTALL)) for excludes, texts in reversed(runs)
        ]
        self.excepts = any(not excludes for excludes, _ in self._runs)

    def says(self, path: str) -> bool | None:
        """True: out, False: in by an exception, None: nothing about it. `path` is relative, with slashes."""
        for excludes, expression in self._runs:
            if expression.fullmatch(path):
                return excludes
        return None

    def deciding(self, path: str) -> str:
        """The line that says so, with its place, for people; empty when none says anything about `path`."""
        for number, line in reversed(list(enumerate(self._lines, 1))):
            rule = _rule(line, self._where)
            if rule and re.fullmatch(rule[1], path, re.DOTALL):
                return f"{self._where}:{number}: {line.strip()}"
        return ""


def _rule(line: str, where: str) -> tuple[bool, str] | None:
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    excludes = not text.startswith("!")
    pattern = posixpath.normpath(text.removeprefix("!").strip()).lstrip("/")
    try:
        expression = f"(?:{_translate(pattern)})(?:/.*)?"
        re.compile(expression)
    except (re.error, IndexError):
        raise SettingsError(f"{text!r} is not a pattern", where=where, remedy="Remove or mend that line.") from None
    return None if pattern in {"", "."} else (excludes, expression)


def _translate(pattern: str) -> str:
    parts: list[str] = []
    rest = pattern
    while rest:
        piece, rest = _next(rest)
        parts.append(piece)
    return "".join(parts)


def _next(rest: str) -> tuple[str, str]:
    """The expression for the first element of a pattern, and what is left of the pattern."""
    if rest.startswith("**"):
        after = rest[2:].removeprefix("/")
        return ("(?:.*/)?" if after else ".*"), after
    match rest[0]:
        case "*":
            return "[^/]*", rest[1:]
        case "?":
            return "[^/]", rest[1:]
        case "\\":
            return re.escape(rest[1]), rest[2:]
        case "[":
            end = rest.index("]", 2) if "]" in rest[2:] else len(rest) + 1
            return rest[: end + 1].replace("[[", "[\\["), rest[end + 1 :]
    return re.escape(rest[0]), rest[1:]


class Rules(Struct, frozen=True):
    """What stays out of an image. `seeds` are paths of data that travel in it although databases do not."""

    dockerignore: Patterns
    own: Patterns
    seeds: tuple[str, ...] = ()

    @classmethod
    def of(cls, tree: Path, *, ignore: Sequence[str] = (), seeds: Sequence[str] = ()) -> "Rules":
        """The rules of a tree with the site file's `[build] ignore`. Raises SettingsError for a bad pattern."""
        file = tree / ".dockerignore"
        text = file.read_text(encoding="utf-8-sig", errors="replace") if file.is_file() else ""
        return cls(
            Patterns(text.splitlines()),
            Patterns(ignore, where="build.ignore"),
            tuple(seed.rstrip("/") for seed in seeds),
        )

    def reason(self, path: str) -> Reason | None:
        """Why `path` stays out, by its name; None when it goes in."""
        own = self.own.says(path)
        if own is not None:
            return Reason.IGNORED if own else None
        denied = _denied(path)
        if self._seeded(path) and denied in {None, Reason.DATABASE}:
            return None
        return denied or (Reason.IGNORED if self.dockerignore.says(path) else None)

    def deciding(self, path: str) -> str:
        """The line that leaves `path` out, with its place; empty when it is what never goes in by itself."""
        if self.own.says(path) is not None:
            return self.own.deciding(path)
        return "" if _denied(path) else self.dockerignore.deciding(path)

    def prunes(self, path: str) -> bool:
        """Nothing below the folder `path` goes in, so that nobody needs to look."""
        denied = _denied(path)
        if denied is Reason.LOCAL and not self.own.excepts:
            return True
        if self.own.excepts or any(seed.startswith(f"{path}/") for seed in self.seeds):
            return False
        return denied is not None or (self.dockerignore.says(path) is True and not self.dockerignore.excepts)

    def _seeded(self, path: str) -> bool:
        return any(path == seed or path.startswith(f"{seed}/") for seed in self.seeds)


def _denied(path: str) -> Reason | None:
    """Why a path never travels by itself: what one of its parts is called decides."""
    return next((reason for part in path.split("/") if (reason := _denied_part(part))), None)


@cache
def _denied_part(name: str) -> Reason | None:
    if name in _LOCAL or name.endswith(".pyc"):
        return Reason.LOCAL
    if name in _SECRETS or name.endswith(_SECRET_SUFFIXES):
        return Reason.SECRET
    if name.startswith(".env.") and not name.endswith(_EXAMPLES):
        return Reason.SECRET
    return Reason.DATABASE if name.endswith(_DATABASES) else None


class Selection(Struct):
    """The members for the image, and what was left out although it stands in the repository: path and reason."""

    members: list[tar.Entry] = field(default_factory=list)
    left_out: dict[str, Reason] = field(default_factory=dict)


def select(tree: Path, at: str, rules: Rules) -> Selection:
    """The members for what `rules` let through, named as below `at`. Raises BuildError (see `tar.entry`).

    A folder goes in with what is in it; an empty one, as git has none, does not.
    """
    selection = Selection()
    for path, file in _files(tree, "", rules, selection):
        selection.members.append(tar.entry(file, f"{at}/{path}", at))
    return selection


def _files(folder: Path, prefix: str, rules: Rules, selection: Selection) -> Iterator[tuple[str, Path]]:
    for found in list(os.scandir(folder)):
        path = prefix + found.name
        if found.is_dir(follow_symlinks=False):
            if rules.prunes(path) or is_venv(found.path):
                _leave_out(selection, path, rules.reason(path))
            else:
                yield from _files(Path(found.path), f"{path}/", rules, selection)
        elif (reason := rules.reason(path) or holds_key(Path(found.path), rules.own.says(path))) is None:
            yield path, Path(found.path)
        else:
            _leave_out(selection, path, reason)


def _leave_out(selection: Selection, path: str, reason: Reason | None) -> None:
    if reason in {Reason.SECRET, Reason.DATABASE}:
        selection.left_out[path] = reason


def is_venv(folder: str) -> bool:
    """The folder is a virtual environment, whatever it is called."""
    return (Path(folder) / "pyvenv.cfg").is_file()


def holds_key(file: Path, own: bool | None) -> Reason | None:
    """SECRET when a file has a private key in it, unless `[build] ignore` (`own`) lets it in."""
    if own is False or file.suffix not in _KEY_FILES or file.is_symlink() or not file.is_file():
        return None
    with file.open("rb") as opened:
        return Reason.SECRET if _KEY_MARK in opened.read(65536) else None
