"""Look into a base image's layers for what it offers."""

from pushlive.image import base_facts, contents, members
from pushlive.image.base import Base
from pushlive.image.base_facts import Facts
from pushlive.image.contents import Entry
from pushlive.image.layout import Layout

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def look(layout: Layout, base: Base) -> Facts:
    """What a base whose layers are in `layout` offers. Raises BuildError when no site can run on it."""
    layers = {each.digest: each for each in base.layers}
    found = contents.merge(members.read(layout, each).entries for each in base.layers)

    def read(entry: Entry) -> bytes:
        return b"".join(members.content(layout, layers[entry.layer], entry)) if entry.layer else b""

    return base_facts.survey(found, base.env.get("PATH", _PATH).split(":"), read, image=base.name)
