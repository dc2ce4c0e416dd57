"""What an image holds: its layers laid over one another (image-spec, layer.md), as a tree of entries. Pure.

Nothing is unpacked, so a hostile layer has nothing to reach. Names are taken as below the image's root, whatever they
begin with, and links are followed inside of it.
"""

import posixpath
from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from pushlive.model.errors import BuildError
from pushlive.model.image import Digest

MOST_ENTRIES = 500_000
"""What an image's layers may hold together, with the folders that no layer has a member for."""

_HOPS = 40
"""Links that are followed for one path, as Linux does."""

_GONE, _OPAQUE, _OTHERS = ".wh.", ".wh..wh..opq", ".wh..wh."


class Kind(StrEnum):
    """What an entry is. HARD is a second name of a file; after `merge` only those are left that lead nowhere."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    HARD = "hard link"
    DEVICE = "device"
    PIPE = "pipe"


class Entry(Struct, frozen=True):
    """One path of a layer, without a slash in front; the root is "".

    `size` in bytes, `mtime` in seconds since 1970, `mode` without the kind. `target` is where a link leads, as it
    stands there. `layer` and `at`, where its content begins in the layer's tar, say which content it has; `digest` is
    the content's sha256 where somebody took it. Folders that no layer has a member for have no layer.
    """

    path: str
    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    target: str = ""
    layer: Digest | None = None
    at: int = 0
    digest: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self.path)


class _Node(Struct):
    entry: Entry
    below: dict[str, "_Node"] = field(default_factory=dict)


class Contents:
    """The tree that a container would find. Paths may have a slash in front, or not, and `.` and `..` in them."""

    def __init__(self) -> None:
        self._root = _Node(Entry("", Kind.FOLDER))
        self._count = 0

    def find(self, path: str, *, follow: bool = False) -> Entry | None:
        """What is at a path, links on the way followed, and with `follow` the last one too; None when nothing is."""
        node = self._reach(path, follow=follow)
        return node.entry if node else None

    def children(self, path: str) -> tuple[Entry, ...]:
        """What is in a folder, by name."""
        node = self._reach(path, follow=True)
        return tuple(node.below[name].entry for name in sorted(node.below)) if node else ()

    def below(self, path: str = "") -> Iterator[Entry]:
        """All that is below a folder, each folder right before what is in it, by name."""
        top = self._reach(path, follow=True)
        waiting = [top] if top else []
        while waiting:
            node = waiting.pop()
            if node is not top:
                yield node.entry
            waiting += [node.below[name] for name in sorted(node.below, reverse=True)]

    def apply(self, layer: Iterable[Entry]) -> None:
        """Lay a layer over what is there. Raises BuildError for more than MOST_ENTRIES."""
        added: list[Entry] = []
        for entry in layer:
            if entry.name.startswith(_GONE):
                self._remove(entry.path)
            else:
                added.append(entry)
        for entry in added:
            self._put(entry)

    def _remove(self, path: str) -> None:
        """Whiteouts hide what the layers below have, wherever they stand in their own layer."""
        folder, name = posixpath.split(path)
        node = self._reach(folder, follow=True)
        if node is None or (name != _OPAQUE and name.startswith(_OTHERS)):
            return
        if name == _OPAQUE:
            node.below.clear()
        else:
            node.below.pop(name.removeprefix(_GONE), None)

    def _put(self, entry: Entry) -> None:
        if not entry.path:
            self._root.entry = entry
            return
        folder, name = posixpath.split(entry.path)
        parent = self._folder(folder)
        placed = self._placed(entry, posixpath.join(parent.entry.path, name))
        known = parent.below.get(name)
        if known and known.entry.kind is placed.kind is Kind.FOLDER:
            known.entry = placed
        else:
            parent.below[name] = self._node(placed)

    def _placed(self, entry: Entry, path: str) -> Entry:
        if entry.kind is not Kind.HARD:
            return entry if entry.path == path else replace(entry, path=path)
        first = self.find(entry.target)
        if first is None or first.kind is Kind.FOLDER:
            return replace(entry, path=path)
        return replace(first, path=path)

    def _folder(self, path: str) -> _Node:
        """The folder that a member goes into; what stands in its way gives way, and what is missing is made."""
        node = self._root
        for part in filter(None, path.split("/")):
            node = self._into(node, part)
        return node

    def _into(self, folder: _Node, name: str) -> _Node:
        node = folder.below.get(name)
        if node and node.entry.kind is Kind.LINK:
            node = self._reach(node.entry.path, follow=True)
        if node is None or node.entry.kind is not Kind.FOLDER:
            node = self._node(Entry(posixpath.join(folder.entry.path, name), Kind.FOLDER))
            folder.below[name] = node
        return node

    def _node(self, entry: Entry) -> _Node:
        self._count += 1
        if self._count > MOST_ENTRIES:
            raise BuildError(f"the image's layers hold more than {MOST_ENTRIES:,} files and folders")
        return _Node(entry)

    def _reach(self, path: str, *, follow: bool) -> _Node | None:
        place = [self._root]
        waiting = deque(path.split("/"))
        hops = 0
        while waiting:
            part = waiting.popleft()
            if part == "..":
                place = place[:-1] or place
            elif part not in {"", "."}:
                node = place[-1].below.get(part)
                if node is None:
                    return None
                if node.entry.kind is not Kind.LINK or not (waiting or follow):
                    place.append(node)
                    continue
                hops += 1
                if hops > _HOPS:
                    return None
                place = [self._root] if node.entry.target.startswith("/") else place
                waiting.extendleft(reversed(node.entry.target.split("/")))
        return place[-1]


def merge(layers: Iterable[Iterable[Entry]]) -> Contents:
    """Lay the layers over one another, the lowest first. Raises BuildError for more than MOST_ENTRIES."""
    contents = Contents()
    for layer in layers:
        contents.apply(layer)
    return contents
