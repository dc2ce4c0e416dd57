"""Layers as they are packed: gzip, zstd in every form that others write, and what is damaged or asks for too much."""

import gzip
import os
import random
import subprocess
import sys

import pytest

from pushlive.image.layout import Layout
from pushlive.image.members import content, read
from pushlive.image.stream import Verified
from pushlive.image.unpack import unpack
from pushlive.model.errors import BuildError, StateError
from pushlive.model.image import Layer
from pushlive.system.files import remove_tree
from tests.image.layers import archive, digest, file, folder, stored

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = random.Random(5).randbytes(40_000)
PLAIN = archive(folder("d"), file("d/noise", TEXT), file("zeros", bytes(300_000)), file("end", "."))
CHECKED = {zstd.CompressionParameter.checksum_flag: 1}


def skipped(number: int, content: bytes = b"anything") -> bytes:
    """A frame that decoders pass over (RFC 8878, 3.1.2), where zstd:chunked and pzstd keep their own data."""
    return bytes([0x50 + number, 0x2A, 0x4D, 0x18]) + len(content).to_bytes(4, "little") + content


def of_window(log: int, plain: bytes = PLAIN) -> bytes:
    """A frame that asks for a window of 2^log bytes."""
    made = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    return made.compress(plain) + made.flush()


PACKED = {
    "as it is": PLAIN,
    "gzip": gzip.compress(PLAIN),
    "gzip in parts": gzip.compress(PLAIN[:700]) + gzip.compress(b"") + gzip.compress(PLAIN[700:]),
    "zstd": zstd.compress(PLAIN),
    "zstd with a checksum": zstd.compress(PLAIN, options=CHECKED),
    "zstd at its strongest": zstd.compress(PLAIN, 19),
    "zstd in parts": zstd.compress(PLAIN[:700]) + zstd.compress(b"") + zstd.compress(PLAIN[700:]),
    "zstd, something to pass over at both ends": skipped(0) + zstd.compress(PLAIN) + skipped(15, b""),
    "zstd of the largest window": of_window(27),
}


@pytest.fixture
def layout(tmp_path):
    yield Layout(tmp_path / "layout")
    remove_tree(tmp_path)


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
def test_it_is_read_and_unpacked_whatever_it_is_packed_with(layout, tmp_path, packed):
    made = stored(layout, PLAIN, pack=lambda _: packed)
    found = read(layout, made)
    assert [entry.path for entry in found.entries] == ["d", "d/noise", "zeros", "end"]
    assert found.size == len(PLAIN)
    assert b"".join(content(layout, made, found.entries[1])) == TEXT
    assert (unpack(layout, made, tmp_path / "out") / "zeros").read_bytes() == bytes(300_000)


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
@pytest.mark.parametrize("size", [999, 32 * 1024])
def test_pieces_are_no_larger_than_was_asked_for(layout, packed, size):
    made = stored(layout, PLAIN, pack=lambda _: packed)
    with layout.blob(made.digest).open("rb") as blob:
        stream = Verified(blob, made)
        pieces = list(iter(lambda: stream.read(size), b""))
        stream.finish()
    assert b"".join(pieces) == PLAIN
    assert max(map(len, pieces)) <= size


UNREADABLE = {
    "an end in a frame": zstd.compress(PLAIN)[:-100],
    "an end in a frame's header": zstd.compress(PLAIN)[:5],
    "an end in what is passed over": zstd.compress(PLAIN[:-1024]) + skipped(1)[:-2],
    "a wrong checksum": zstd.compress(PLAIN, options=CHECKED)[:-1] + b"\0",
    "something else behind it": zstd.compress(PLAIN) + b"something else",
    "a block of no kind": zstd.compress(PLAIN)[:9] + b"\xff" * 50,
    "gzip behind it": zstd.compress(PLAIN[:700]) + gzip.compress(PLAIN[700:]),
}


@pytest.mark.parametrize("packed", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_damaged_is_told_like_any_damaged_layer(layout, tmp_path, packed):
    made = stored(layout, PLAIN, pack=lambda _: packed)
    with pytest.raises(StateError, match="damaged"):
        read(layout, made)
    with pytest.raises(StateError, match="damaged"):
        unpack(layout, made, tmp_path / "out")


@pytest.mark.parametrize("where", [3, 4, 5, 40, 20_000, -3])
def test_a_flipped_byte_is_found(layout, where):
    made = stored(layout, PLAIN, pack=zstd.compress)
    blob = bytearray(layout.blob(made.digest).read_bytes())
    blob[where] ^= 0x40
    layout.blob(made.digest).write_bytes(blob)
    with pytest.raises((StateError, BuildError)):
        read(layout, made)


@pytest.mark.parametrize("log", [28, 31])
def test_a_window_without_bounds_is_refused(layout, tmp_path, log):
    made = stored(layout, PLAIN, pack=lambda _: of_window(log))
    with pytest.raises(BuildError, match="takes more than 128 MiB") as caught:
        read(layout, made)
    assert "--long" in caught.value.remedy
    with pytest.raises(BuildError, match="takes more than 128 MiB"):
        unpack(layout, made, tmp_path / "out")


READ = """
import resource, sys
from pathlib import Path
from pushlive.image.layout import Layout
from pushlive.image.members import read
from pushlive.model.image import Digest, Layer

import isal.igzip_lib
layout = Layout(Path(sys.argv[1]))
layer = Layer(Digest(sys.argv[2]), int(sys.argv[3]), Digest(sys.argv[4]), "")
now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 64 * 1024**2,) * 2)
print(read(layout, layer).size)
"""


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_what_unpacks_to_very_much_is_never_whole_in_memory(layout, pack):
    plain = archive(file("zeros", bytes(240 * 1024**2)))
    made = stored(layout, plain, pack=pack)
    argv = [sys.executable, "-c", READ, layout.path, made.digest.value, str(made.size), made.diff_id.value]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(len(plain)), "")


def test_noise_that_begins_like_zstd_is_no_layer(layout):
    noise = b"\x28\xb5\x2f\xfd" + os.urandom(2000)
    layout.put(noise, "application/vnd.oci.image.layer.v1.tar+zstd")
    with pytest.raises((StateError, BuildError)):
        read(layout, Layer(digest(noise), len(noise), digest(noise), ""))
