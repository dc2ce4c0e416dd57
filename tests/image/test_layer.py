"""A layer's blob: what it holds, and that the same content is the same bytes."""

import gzip
import hashlib
import os
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from pushlive.image import layer, tar
from pushlive.image.layout import Layout
from pushlive.model.errors import BuildError
from pushlive.model.image import Layer

SIZES = (0, 1, 511, layer.PIECE - 1536, layer.PIECE - 1024, layer.PIECE, 3 * layer.PIECE + 17)
"""Bytes of a file: with its header, and the end of the archive, some fill a piece to the last byte."""


def content(size: int) -> bytes:
    """Something that gzip cannot make nothing of."""
    return (hashlib.sha512(str(size).encode()).hexdigest() * (size // 128 + 1)).encode()[:size]


def written(folder: Path, layout: Layout, *sizes: int) -> Layer:
    """A layer of files with these sizes."""
    members = []
    for size in sizes:
        file = folder / f"{size}.bin"
        file.write_bytes(content(size))
        members.append(tar.File(f"app/{size}.bin", file))
    return layer.write(members, layout, title="test")


@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_is_read_again(tmp_path: Path, size: int) -> None:
    layout = Layout(tmp_path / "layout")
    made = written(tmp_path, layout, size)
    blob = layout.blob(made.digest).read_bytes()
    plain = gzip.decompress(blob)
    assert (made.size, made.digest.hex) == (len(blob), hashlib.sha256(blob).hexdigest())
    assert made.diff_id.hex == hashlib.sha256(plain).hexdigest()
    with tarfile.open(fileobj=BytesIO(plain)) as archive:
        file = archive.extractfile(f"app/{size}.bin")
        assert file
        assert file.read() == content(size)


def test_the_number_of_processors_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for processors in (1, 2, 7):
        monkeypatch.setattr(os, "cpu_count", lambda processors=processors: processors)
        digests.add(written(tmp_path, Layout(tmp_path / str(processors)), *SIZES).digest)
    assert len(digests) == 1


def test_the_bytes_are_those_of_every_other_machine(tmp_path: Path) -> None:
    """Another libdeflate, or another Python's tar, would give other digests: raise its version on purpose alone."""
    made = written(tmp_path, Layout(tmp_path / "layout"), *SIZES)
    assert made.diff_id.hex == "2f4725153bf4c70012867d1acafb377e8c7e181154c5f9e11b7872fcaae2f540"
    assert made.digest.hex == "4e2b3182c5bdb50e690e8f3d56209b3cbe9e81cec298eb12ea505da1d1d7cf4e"


def test_what_a_file_system_adds_to_a_file_does_not_travel(tmp_path: Path) -> None:
    plain = written(tmp_path, Layout(tmp_path / "plain"), 511)
    try:
        os.setxattr(tmp_path / "511.bin", "user.note", b"of this machine")
    except OSError as error:
        pytest.skip(f"no attributes of files are kept here: {error}")
    (tmp_path / "511.bin").chmod(0o6640)
    layout = Layout(tmp_path / "noted")
    file = tar.File("app/511.bin", tmp_path / "511.bin")
    assert layer.write([file], layout, title="test").digest == plain.digest


def test_an_error_amid_the_pieces_leaves_no_blob(tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(content(3 * layer.PIECE))
    layout = Layout(tmp_path / "layout")
    with pytest.raises(BuildError, match="two files want"):
        layer.write([tar.File("a", large), tar.File("a", large)], layout, title="test")
    os.mkfifo(tmp_path / "pipe")
    members = [tar.File("a", large), tar.File("b", tmp_path / "pipe")]
    with pytest.raises(BuildError, match="changed while the image was made"):
        layer.write(members, layout, title="test")
    assert list((layout.path / "blobs/sha256").iterdir()) == []
