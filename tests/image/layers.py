"""Layers as others make them: whiteouts, links of both kinds, and what somebody hostile would write."""

import gzip
import hashlib
import io
import tarfile

from pushlive.image.contents import Contents, merge
from pushlive.image.layout import Layout
from pushlive.image.members import read
from pushlive.model.image import Digest, Layer


def digest(content: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def file(name, content=b"", **attributes):
    return member(name, content=content if isinstance(content, bytes) else content.encode(), **attributes)


def folder(name, **attributes):
    return member(name, tarfile.DIRTYPE, mode=attributes.pop("mode", 0o755), **attributes)


def link(name, target):
    return member(name, tarfile.SYMTYPE, linkname=target)


def hard(name, target):
    return member(name, tarfile.LNKTYPE, linkname=target)


def member(name, kind=tarfile.REGTYPE, *, content=b"", **attributes):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def archive(*members, form=tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as made:
        for info, content in members:
            made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def layer(layout: Layout, *members, title="", form=tarfile.PAX_FORMAT) -> Layer:
    """A gzip layer of these members in the layout."""
    return stored(layout, archive(*members, form=form), title=title)


def stored(layout: Layout, plain: bytes, *, title="", pack=lambda plain: gzip.compress(plain, mtime=0)) -> Layer:
    """A layer of these plain bytes, whatever they are; its digests are right."""
    packed = pack(plain)
    layout.put(packed, "application/vnd.oci.image.layer.v1.tar+gzip")
    return Layer(digest(packed), len(packed), digest(plain), title)


def merged(layout: Layout, *layers: Layer) -> Contents:
    return merge(read(layout, each).entries for each in layers)


def paths(contents: Contents) -> list[str]:
    return [entry.path for entry in contents.below()]
