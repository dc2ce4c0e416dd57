import gzip
import hashlib
import io
import json
import os
import tarfile

import pytest

from pushlive.image import layer, tar
from pushlive.image.build import App, build
from pushlive.image.ignore import Rules
from pushlive.image.layout import Layout
from pushlive.model.errors import BuildError
from pushlive.model.image import Digest
from tests.image.trees import CONFIG, REVISION, image_of, plant

FILES = {"manage.py*": "#!/usr/bin/env python\n", "a/b.txt": "b", "a/link": "->b.txt", "ü" * 120 + "/x": "long"}


def members(layout, image_layer):
    plain = gzip.decompress(layout.blob(image_layer.digest).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return archive.getmembers()


def test_the_same_tree_in_another_place_by_another_user_gives_the_same_bytes(tmp_path):
    first = plant(tmp_path / "one", FILES)
    second = plant(tmp_path / "else" / "where", dict(reversed(FILES.items())))
    os.utime(second / "a/b.txt", (1, 1))
    (second / "a/b.txt").chmod(0o600)
    os.link(second / "a/b.txt", tmp_path / "hard")
    digests = {image_of(tree, tmp_path / f"layout-{tree.name}").digest for tree in (first, second)}
    assert len(digests) == 1


def test_another_revision_of_the_same_tree_changes_the_time_of_its_files(tmp_path):
    tree = plant(tmp_path / "tree", FILES)
    image = image_of(tree, tmp_path / "layout")
    times = {member.mtime for member in members(Layout(tmp_path / "layout"), image.layers[0])}
    assert times == {int(REVISION.committed.timestamp())}


def test_members_are_sorted_unique_and_owned_by_nobody_in_particular(tmp_path):
    tree = plant(tmp_path / "tree", FILES)
    (tree / "manage.py").chmod(0o6777)
    found = members(Layout(tmp_path / "layout"), image_of(tree, tmp_path / "layout").layers[0])
    names = [member.name for member in found]
    assert names == sorted(set(names))
    assert {(member.uid, member.gid, member.uname, member.gname) for member in found} == {(0, 0, "", "")}
    assert {member.mode for member in found if not member.issym()} == {0o755, 0o644}
    assert all(name.rpartition("/")[0] in {*names, ""} for name in names)


def test_neither_a_hard_link_nor_a_hole_is_written_as_one(tmp_path):
    """Engines unpack a layer file by file; a link needs its other name, and holes are GNU's own form."""
    tree = plant(tmp_path / "tree", {"one.txt": "shared"})
    (tree / "two.txt").hardlink_to(tree / "one.txt")
    with (tree / "hole").open("wb") as file:
        file.truncate(1_000_000)
    layout = Layout(tmp_path / "layout")
    plain = gzip.decompress(layout.blob(image_of(tree, layout.path).layers[0].digest).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        files = {each.name: each for each in archive if not each.isdir()}
        content = {name.removeprefix("app/"): archive.extractfile(each).read() for name, each in files.items()}
    assert {each.type for each in files.values()} == {tarfile.REGTYPE}
    assert content == {"one.txt": b"shared", "two.txt": b"shared", "hole": bytes(1_000_000)}


def test_each_layer_has_its_uncompressed_digest_and_a_line_of_history_in_order(tmp_path):
    layout = Layout(tmp_path / "layout")
    below = image_of(plant(tmp_path / "below", {"a": "a"}), layout.path).layers[0]
    app = App(plant(tmp_path / "tree", {"b": "b"}), REVISION, Rules.of(tmp_path / "tree"))
    made = json.loads(layout.get(build(app, below=[below], config=CONFIG, layout=layout).digest))
    config = json.loads(layout.get(Digest.parse(made["config"]["digest"])))
    layers = [layout.blob(Digest.parse(each["digest"])).read_bytes() for each in made["layers"]]
    assert len(layers) == 2
    assert config["rootfs"]["diff_ids"] == [
        f"sha256:{hashlib.sha256(gzip.decompress(each)).hexdigest()}" for each in layers
    ]
    assert [each.get("empty_layer", False) for each in config["history"]] == [False, False]


def test_the_manifest_and_configuration_say_what_the_specification_asks(tmp_path):
    image = image_of(plant(tmp_path / "tree", FILES), tmp_path / "layout")
    layout = Layout(tmp_path / "layout")
    manifest = json.loads(layout.get(image.digest))
    config = json.loads(
        layout.blob(image.layers[0].digest).parent.joinpath(manifest["config"]["digest"][7:]).read_bytes()
    )
    plain = gzip.decompress(layout.blob(image.layers[0].digest).read_bytes())
    assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]}
    assert len(config["history"]) == len(manifest["layers"]) == 1
    assert config["created"] == "2026-03-01T12:30:00Z"
    assert config["config"]["Labels"]["org.opencontainers.image.revision"] == REVISION.sha
    assert config["config"]["Env"] == ["A=1", "B=2"]
    assert config["config"]["User"] == "10001:10001"
    assert manifest["layers"][0]["size"] == layout.blob(image.layers[0].digest).stat().st_size
    assert layout.tags() == {REVISION.sha: image.digest, "latest": image.digest}


def test_an_image_that_was_written_reads_back_equal(tmp_path):
    image = image_of(plant(tmp_path / "tree", FILES), tmp_path / "layout")
    assert Layout(tmp_path / "layout").read(image.digest) == image


def test_collected_static_files_win_over_the_trees_own(tmp_path):
    tree = plant(tmp_path / "tree", {"staticfiles/a.css": "old", "staticfiles/kept.css": "kept"})
    static = plant(tmp_path / "static", {"a.css": "new", "admin/b.css": "b"})
    layout = Layout(tmp_path / "layout")
    image = image_of(tree, layout.path, overlays={"staticfiles": static})
    plain = gzip.decompress(layout.blob(image.layers[0].digest).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}
    assert content == {
        "app/staticfiles/a.css": b"new",
        "app/staticfiles/admin/b.css": b"b",
        "app/staticfiles/kept.css": b"kept",
    }


def test_an_empty_tree_is_an_empty_app_folder(tmp_path):
    image = image_of(plant(tmp_path / "tree", {}), tmp_path / "layout")
    assert [member.name for member in members(Layout(tmp_path / "layout"), image.layers[0])] == ["app"]


def test_two_files_of_one_name_are_refused(tmp_path):
    folder = plant(tmp_path / "files", {"one": "1", "two": "2"})
    twice = (tar.File("a", folder / "one"), tar.File("a", folder / "two"))
    with pytest.raises(BuildError, match="two files want the place a"):
        layer.write(twice, Layout(tmp_path), title="x")


def test_a_layer_that_fails_leaves_nothing(tmp_path):
    folder = plant(tmp_path / "files", {"large": bytes(10**6), "small": ""})
    with pytest.raises(BuildError, match="a file in one place and a folder in another"):
        layer.write((tar.File("a", folder / "large"), tar.File("a/b", folder / "small")), Layout(tmp_path), title="x")
    assert list((tmp_path / "blobs/sha256").iterdir()) == []


def test_a_file_swapped_for_a_link_is_not_followed(tmp_path):
    secret = plant(tmp_path, {"secret": "s"}) / "secret"
    (tmp_path / "f").symlink_to(secret)
    with pytest.raises(Exception, match="symbolic links"):
        layer.write((tar.File("f", tmp_path / "f"),), Layout(tmp_path / "layout"), title="x")


def test_large_files_are_streamed_whole(tmp_path):
    content = os.urandom(9 * 1024 * 1024 + 7)
    layout = Layout(tmp_path / "layout")
    plant(tmp_path, {"big": content})
    made = layer.write((tar.File("big", tmp_path / "big"),), layout, title="x")
    plain = gzip.decompress(layout.blob(made.digest).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        assert archive.extractfile("big").read() == content
