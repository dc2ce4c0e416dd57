"""Reading layers that somebody else has made: every form of tar, and what is wrong with purpose."""

import gzip
import os
import tarfile

import pytest

from pushlive.image.contents import Kind
from pushlive.image.layout import Layout
from pushlive.image.members import content, read
from pushlive.image.unpack import Limits
from pushlive.model.errors import BuildError, StateError
from tests.image.layers import archive, file, folder, hard, layer, link, member, stored

LONG = "long/" * 60 + "name"


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_is_read(layout, form):
    name = "d/" * 60 + "name" if form == tarfile.USTAR_FORMAT else LONG
    members = (
        folder("a"),
        file(name, "x" * 1000),
        link("a/l", "b" * 100),
        hard("h", "a/l"),
        file("empty"),
        file("z", "end"),
    )
    made = layer(layout, *members, form=form)
    found = read(layout, made)
    assert [entry.path for entry in found.entries] == ["a", name, "a/l", "h", "empty", "z"]
    assert [entry.size for entry in found.entries] == [0, 1000, 0, 0, 0, 3]
    assert b"".join(content(layout, made, found.entries[1])) == b"x" * 1000
    assert b"".join(content(layout, made, found.entries[-1])) == b"end"
    assert found.size == len(archive(*members, form=form))


def test_a_content_is_whole_whatever_its_size(layout):
    big = os.urandom(3_000_001)
    made = layer(layout, file("a", "1"), file("big", big), file("b", "2"))
    taken = {}

    def note(entry, pieces):
        taken[entry.path] = next(pieces, b"")[:3].tobytes() if entry.path == "big" else b"".join(pieces)
        return entry

    found = read(layout, made, note)
    assert taken == {"a": b"1", "big": big[:3], "b": b"2"}
    assert b"".join(content(layout, made, found.entries[1])) == big


@pytest.mark.parametrize(
    "pack", [gzip.compress, bytes, lambda plain: gzip.compress(plain[:700]) + gzip.compress(plain[700:])]
)
def test_a_layer_may_be_packed_or_not_or_in_parts(layout, pack):
    made = stored(layout, archive(file("a", "x" * 5000), file("b", "2")), pack=pack)
    assert [entry.path for entry in read(layout, made).entries] == ["a", "b"]


def test_devices_and_pipes_are_what_they_are(layout):
    made = layer(layout, member("null", tarfile.CHRTYPE, devmajor=1, devminor=3), member("pipe", tarfile.FIFOTYPE))
    assert [entry.kind for entry in read(layout, made).entries] == [Kind.DEVICE, Kind.PIPE]


def extended(kind, text, *, size=None):
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(text) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + text + bytes(-len(text) % 512)


PLAIN = archive(file("a", "1"))
REFUSED = {
    "a long header": extended(b"x", b"", size=2 * 1024**2) + PLAIN,
    "a header of no size": extended(b"L", b"", size=-512) + PLAIN,
    "a long name": extended(b"L", b"n" * 5000) + PLAIN,
    "a long target": extended(b"K", b"n" * 5000) + PLAIN,
    "a file of no size": extended(b"x", b"13 size=-512\n") + PLAIN,
    "holes": archive(member("sparse", tarfile.GNUTYPE_SPARSE)),
}


@pytest.mark.parametrize("plain", REFUSED.values(), ids=REFUSED.keys())
def test_what_has_no_place_in_a_layer_is_refused(layout, plain):
    with pytest.raises(BuildError, match="is refused"):
        read(layout, stored(layout, plain))


BROKEN = {
    "no tar": b"x" * 2000,
    "an end in a file": archive(file("a", "x" * 5000))[:3000],
    "an end in a header": PLAIN[:300],
    "a record of no length": extended(b"x", b"0 path=x\n") + PLAIN,
    "a record of no number": extended(b"x", b"x path=x\n") + PLAIN,
    "no record": extended(b"x", b"nothing") + PLAIN,
    "a size of no number": extended(b"x", b"12 size=two\n") + PLAIN,
    "a time of no number": extended(b"x", b"13 mtime=now\n") + PLAIN,
    "a time without end": extended(b"x", b"13 mtime=inf\n") + PLAIN,
}


@pytest.mark.parametrize("plain", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_tar_is_said_to_be_damaged(layout, plain):
    with pytest.raises(StateError, match="damaged"):
        read(layout, stored(layout, plain))


def test_extended_headers_without_end_call_nothing_without_end(layout):
    plain = b"".join([extended(b"L", b"name\0")] * 5000) + PLAIN
    assert [entry.path for entry in read(layout, stored(layout, plain)).entries] == ["name"]


@pytest.mark.parametrize("limits", [Limits(size=1000), Limits(members=2), Limits(small=10, ratio=2)])
def test_a_bomb_is_refused(layout, limits):
    made = layer(layout, file("a", bytes(50000)), file("b"), file("c"))
    with pytest.raises(BuildError, match="is refused"):
        read(layout, made, limits=limits)


@pytest.mark.parametrize("where", [15, 200, -5])
def test_a_flipped_byte_is_found(layout, where):
    made = layer(layout, file("a", os.urandom(3000)))
    blob = bytearray(layout.blob(made.digest).read_bytes())
    blob[where] ^= 0x40
    layout.blob(made.digest).write_bytes(blob)
    with pytest.raises((StateError, BuildError)):
        read(layout, made)
