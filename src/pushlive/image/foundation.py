"""Look into a base image's layers for what it offers."""

from collections.abc import Iterable

from pushlive.image import base_facts, contents, members
from pushlive.image.base import Base
from pushlive.image.base_facts import Facts
from pushlive.image.contents import Entry
from pushlive.image.layout import Layout

_LARGEST = 64 * 1024 * 1024
"""Bytes of a file that are read; a C library has two million."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def look(layout: Layout, base: Base) -> Facts:
    """What a base whose layers are in `layout` offers. Raises BuildError when no site can run on it."""
    layers = {each.digest: each for each in base.layers}
    found = contents.merge(members.read(layout, each).entries for each in base.layers)

    def read(entry: Entry) -> bytes:
        return _beginning(members.content(layout, layers[entry.layer], entry)) if entry.layer else b""

    return base_facts.survey(found, base.env.get("PATH", _PATH).split(":"), read, image=base.name)


def _beginning(blocks: Iterable[bytes | memoryview]) -> bytes:
    """A file's content, or the beginning of one that is larger than any C library."""
    content = bytearray()
    for block in blocks:
        content += block
        if len(content) > _LARGEST:
            break
    return bytes(content)
