"""One archive that is an OCI layout and what `docker save` writes, both at once."""

import hashlib
import io
import json
import tarfile

import pytest

from pushlive.image import export
from pushlive.image.layout import Layout
from pushlive.model.errors import StateError
from tests.image.trees import image_of, plant

NAME = "localhost/shop:0123456789ab"


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


@pytest.fixture
def image(tmp_path, layout):
    return image_of(plant(tmp_path / "tree", {"a": "1"}), layout.path)


def exported(layout, image):
    sink = io.BytesIO()
    export.write(layout, image, NAME, sink)
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_every_blob_is_what_its_name_says_and_is_named_by_both_indexes(layout, image):
    found = exported(layout, image)
    blobs = {name: content for name, content in found.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(content).hexdigest() == name.rpartition("/")[2] for name, content in blobs.items())
    (docker,) = json.loads(found["manifest.json"])
    (oci,) = json.loads(found["index.json"])["manifests"]
    assert docker["RepoTags"] == [NAME] == [oci["annotations"]["org.opencontainers.image.ref.name"]]
    manifest = json.loads(found[f"blobs/sha256/{oci['digest'].removeprefix('sha256:')}"])
    layers = [f"blobs/sha256/{each['digest'].removeprefix('sha256:')}" for each in manifest["layers"]]
    assert docker["Layers"] == layers
    assert docker["Config"] == f"blobs/sha256/{export.config_digest(layout, image).hex}"
    assert set(blobs) == {docker["Config"], *layers, f"blobs/sha256/{image.digest.hex}"}


def test_a_missing_layer_is_said(layout, image):
    layout.blob(image.layers[0].digest).unlink()
    with pytest.raises(StateError, match="is missing"):
        exported(layout, image)
