"""Which Python packages an image holds, and which files are theirs, by what their installers recorded. Pure.

See packaging.python.org/specifications/recording-installed-packages: `NAME-VERSION.dist-info/RECORD` lists a
package's files, by paths from the folder that `.dist-info` is in.
"""

import csv
import hashlib
import io
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from pushlive.image.contents import Contents, Entry, Kind
from pushlive.model.image import Digest

_LARGEST = 16 * 1024 * 1024
"""A RECORD of more bytes is not read; the largest known packages have 1 to 2 MB."""

_RECORD, _CACHE = ".dist-info/RECORD", "__pycache__/"


class Package(Struct, frozen=True, order=True):
    """A package by its normal name; `folder` is where it lies (`opt/pushlive/packages`)."""

    name: str
    version: str
    folder: str


class Share(Struct, frozen=True):
    """How much of an image something takes: files, and their bytes."""

    files: int
    size: int


class Notes:
    """Keeps the packages' lists of files as a layer is read, and hashes the files of the layers in `hashed`."""

    def __init__(self, hashed: frozenset[Digest] = frozenset()) -> None:
        self._hashed = hashed
        self._texts: dict[tuple[Digest | None, int], bytes] = {}

    def take(self, entry: Entry, pieces: Iterator[memoryview]) -> Entry:
        """Take what is wanted of one member; gives the entry back, with its `digest` if it was hashed."""
        if entry.path.endswith(_RECORD) and entry.size <= _LARGEST:
            text = self._texts[entry.layer, entry.at] = b"".join(pieces)
            pieces = iter((memoryview(text),))
        wanted = entry.kind is Kind.FILE and entry.layer in self._hashed
        return replace(entry, digest=_digest(pieces)) if wanted else entry

    def records(self, tree: Contents) -> dict[str, bytes]:
        """The lists that the image still has, by their paths."""
        places = ((entry.path, (entry.layer, entry.at)) for entry in tree.below() if entry.kind is Kind.FILE)
        return {path: self._texts[place] for path, place in places if place in self._texts}


def owners(records: Mapping[str, bytes]) -> dict[str, Package]:
    """To whom each file belongs, by the packages' lists: path to package. Lists that cannot be read count as empty."""
    return {path: package for place, text in records.items() for package, path in _files(place, text)}


def owner(path: str, known: Mapping[str, Package]) -> Package | None:
    """To whom a file belongs; bytecode goes with its module, which alone is listed."""
    folder, cached, name = path.rpartition(_CACHE)
    return known.get(path) or (known.get(f"{folder}{name.partition('.')[0]}.py") if cached else None)


def installed(records: Iterable[str]) -> tuple[Package, ...]:
    """The packages whose lists these are, by name."""
    return tuple(sorted(_package(place) for place in records))


def shares(entries: Iterable[Entry], known: Mapping[str, Package]) -> dict[Package, Share]:
    """What each package takes. A file with two names counts once."""
    files: Counter[Package] = Counter()
    sizes: Counter[Package] = Counter()
    for entry in once(entries):
        if package := owner(entry.path, known):
            files[package] += 1
            sizes[package] += entry.size
    return {package: Share(files[package], sizes[package]) for package in files}


def once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The files among the entries, each content once, whatever number of names it has."""
    seen: set[tuple[object, int]] = set()
    for entry in entries:
        place = (entry.layer, entry.at)
        if entry.kind is Kind.FILE and place not in seen:
            seen.add(place)
            yield entry


def _digest(pieces: Iterable[memoryview]) -> str:
    content = hashlib.sha256()
    for piece in pieces:
        content.update(piece)
    return content.hexdigest()


def _package(record: str) -> Package:
    folder, _, stem = record.removesuffix(_RECORD).rpartition("/")
    name, _, version = stem.rpartition("-")
    return Package(re.sub(r"[-_.]+", "-", name).lower(), version, folder)


def _files(record: str, text: bytes) -> Iterator[tuple[Package, str]]:
    package = _package(record)
    try:
        rows = list(csv.reader(io.StringIO(text.decode(errors="replace"))))
    except csv.Error:
        return
    for row in rows:
        if row and row[0]:
            yield package, posixpath.normpath(posixpath.join("/", package.folder, row[0])).lstrip("/")
