"""Images on a base image."""

import json

import pytest

from pushlive.image import base
from pushlive.image.build import App, build, build_index
from pushlive.image.ignore import Rules
from pushlive.image.layout import Layout
from pushlive.model.errors import BuildError
from pushlive.model.image import Digest, Platform
from tests.image.trees import CONFIG, REVISION, plant

NAME = "docker.io/library/python:3.13-slim"
GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(letter):
    return Digest(f"sha256:{letter * 64}")


def documents(*, media_type=GZIP, architecture="amd64", variant=None, history=None):
    """A manifest and a configuration as Docker's registries have them."""
    layers = [{"mediaType": media_type, "digest": str(digest(letter)), "size": 10} for letter in "ab"]
    run = {"Env": ["PATH=/usr/local/bin:/usr/bin", "LANG=C"], "Cmd": ["python3"], "Labels": {"made": "by them"}}
    if history is None:
        history = [{"created_by": "ADD root"}, {"created_by": "ENV", "empty_layer": True}, {"created_by": "RUN"}]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": run,
        "history": history,
        "rootfs": {"type": "layers", "diff_ids": [str(digest(letter)) for letter in "cd"]},
    }
    return {"layers": layers}, config | ({"variant": variant} if variant else {})


def base_of(**details):
    return base.read(NAME, digest("e"), *documents(**details))


def image_on(found, tmp_path, *, tags=()):
    layout = Layout(tmp_path / "layout")
    tree = plant(tmp_path / "tree", {"manage.py": "x"})
    made = build(App(tree, REVISION, Rules.of(tree)), below=(), config=CONFIG, layout=layout, base=found, tags=tags)
    manifest = json.loads(layout.get(made.digest))
    return layout, made, manifest, json.loads(layout.get(Digest.parse(manifest["config"]["digest"])))


def test_the_bases_layers_come_first_under_their_own_digests(tmp_path):
    _, made, manifest, config = image_on(base_of(), tmp_path)
    assert [each.digest for each in made.layers[:2]] == [digest("a"), digest("b")]
    assert [each["mediaType"].rpartition(".")[2] for each in manifest["layers"]] == ["tar+gzip"] * 3
    assert config["rootfs"]["diff_ids"][:2] == [str(digest("c")), str(digest("d"))]


def test_history_tells_of_each_layer_once(tmp_path):
    *_, config = image_on(base_of(), tmp_path)
    assert sum(1 for each in config["history"] if not each.get("empty_layer")) == 3

    *_, config = image_on(base_of(history=[]), tmp_path)
    assert len(config["history"]) == 3


def test_the_image_says_what_it_stands_on(tmp_path):
    *_, manifest, config = image_on(base_of(), tmp_path)
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == NAME
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == str(digest("e"))
    assert config["config"]["Labels"]["org.opencontainers.image.base.name"] == NAME


def test_what_ours_does_not_say_is_the_bases_and_its_command_is_not(tmp_path):
    *_, config = image_on(base_of(), tmp_path)
    run = config["config"]
    assert run["Env"] == ["A=1", "B=2", "LANG=C", "PATH=/usr/local/bin:/usr/bin"]
    assert run["Labels"]["made"] == "by them"
    assert run["Entrypoint"] == list(CONFIG.entrypoint)
    assert "Cmd" not in run
    assert run["User"] == CONFIG.user


def test_its_platform_is_the_bases(tmp_path):
    layout, made, _, config = image_on(base_of(architecture="arm64", variant="v8"), tmp_path)
    assert (config["architecture"], config["variant"]) == ("arm64", "v8")
    assert layout.read(made.digest) == made


def test_images_of_two_platforms_make_an_index(tmp_path):
    one = image_on(base_of(), tmp_path)
    other = image_on(base_of(architecture="arm64"), tmp_path)
    layout = one[0]
    index = json.loads(layout.get(build_index([one[1], other[1]], layout=layout).digest))
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64"]


def test_pruning_keeps_what_a_kept_index_names(tmp_path):
    layout, made, *_ = image_on(base_of(), tmp_path)
    for each in base_of().layers:
        layout.blob(each.digest).write_bytes(b"the base's")
    layout.prune([build_index([made], layout=layout).digest])
    assert all(layout.has(each.digest) for each in made.layers)
    assert layout.read(made.digest) == made


@pytest.mark.parametrize("packed", ["", "gzip", "zstd"])
@pytest.mark.parametrize(
    "by", ["application/vnd.docker.image.rootfs.diff.tar.", "application/vnd.oci.image.layer.v1.tar+"]
)
def test_its_layers_are_named_as_in_ocis_manifests(tmp_path, by, packed):
    *_, manifest, _ = image_on(base_of(media_type=f"{by}{packed}".rstrip(".+")), tmp_path)
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    wanted = f"application/vnd.oci.image.layer.v1.tar+{packed}".rstrip("+")
    assert [each["mediaType"] for each in manifest["layers"][:2]] == [wanted] * 2


@pytest.mark.parametrize("kind", ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "text/plain"])
def test_layers_that_may_not_be_passed_on_are_refused(kind):
    with pytest.raises(BuildError, match="cannot be passed on"):
        base_of(media_type=kind)


def test_a_base_whose_documents_disagree_is_refused():
    manifest, config = documents()
    config["rootfs"]["diff_ids"].pop()
    with pytest.raises(BuildError, match="damaged"):
        base.read(NAME, digest("e"), manifest, config)


@pytest.mark.parametrize(
    "wrong",
    [{"config": "abc"}, {"config": {"Env": [3]}}, {"config": [1]}, {"history": [3]}, {"history": 3}, {"rootfs": 1}],
)
def test_a_configuration_of_nonsense_is_told(wrong):
    manifest, config = documents()
    with pytest.raises(BuildError, match="damaged"):
        base.read(NAME, digest("e"), manifest, config | wrong)


@pytest.mark.parametrize("content", [b"", b"[]", b"no json", b"[" * 100_000, b'{"a":' * 100_000])
def test_a_configuration_that_is_none_is_told(content):
    with pytest.raises(BuildError, match="cannot be read"):
        base.configuration(NAME, content)


def test_a_platform_is_written_as_go_does():
    assert str(Platform.parse("linux/arm/v7")) == "linux/arm/v7"
    for wrong in ("linux", "linux/", "Linux/amd64", "linux/arm/7", "a/b/v1/c"):
        with pytest.raises(ValueError, match="is no platform"):
            Platform.parse(wrong)
