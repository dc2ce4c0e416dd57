import gzip
import hashlib
import io
import os
import tarfile

import pytest

from pushlive.image.layout import Layout
from pushlive.image.unpack import Limits, unpack
from pushlive.model.errors import BuildError, StateError
from pushlive.model.image import Digest, Layer
from pushlive.system.files import remove_tree
from tests.image.trees import image_of, listing, plant


def digest(content):
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def forged(layout, *members, plain=None):
    """A layer whose digests are right and whose members are what somebody hostile wrote."""
    if plain is None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for member, content in members:
                archive.addfile(member, io.BytesIO(content))
        plain = buffer.getvalue()
    packed = gzip.compress(plain, mtime=0)
    layout.put(packed, "application/vnd.oci.image.layer.v1.tar+gzip")
    return Layer(digest(packed), len(packed), digest(plain), "forged")


def member(name, kind=tarfile.REGTYPE, *, content=b"", **attributes):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


@pytest.fixture
def place(tmp_path):
    yield tmp_path
    remove_tree(tmp_path / "out")


def test_what_was_packed_comes_out(place):
    tree = plant(place / "tree", {"manage.py*": "#!", "a/b": "b" * 3000, "a/link": "->b", "big": "x" * 10**6})
    layout = Layout(place / "layout")
    layer = image_of(tree, layout.path).layers[0]
    out = unpack(layout, layer, place / "out")
    assert listing(out / "app") == listing(tree)
    assert (out / "app/manage.py").stat().st_mode & 0o7777 == 0o755
    assert (out / "app/a/b").stat().st_mode & 0o7777 == 0o644
    assert (out / "app/a/b").stat().st_mtime == 1772368200


def test_a_gzip_of_several_parts_is_one_layer(place):
    """As tools that compress on several processors, or for lazy pulling, write it."""
    layout = Layout(place / "layout")
    tree = plant(place / "tree", {"a/b": "b" * 3000})
    plain = gzip.decompress(layout.blob(image_of(tree, layout.path).layers[0].digest).read_bytes())
    packed = gzip.compress(plain[:700]) + gzip.compress(plain[700:])
    layout.put(packed, "application/vnd.oci.image.layer.v1.tar+gzip")
    out = unpack(layout, Layer(digest(packed), len(packed), digest(plain), "parts"), place / "out")
    assert listing(out / "app") == listing(tree)


def test_what_is_unpacked_cannot_be_written_by_those_who_run_it(place):
    layout = Layout(place / "layout")
    layer = image_of(plant(place / "tree", {"a/b": "b"}), layout.path).layers[0]
    out = unpack(layout, layer, place / "out")
    wanted = 0o755 if os.geteuid() == 0 else 0o555
    assert {path.stat().st_mode & 0o777 for path in (out, out / "app", out / "app/a")} == {wanted}
    assert (out / "app/a/b").stat().st_uid == os.geteuid()


def test_a_layer_that_is_there_is_left_alone(place):
    layout = Layout(place / "layout")
    layer = image_of(plant(place / "tree", {"a": "b"}), layout.path).layers[0]
    before = unpack(layout, layer, place / "out").stat().st_ino
    layout.blob(layer.digest).unlink()
    assert unpack(layout, layer, place / "out").stat().st_ino == before


HOSTILE = {
    "absolute": (member("/etc/cron.d/x"),),
    "dot dot": (member("a", tarfile.DIRTYPE), member("a/../../x")),
    "unclean": (member("a", tarfile.DIRTYPE), member("a//x")),
    "no parent": (member("a/x"),),
    "device": (member("null", tarfile.CHRTYPE, devmajor=1, devminor=3),),
    "pipe": (member("pipe", tarfile.FIFOTYPE),),
    "hardlink": (member("x"), member("y", tarfile.LNKTYPE, linkname="x")),
    "hardlink out": (member("y", tarfile.LNKTYPE, linkname="/etc/passwd"),),
    "absolute link": (member("l", tarfile.SYMTYPE, linkname="/etc"),),
    "link out": (member("a", tarfile.DIRTYPE), member("a/l", tarfile.SYMTYPE, linkname="../../x")),
    "through a link": (
        member("a", tarfile.DIRTYPE),
        member("l", tarfile.SYMTYPE, linkname="a"),
        member("l/x"),
    ),
    "twice": (member("x"), member("x")),
    "link, then file": (member("x", tarfile.SYMTYPE, linkname="y"), member("x", content=b"1")),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_member_is_refused_and_nothing_is_left(place, hostile):
    layout = Layout(place / "layout")
    layer = forged(layout, *hostile)
    with pytest.raises(BuildError, match="is refused"):
        unpack(layout, layer, place / "out")
    assert sorted(path.name for path in place.iterdir()) == ["layout"]


def test_set_uid_bits_are_dropped(place):
    layout = Layout(place / "layout")
    out = unpack(layout, forged(layout, member("x", mode=0o6777)), place / "out")
    assert (out / "x").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("limits", [Limits(size=1000), Limits(members=2), Limits(small=10, ratio=2)])
def test_a_bomb_is_refused(place, limits):
    layout = Layout(place / "layout")
    layer = forged(layout, member("a", content=bytes(5000)), member("b"), member("c"))
    with pytest.raises(BuildError, match="more than a site can be"):
        unpack(layout, layer, place / "out", limits=limits)


@pytest.mark.parametrize("where", [15, 200, -5])
def test_a_flipped_byte_is_found_and_nothing_is_left(place, where):
    layout = Layout(place / "layout")
    layer = image_of(plant(place / "tree", {"a": os.urandom(3000)}), layout.path).layers[0]
    content = bytearray(layout.blob(layer.digest).read_bytes())
    content[where] ^= 0x40
    layout.blob(layer.digest).write_bytes(content)
    with pytest.raises((StateError, BuildError)):
        unpack(layout, layer, place / "out")
    assert not (place / "out").exists()


def test_a_truncated_blob_is_found(place):
    layout = Layout(place / "layout")
    layer = image_of(plant(place / "tree", {"a": os.urandom(3000)}), layout.path).layers[0]
    blob = layout.blob(layer.digest)
    blob.write_bytes(blob.read_bytes()[:-100])
    with pytest.raises(StateError, match="damaged"):
        unpack(layout, layer, place / "out")


def test_a_wrong_diff_id_is_found(place):
    layout = Layout(place / "layout")
    layer = image_of(plant(place / "tree", {"a": "1"}), layout.path).layers[0]
    other = Layer(layer.digest, layer.size, digest(b"other"), layer.title)
    with pytest.raises(StateError, match="damaged"):
        unpack(layout, other, place / "out")
