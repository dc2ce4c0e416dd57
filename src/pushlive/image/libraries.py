"""Which shared libraries installed packages want of the system, and which of those a base image lacks."""

import csv
import os
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from pushlive.model.errors import BuildError

_ELF = b"\x7fELF"
_GIVEN = ("ld-linux", "ld-musl", "linux-vdso", "libpython3")
"""Beginnings of names that come with the loader and the interpreter themselves."""

_MUSL = re.compile(r"libc\.musl-\w+\.so\.1|lib(c|crypt|dl|m|pthread|rt|util|xnet)\.so")
"""What musl's loader is itself, whatever files there are; glibc's own have a number behind `.so`."""

_GLIBC = re.compile(r"lib(c|dl|m|pthread|rt|util)\.so\.\d+")
"""What glibc is made of."""

_TEXT = (".py", ".pyc", ".pyi", ".po", ".mo", ".txt", ".html", ".js", ".css", ".json", ".svg", ".md", ".rst", ".h")
"""Endings of files that are never loaded as a library: most of all, and not looked into."""

_WHO = {
    "libpq.so.5": ("libpq5", "libpq", "psycopg2-binary or psycopg[binary]"),
    "libmariadb.so.3": ("libmariadb3", "mariadb-connector-c", "PyMySQL"),
    "libmysqlclient.so.21": ("libmysqlclient21", "", "PyMySQL"),
    "libgomp.so.1": ("libgomp1", "libgomp", ""),
    "libGL.so.1": ("libgl1", "mesa-gl", "opencv-python-headless in the place of opencv-python"),
    "libmagic.so.1": ("libmagic1", "libmagic", "python-magic-bin"),
    "libxml2.so.2": ("libxml2", "libxml2", "lxml's wheel"),
    "libxslt.so.1": ("libxslt1.1", "libxslt", "lxml's wheel"),
    "libpango-1.0.so.0": ("libpango-1.0-0", "pango", ""),
    "libldap-2.5.so.0": ("libldap-2.5-0", "", ""),
    "libxmlsec1.so.1": ("libxmlsec1", "xmlsec", ""),
    "libgeos_c.so.1": ("libgeos-c1v5", "geos", ""),
    "libgdal.so.32": ("libgdal32", "", ""),
    "libstdc++.so.6": ("libstdc++6", "libstdc++", ""),
    "libgcc_s.so.1": ("libgcc-s1", "libgcc", ""),
}
"""Debian's package of a library, Alpine's, and what does without it."""

_ADDS = {"glibc": "apt-get update && apt-get install -y", "musl": "apk add --no-cache"}
"""What installs a package in the images that have one C library or the other; most with glibc are Debian's."""

_FOREIGN = {
    "glibc": "It is made for musl. Require a version with a manylinux wheel, or name a base with musl in [build] base.",
    "musl": "It is made for glibc. Require a version with a musllinux wheel, or name a base with glibc, "
    "`python:3.13-slim`, in [build] base.",
}
"""By a base's C library: what to do with a package that is for the other one."""


class Need(Struct, frozen=True, order=True):
    """A library that a file of a package loads. `file` is its path below the packages' folder."""

    library: str
    package: str
    file: str


def needs(folder: Path) -> tuple[Need, ...]:
    """All that the packages installed in `folder` want and do not bring along themselves."""
    files = {path.relative_to(folder).as_posix(): path for path in _candidates(folder) if _is_elf(path)}
    brought = {posixpath.basename(name) for name in files}
    owners = _owners(folder)
    wanted = {
        Need(library, owners.get(name, name.partition("/")[0]), name)
        for name, path in files.items()
        for library in _loaded(path)
        if library not in brought and not library.startswith(_GIVEN)
    }
    return tuple(sorted(wanted))


def lacking(wanted: Iterable[Need], offered: Collection[str], *, libc: str = "glibc") -> tuple[Need, ...]:
    """The needs that a base does not meet: `offered` are the names of its libraries, `libc` is `glibc` or `musl`."""
    return tuple(need for need in wanted if not _met(need.library, offered, libc))


def require(wanted: Iterable[Need], offered: Collection[str], *, image: str, libc: str = "glibc") -> None:
    """Raise BuildError for what the base called `image` lacks."""
    missing = sorted(lacking(wanted, offered, libc=libc), key=lambda need: not _foreign(need.library, libc))
    if not missing:
        return
    first = missing[0]
    others = sorted({f"{need.library}: {need.package} ({need.file})" for need in missing})
    raise BuildError(
        f"{first.package} needs {first.library}, which the base image {image} does not have",
        where="[build] base",
        evidence=others[:8],
        remedy=_FOREIGN[libc] if _foreign(first.library, libc) else _remedy(first.library, image, libc),
        code="library-missing",
    )


def _met(library: str, offered: Collection[str], libc: str) -> bool:
    """A `libc.so` that a base with glibc has is a text for linkers, so that its name alone proves nothing there."""
    if _MUSL.fullmatch(library):
        return libc == "musl"
    return library in offered


def _foreign(library: str, libc: str) -> bool:
    """It is a C library, and not the base's: what needs it cannot be helped by a package of the base's system."""
    return bool((_MUSL if libc == "glibc" else _GLIBC).fullmatch(library))


def _remedy(library: str, image: str, libc: str) -> str:
    debian, alpine, instead = _WHO.get(library, ("", "", ""))
    package = (alpine if libc == "musl" else debian) or "the package that has it"
    own = f"FROM {image}, RUN {_ADDS[libc]} {package}"
    require_other = f"Require {instead}, or make" if instead else "Make"
    return f"{require_other} a base image of your own with it ({own}) and name that in [build] base."


def _owners(folder: Path) -> dict[str, str]:
    """Which package a file belongs to, by the packages' RECORDs."""
    return dict(_recorded(folder))


def _recorded(folder: Path) -> Iterator[tuple[str, str]]:
    for record in folder.glob("*.dist-info/RECORD"):
        name = record.parent.name.removesuffix(".dist-info").rpartition("-")[0]
        with record.open(newline="") as file:
            yield from ((row[0], name) for row in csv.reader(file) if row)


def _candidates(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names if not name.endswith(_TEXT))


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF


def _loaded(path: Path) -> list[str]:
    """The names in DT_NEEDED; none for a file that is damaged, as it is never loaded then."""
    from elftools.common.exceptions import ELFError, ELFParseError  # noqa: PLC0415 - only new packages are looked at
    from elftools.elf.dynamic import DynamicSegment  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    with path.open("rb") as file:
        try:
            dynamic = [each for each in ELFFile(file).iter_segments() if isinstance(each, DynamicSegment)]
            return [str(getattr(tag, "needed", "")) for segment in dynamic for tag in segment.iter_tags("DT_NEEDED")]
        except (ELFError, ELFParseError, ValueError, KeyError):
            return []
