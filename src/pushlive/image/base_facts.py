"""What a base image offers to what is put on it: which Python, which C library, which shared libraries. Pure."""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from pushlive.model.errors import BuildError

_PYTHON = re.compile(r"python(3\.\d+)")
_GLIBC_LINK = re.compile(r"libc-(2\.\d+)\.so")
_GLIBC_TEXT = re.compile(rb"GNU C Library [^\n]{0,80}? version (2\.\d+)")
_NAME = re.compile(r'^PRETTY_NAME="?([^"\n]*)"?', re.MULTILINE)
_LIBRARY = re.compile(r".+\.so(\.\d+)*")
_HOPS = 8


class Facts(Struct, frozen=True):
    """`python` is the interpreter's path in the image, `version` its minor one (`3.13`).

    `libc` is `glibc` or `musl`, `libc_version` as in `2.36`. `libraries` are the names of all shared libraries in
    folders called lib; `system` is what the system calls itself.
    """

    python: str
    version: str
    libc: str
    libc_version: str
    libraries: tuple[str, ...] = ()
    system: str = ""

    @property
    def glibc(self) -> tuple[int, ...]:
        """The version of its glibc, to compare; empty for another library."""
        return tuple(int(part) for part in self.libc_version.split(".")) if self.libc == "glibc" else ()


def survey(
    names: Iterable[str], links: Mapping[str, str], path: Sequence[str], read: Callable[[str], bytes], *, image: str
) -> Facts:
    """Look at the files of the base called `image`.

    `names` are its files' paths without a slash in front, `links` the targets of those that are links, `path` the
    folders of its PATH; `read` gives a file's content. Raises BuildError when a site cannot run on it.
    """
    known = frozenset(names)
    tree = _Tree(known, links, read)
    python, version = _python(tree, path, image)
    libc, libc_version = _libc(tree, image)
    libraries = {posixpath.basename(name) for name in known if "lib" in name and _is_library(name)}
    return Facts(python, version, libc, libc_version, tuple(sorted(libraries)), _system(tree))


class _Tree(Struct, frozen=True):
    names: frozenset[str]
    links: Mapping[str, str]
    read: Callable[[str], bytes]

    def real(self, path: str) -> str:
        """Where the links of a path lead, those of its folders too; "" where they lead nowhere."""
        for _ in range(_HOPS):
            step = self._followed(path)
            if step == path:
                return path if path in self.names else ""
            path = step
        return ""

    def _followed(self, path: str) -> str:
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            head = "/".join(parts[:length])
            if target := self.links.get(head):
                whole = posixpath.join("/", posixpath.dirname(head), target, *parts[length:])
                return posixpath.normpath(whole).strip("/")
        return path


def _python(tree: _Tree, path: Sequence[str], image: str) -> tuple[str, str]:
    for folder in path:
        for program in ("python3", "python"):
            real = tree.real(f"{folder.strip('/')}/{program}")
            if real and (found := _PYTHON.fullmatch(posixpath.basename(real))):
                return f"/{real}", found[1]
    raise BuildError(
        f"the base image {image} has no Python 3 on its PATH",
        where="[build] base",
        evidence=[f"PATH={':'.join(path)}"],
        remedy="Name one that has: `python:3.13-slim`.",
    )


def _libc(tree: _Tree, image: str) -> tuple[str, str]:
    for name in sorted(tree.names):
        base = posixpath.basename(name)
        if base.startswith("ld-musl-"):
            return "musl", "1.2"
        if base == "libc.so.6" and (version := _glibc(tree, name)):
            return "glibc", version
    raise BuildError(
        f"the base image {image} has no C library that is known here: neither glibc nor musl",
        where="[build] base",
        remedy="Name another one: `python:3.13-slim`.",
    )


def _glibc(tree: _Tree, name: str) -> str:
    real = tree.real(name)
    if link := _GLIBC_LINK.fullmatch(posixpath.basename(real)):
        return link[1]
    found = _GLIBC_TEXT.search(tree.read(real)) if real else None
    return found[1].decode() if found else ""


def _system(tree: _Tree) -> str:
    real = tree.real("etc/os-release")
    found = _NAME.search(tree.read(real).decode(errors="replace")) if real else None
    return found[1] if found else ""


def _is_library(name: str) -> bool:
    return bool(_LIBRARY.fullmatch(posixpath.basename(name)))
