"""What a base image offers to what is put on it: which Python, which C library, which shared libraries. Pure."""

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from pushlive.image.contents import Contents, Entry, Kind
from pushlive.model.errors import BuildError

_PYTHON = re.compile(r"python(3\.\d+)")
_GLIBC_LINK = re.compile(r"libc-(2\.\d+)\.so")
_GLIBC_TEXT = re.compile(rb"GNU C Library [^\n]{0,80}? version (2\.\d+)")
_NAME = re.compile(r'^PRETTY_NAME="?([^"\n]*)"?', re.MULTILINE)
_LIBRARY = re.compile(r".+\.so(\.\d+)*")


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


def survey(contents: Contents, path: Sequence[str], read: Callable[[Entry], bytes], *, image: str) -> Facts:
    """Look at the files of the base called `image`.

    `path` are the folders of its PATH; `read` gives a file's content. Raises BuildError when no site can run on it.
    """
    python, version = _python(contents, path, image)
    libc, libc_version = _libc(contents, read, image)
    libraries = {entry.name for entry in contents.below() if "lib" in entry.path and _LIBRARY.fullmatch(entry.name)}
    return Facts(python, version, libc, libc_version, tuple(sorted(libraries)), _system(contents, read))


def _python(contents: Contents, path: Sequence[str], image: str) -> tuple[str, str]:
    for folder in path:
        for program in ("python3", "python"):
            real = contents.find(f"{folder}/{program}", follow=True)
            if real and (found := _PYTHON.fullmatch(real.name)):
                return f"/{real.path}", found[1]
    raise BuildError(
        f"the base image {image} has no Python 3 on its PATH",
        where="[build] base",
        evidence=[f"PATH={':'.join(path)}"],
        remedy="Name one that has: `python:3.13-slim`.",
    )


def _libc(contents: Contents, read: Callable[[Entry], bytes], image: str) -> tuple[str, str]:
    for entry in contents.below():
        if entry.name.startswith("ld-musl-"):
            return "musl", "1.2"
        if entry.name == "libc.so.6" and (version := _glibc(contents.find(entry.path, follow=True), read)):
            return "glibc", version
    raise BuildError(
        f"the base image {image} has no C library that is known here: neither glibc nor musl",
        where="[build] base",
        remedy="Name another one: `python:3.13-slim`.",
    )


def _glibc(real: Entry | None, read: Callable[[Entry], bytes]) -> str:
    if real is None or real.kind is not Kind.FILE:
        return ""
    if link := _GLIBC_LINK.fullmatch(real.name):
        return link[1]
    found = _GLIBC_TEXT.search(read(real))
    return found[1].decode() if found else ""


def _system(contents: Contents, read: Callable[[Entry], bytes]) -> str:
    real = contents.find("etc/os-release", follow=True)
    found = _NAME.search(read(real).decode(errors="replace")) if real and real.kind is Kind.FILE else None
    return found[1] if found else ""
