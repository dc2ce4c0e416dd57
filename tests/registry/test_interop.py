"""What was pushed, as other clients read it; what others pushed, as we do."""

import json
import os
import subprocess

import pytest

from pushlive.image.layout import Layout
from pushlive.model.image import Digest, Platform
from pushlive.registry import push
from tests.registry.images import AMD64, image, index, layer, pulled, repository
from tests.servers.registry import found


def skopeo(*arguments: str) -> str:
    argv = [found("skopeo"), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("docker", [False, True])
def test_skopeo_reads_what_we_push(registry, name, layout, tmp_path, docker):
    made = image(layout, layer(os.urandom(5000)), layer(b"two"), docker=docker)
    push.push(made.digest, layout, repository(registry.host, name), tags=("1",))
    where = f"docker://{registry.host}/{name}:1"
    told = json.loads(skopeo("inspect", "--tls-verify=false", where))
    assert told["Digest"] == str(made.digest)
    skopeo("copy", "--src-tls-verify=false", where, f"oci:{tmp_path}/copy:1")
    layers = [each["digest"] for each in json.loads(layout.get(made.digest))["layers"]]
    assert all((tmp_path / "copy" / "blobs" / "sha256" / Digest(each).hex).exists() for each in layers) or docker


def test_skopeo_reads_an_index_that_we_push(registry, name, layout, tmp_path):
    arm = Platform("linux", "arm64")
    offers = [(image(layout, platform=each), each) for each in (AMD64, arm)]
    top = index(layout, offers)
    push.push(top.digest, layout, repository(registry.host, name), tags=("1",))
    skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{registry.host}/{name}:1", f"oci:{tmp_path}/copy:1")
    copied = json.loads((tmp_path / "copy" / "index.json").read_text())
    assert [each["digest"] for each in copied["manifests"]] == [str(top.digest)]


@pytest.mark.parametrize("kind", ["oci", "v2s2"])
def test_we_read_what_skopeo_pushes(registry, name, layout, other, tmp_path, kind):
    made = image(layout, layer(os.urandom(5000)))
    layout.tag(made, ["1"])
    target = f"docker://{registry.host}/{name}:1"
    skopeo("copy", "--dest-tls-verify=false", "--insecure-policy", "--format", kind, f"oci:{layout.path}:1", target)
    got = pulled(repository(registry.host, name), other)
    assert all(other.has(each.digest) for each in (got.config, *got.layers))


def test_crane_reads_what_we_push(registry, name, layout):
    made = image(layout)
    push.push(made.digest, layout, repository(registry.host, name), tags=("1",))
    argv = [found("crane"), "validate", "--remote", f"{registry.host}/{name}:1"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "PASS" in done.stdout + done.stderr, done.stderr


def test_layout_is_a_layout(layout: Layout):
    layout.tag(image(layout), ["1"])
    assert json.loads(skopeo("inspect", "--raw", f"oci:{layout.path}:1"))["schemaVersion"] == 2
