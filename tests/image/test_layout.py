import errno
import json
import tempfile
import threading
from pathlib import Path

import pytest

from pushlive.image.layout import Layout
from pushlive.model.errors import MachineError, StateError
from pushlive.model.image import Digest
from tests.image.trees import image_of, plant


def test_the_layout_is_an_oci_image_layout(tmp_path):
    image = image_of(plant(tmp_path / "tree", {"a": "1"}), tmp_path / "layout")
    assert json.loads((tmp_path / "layout/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((tmp_path / "layout/index.json").read_text())
    assert index["schemaVersion"] == 2
    assert {entry["digest"] for entry in index["manifests"]} == {str(image.digest)}
    assert all(entry["mediaType"] == "application/vnd.oci.image.manifest.v1+json" for entry in index["manifests"])


def test_a_tag_moves_and_the_others_stay(tmp_path):
    layout = Layout(tmp_path / "layout")
    first = image_of(plant(tmp_path / "tree", {"a": "1"}), layout.path, tags=("latest", "first"))
    second = image_of(plant(tmp_path / "tree", {"a": "2"}), layout.path, tags=("latest",))
    assert layout.tags()["first"] == first.digest
    assert layout.tags()["latest"] == second.digest


def test_tags_set_at_once_by_many_are_all_there(tmp_path):
    layout = Layout(tmp_path / "layout")
    made = layout.put(b"{}", "application/json")
    threads = [threading.Thread(target=layout.tag, args=(made, (f"t{number}",))) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(layout.tags()) == {f"t{number}" for number in range(20)}


def test_pruning_keeps_what_a_kept_image_uses_and_frees_the_rest(tmp_path):
    layout = Layout(tmp_path / "layout")
    old = image_of(plant(tmp_path / "tree", {"a": "1"}), layout.path)
    kept = image_of(plant(tmp_path / "tree", {"a": "2"}), layout.path)
    (layout.path / "blobs/sha256/.new-left-by-a-kill").write_bytes(b"12345")
    layout.prune([kept.digest])
    assert layout.read(kept.digest) == kept
    assert not layout.has(old.digest)
    assert not layout.has(old.layers[0].digest)
    assert len(list((layout.path / "blobs/sha256").iterdir())) == 3


def test_a_missing_blob_is_named(tmp_path):
    with pytest.raises(StateError, match="is missing"):
        Layout(tmp_path).get(Digest("sha256:" + "0" * 64))


def test_a_flipped_byte_is_found(tmp_path):
    layout = Layout(tmp_path)
    image = image_of(plant(tmp_path / "tree", {"a": "1"}), layout.path)
    blob = layout.blob(image.digest)
    blob.write_bytes(blob.read_bytes().replace(b"schema", b"skhema"))
    with pytest.raises(StateError, match="damaged"):
        layout.read(image.digest)


def test_a_blob_is_adopted_without_a_copy(tmp_path):
    one, two = Layout(tmp_path / "one"), Layout(tmp_path / "two")
    made = one.put(b"content", "text/plain")
    two.adopt(one.blob(made.digest), made.digest)
    two.adopt(one.blob(made.digest), made.digest)
    assert two.get(made.digest) == b"content"
    assert two.blob(made.digest).samefile(one.blob(made.digest))


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system")
def test_a_blob_on_another_disk_is_copied(tmp_path):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        one, two = Layout(tmp_path), Layout(Path(other))
        made = one.put(b"content", "text/plain")
        two.adopt(one.blob(made.digest), made.digest)
        assert two.get(made.digest) == b"content"


def test_a_full_disk_is_a_machine_error_and_leaves_nothing(tmp_path):
    layout = Layout(tmp_path)

    def fill() -> None:
        with layout.writing() as blob:
            blob.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MachineError, match="no space left"):
        fill()
    assert list((tmp_path / "blobs/sha256").iterdir()) == []
