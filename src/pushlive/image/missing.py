"""A path that an image does not have: what is near it, and why the image's own tree did not bring it."""

import difflib
import posixpath
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from msgspec import Struct

from pushlive.image import ignore
from pushlive.image.contents import Contents, Kind
from pushlive.image.ignore import Reason, Rules

_CLOSE = 3
_LOOKED_AT = 5000
"""Names that are compared with the missing one; difflib takes some 10 us for each."""


class LeftOut(Struct, frozen=True):
    """What keeps a path of the tree out of the image.

    `path` is what stays out, the path itself or a folder above it; `line` the pattern with its place, empty when
    nobody wrote it down.
    """

    path: str
    reason: Reason
    line: str = ""


def left_out(tree: Path, path: str, rules: Rules) -> LeftOut | None:
    """Why what is at `path` in the tree stays out; None when it does not, or is not there.

    Of a folder that is itself let in, it is what keeps the first of its files out.
    """
    for place in (*reversed([str(each) for each in Path(path).parents][:-1]), path):
        if reason := _reason(tree / place, place, rules):
            return LeftOut(place, reason, rules.deciding(place))
    first = next(_files(tree / path), None) if (tree / path).is_dir() else None
    return left_out(tree, str(first.relative_to(tree)), rules) if first else None


def nearest(contents: Contents, path: str) -> str:
    """The nearest folder above a path that is there, with a slash in front."""
    while path:
        path = posixpath.dirname(path.rstrip("/"))
        found = contents.find(path, follow=True)
        if found and found.kind is Kind.FOLDER:
            return f"/{found.path}"
    return "/"


def similar(contents: Contents, path: str) -> tuple[str, ...]:
    """Paths that may be meant, with a slash in front: such names in the nearest folder, then that very name elsewhere.

    Elsewhere is below the same folder of the root, and only without success anywhere.
    """
    folder = nearest(contents, path).strip("/")
    wanted = _first_below(path, folder)
    names = {entry.name.lower(): entry.path for entry in islice(contents.children(folder), _LOOKED_AT)}
    close = [names[name] for name in difflib.get_close_matches(wanted.lower(), names, _CLOSE)]
    top, name = path.strip("/").partition("/")[0], posixpath.basename(path.rstrip("/"))
    elsewhere = _named(contents, name, top) or _named(contents, name, "")
    return tuple(f"/{each}" for each in dict.fromkeys([*close, *elsewhere]))


def _first_below(path: str, folder: str) -> str:
    rest = path.strip("/").removeprefix(folder).strip("/")
    return rest.partition("/")[0]


def _named(contents: Contents, name: str, folder: str) -> list[str]:
    return list(islice((entry.path for entry in contents.below(folder) if entry.name == name), _CLOSE))


def _reason(found: Path, path: str, rules: Rules) -> Reason | None:
    if not found.is_dir() or found.is_symlink():
        return rules.reason(path) or ignore.holds_key(found, rules.own.says(path)) if found.exists() else None
    if ignore.is_venv(str(found)):
        return Reason.LOCAL
    return rules.reason(path) if rules.prunes(path) else None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
