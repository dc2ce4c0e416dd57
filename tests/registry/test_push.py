"""Push: distribution-spec, "Pushing"."""

import contextlib
import json
import os
import re
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from pushlive.image.layout import Layout
from pushlive.model.errors import RegistryError, StateError
from pushlive.model.image import MANIFEST, Descriptor, Digest, Platform
from pushlive.registry import manifests, push, referrers, upload
from pushlive.registry.manifests import Manifest
from pushlive.registry.transfer import StoppedError, Told, Transfers, results
from pushlive.registry.upload import Sent, Source
from tests.registry.images import AMD64, DOCKER, digest_of, image, index, pulled, put_json, repository
from tests.servers.fault_proxy import Fault, fault_proxy, rewriting
from tests.servers.registry_stub import Reply, stub


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs beyond 1,000 bytes go in parts of 1,000."""
    monkeypatch.setattr(upload, "WHOLE", 1000)
    monkeypatch.setattr(upload, "PART", 1000)


def source(folder: Path, content: bytes) -> Source:
    path = folder / digest_of(content).hex
    path.write_bytes(content)
    return Source(digest_of(content), len(content), path)


def referring_to(layout: Layout, made: Descriptor) -> Manifest:
    """Something about an image, not yet pushed."""
    return Manifest(MANIFEST, layout.get(image(layout, artifactType="about", subject=made.json()).digest))


def stored(host: str, name: str, digest: Digest) -> bytes:
    """What a registry gives under a digest, asked by another client."""
    with urllib.request.urlopen(f"http://{host}/v2/{name}/blobs/{digest}") as answer:
        return answer.read()


def sessions(folder: Path) -> list[Path]:
    """What distribution's registry keeps of uploads that have not ended."""
    return list(folder.glob("**/_uploads/*/data"))


def test_what_was_pushed_is_pulled_as_it_was(registry, name, layout, other):
    pushed = image(layout, b"one" * 1000, os.urandom(100_000), b"")
    done = push.push(pushed.digest, layout, repository(registry.host, name), tags=("1", "latest"))
    assert str(done.reference) == f"{registry.host}/{name}:1@{pushed.digest}"
    # Repositories of crane's registry share their blobs.
    assert (done.uploaded + done.there, done.mounted, done.tags) == (4, 0, ("1", "latest"))
    for tag in ("1", "latest", str(pushed.digest)):
        found = manifests.get(repository(registry.host, name), tag)
        assert (found.digest, found.media_type) == (pushed.digest, pushed.media_type)
        assert found.content == layout.get(pushed.digest)
    pulled(repository(registry.host, name), other)
    for each in json.loads(layout.get(pushed.digest))["layers"]:
        digest = Digest.parse(each["digest"])
        assert other.get(digest) == layout.get(digest)


def test_what_is_there_is_not_sent_again(registry, name, layout):
    shared = os.urandom(5000)
    with fault_proxy(registry.host) as proxy:
        push.push(image(layout, shared).digest, layout, repository(proxy.host, name), tags=("1",))
        proxy.asked.clear()
        again = push.push(image(layout, shared, b"new").digest, layout, repository(proxy.host, name), tags=("2",))
        assert (again.uploaded, again.there) == (2, 1)
        assert len(proxy.lines("^POST .*/uploads/")) == 2
        assert f"HEAD /v2/{name}/blobs/{digest_of(shared)}" in proxy.lines()


def test_a_push_of_what_stands_costs_two_questions(plain, name, layout, proxy):
    made = image(layout)
    where = repository(proxy.host, name)
    push.push(made.digest, layout, where, tags=("1",))
    proxy.asked.clear()
    push.push(made.digest, layout, where, tags=("1",))
    assert proxy.lines() == [f"HEAD /v2/{name}/manifests/{made.digest}", f"HEAD /v2/{name}/manifests/1"]


def test_blobs_before_manifests_before_indexes_before_tags(proxy, name, layout):
    children = [image(layout, platform=Platform("linux", each)) for each in ("amd64", "arm64")]
    top = index(layout, [(children[0], AMD64), (children[1], Platform("linux", "arm64"))])
    push.push(top.digest, layout, repository(proxy.host, name), tags=("1", "2"))
    puts = [re.sub(r"uploads/.*", "blob", line.rpartition("/v2/")[2]) for line in proxy.lines("^PUT")]
    below = [f"{name}/manifests/{each.digest}" for each in children]
    assert puts[:4] == [f"{name}/blobs/blob"] * 4
    assert sorted(puts[4:6]) == sorted(below)
    assert puts[6] == f"{name}/manifests/{top.digest}"
    assert sorted(puts[7:]) == [f"{name}/manifests/{tag}" for tag in ("1", "2")]


@pytest.mark.parametrize("docker", [False, True])
def test_the_kind_is_what_the_manifest_says(proxy, name, layout, docker):
    made = image(layout, docker=docker)
    top = index(layout, [(made, AMD64)], docker=docker)
    push.push(top.digest, layout, repository(proxy.host, name), tags=("1",))
    kinds = [each.headers["Content-Type"] for each in proxy.asked if re.search("^PUT .*/manifests/", str(each))]
    assert kinds == [made.media_type, top.media_type, top.media_type]
    assert (made.media_type in DOCKER.values()) is docker


def test_no_tag_moves_when_a_blob_is_refused(proxy, name, layout):
    first, second = image(layout), image(layout)
    where = repository(proxy.host, name)
    push.push(first.digest, layout, where, tags=("1",))
    proxy.faults.append(Fault("^PUT .*/uploads/", reply=Reply(403), times=99))
    with pytest.raises(RegistryError, match="refuses") as caught:
        push.push(second.digest, layout, where, tags=("1",))
    assert f"pull and push {name}" in caught.value.remedy
    assert manifests.get(where, "1").digest == first.digest


@pytest.mark.parametrize(("status", "told"), [(405, "405"), (418, "418"), (204, "204")])
def test_a_head_that_says_neither_surfaces(proxy, name, tmp_path, status, told):
    proxy.faults.append(Fault("^HEAD", reply=Reply(status), times=9))
    with pytest.raises(RegistryError, match=told):
        upload.push(repository(proxy.host, name), source(tmp_path, b"x"))


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 2001, 5500])
@pytest.mark.usefixtures("small_parts")
def test_sizes_at_the_edges_of_parts(registry, name, tmp_path, size):
    blob = source(tmp_path, os.urandom(size))
    upload.push(repository(registry.host, name), blob)
    assert stored(registry.host, name, blob.digest) == blob.path.read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_parts_are_in_order_and_follow_each_new_location(proxy, name, tmp_path):
    blob = source(tmp_path, os.urandom(2500))
    upload.push(repository(proxy.host, name), blob)
    patches = [each for each in proxy.asked if each.method == "PATCH"]
    assert [each.headers["Content-Range"] for each in patches] == ["0-999", "1000-1999", "2000-2499"]
    assert len({each.target for each in patches}) == 3, "each goes where the answer before it says"
    last = proxy.asked[-1]
    assert (last.method, last.headers["Content-Length"]) == ("PUT", "0")
    assert [name for name, _ in last.query] == ["_state", "digest"]
    assert dict(last.query)["digest"] == str(blob.digest)


def test_a_blob_of_one_part_costs_three_questions(proxy, name, tmp_path):
    blob = source(tmp_path, bytes(upload.WHOLE + 1))
    upload.push(repository(proxy.host, name), blob)
    assert [each.method for each in proxy.asked] == ["HEAD", "POST", "PUT"]


@pytest.mark.usefixtures("small_parts")
def test_a_least_length_of_parts_holds_for_the_whole_upload(proxy, name, tmp_path):
    proxy.faults.append(Fault("^POST", rewrite=rewriting("OCI-Chunk-Min-Length", lambda _: "2000")))
    blob = source(tmp_path, os.urandom(5000))
    upload.push(repository(proxy.host, name), blob)
    ranges = [each.headers["Content-Range"] for each in proxy.asked if each.method == "PATCH"]
    assert ranges == ["0-1999", "2000-3999", "4000-4999"]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.partition("localhost")[2].partition("/")[2].join(("/", "")),
        lambda url: url.replace("localhost", "127.0.0.1"),
    ],
    ids=["relative", "another host"],
)
def test_a_location_may_be_relative_or_elsewhere(proxy, name, tmp_path, change):
    seen = []

    def changed(url: str) -> str:
        seen.append(change(url))
        return seen[-1]

    proxy.faults.append(Fault("^(POST|PATCH)", times=99, rewrite=rewriting("Location", changed)))
    blob = source(tmp_path, os.urandom(2500))
    assert upload.push(repository(proxy.host, name), blob) is Sent.UPLOADED
    assert len(seen) == 4
    assert all(each.startswith(("/v2/", "http://127.0.0.1:")) for each in seen)


def test_a_query_that_is_there_is_kept_as_it_is(tmp_path):
    signed = "sig=a%2Fb%3D&X=1&empty="

    def answer(asked):
        if asked.method == "POST":
            return Reply(202, headers=(("Location", f"/elsewhere?{signed}"),))
        return Reply({"HEAD": 404, "PUT": 201}.get(asked.method, 500))

    with stub(answer) as server:
        blob = source(tmp_path, b"content")
        upload.push(repository(server.host, "a/b"), blob)
    put = server.asked[-1]
    assert put.target == f"/elsewhere?{signed}&digest=sha256%3A{blob.digest.hex}"
    assert put.body == b"content"


@pytest.mark.usefixtures("small_parts")
def test_out_of_step_it_asks_and_goes_on_from_there(proxy, name, tmp_path):
    proxy.faults.append(Fault("^PATCH", nth=2, reply=Reply(416)))
    blob = source(tmp_path, os.urandom(3500))
    assert upload.push(repository(proxy.host, name), blob) is Sent.UPLOADED
    steps = [f"{each.method} {each.headers.get('Content-Range', '')}".strip() for each in proxy.asked[2:]]
    assert steps == [
        "PATCH 0-999",
        "PATCH 1000-1999",
        "GET",
        "PATCH 1000-1999",
        "PATCH 2000-2999",
        "PATCH 3000-3499",
        "PUT",
    ]


@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_never_gets_on_ends(tmp_path):
    """Each part is taken, and then there is nothing of it."""

    def answer(asked):
        begun = (("Location", "/session"), ("Range", "0-0"))
        first = asked.headers.get("Content-Range", "").startswith("0-")
        answers = {"HEAD": 404, "POST": 202, "GET": 204, "DELETE": 204, "PATCH": 202 if first else 416}
        return Reply(answers[asked.method], headers=begun)

    with stub(answer) as server, pytest.raises(RegistryError, match="416"):
        upload.push(repository(server.host, "a/b"), source(tmp_path, bytes(3000)))
    assert server.asked[-1].method == "DELETE"


@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_fails_is_called_off_at_the_registry(plain, proxy, name, tmp_path):
    before = sessions(plain.folder)
    proxy.faults.append(Fault("^PUT", reply=Reply(403), times=9))
    with pytest.raises(RegistryError):
        upload.push(repository(proxy.host, name), source(tmp_path, os.urandom(2500)))
    assert proxy.lines("^DELETE")
    assert sessions(plain.folder) == before


def test_a_blob_is_mounted_from_a_neighbour(plain, name, tmp_path):
    blob = source(tmp_path, os.urandom(5000))
    upload.push(repository(plain.host, f"{name}/a"), blob)
    with fault_proxy(plain.host) as proxy:
        how = upload.push(repository(proxy.host, f"{name}/b"), blob, mounts=[f"{name}/a"])
        assert how is Sent.MOUNTED
        assert len(proxy.asked) == 2
    assert stored(plain.host, f"{name}/b", blob.digest) == blob.path.read_bytes()


def test_a_mount_that_finds_nothing_becomes_an_upload(registry, name, tmp_path):
    blob = source(tmp_path, os.urandom(5000))
    with fault_proxy(registry.host) as proxy:
        how = upload.push(repository(proxy.host, name), blob, mounts=["tests/nobody"])
        assert (how, len(proxy.lines("^POST"))) == (Sent.UPLOADED, 1)
    assert stored(registry.host, name, blob.digest) == blob.path.read_bytes()


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_refused_mount_is_tried_without(proxy, name, tmp_path, status):
    proxy.faults.append(Fault("^POST .*mount=", reply=Reply(status)))
    blob = source(tmp_path, os.urandom(5000))
    assert upload.push(repository(proxy.host, name), blob, mounts=["tests/a"]) is Sent.UPLOADED
    assert [("mount" in line) for line in proxy.lines("^POST")] == [True, False]


@pytest.mark.parametrize("method", ["PUT .*/manifests/", "PUT .*/uploads/"])
def test_another_digest_in_the_answer_is_told(proxy, name, layout, method):
    proxy.faults.append(Fault(method, times=9, rewrite=rewriting("Docker-Content-Digest", lambda _: "sha256:0")))
    with pytest.raises(RegistryError, match="other content") as caught:
        push.push(image(layout).digest, layout, repository(proxy.host, name), tags=("1",))
    assert caught.value.code == "digest-mismatch"
    assert not any("/manifests/1" in line for line in proxy.lines("^PUT"))


def test_no_tag_moves_before_what_refers_to_it_is_there(proxy, name, layout):
    made = image(layout)
    about = referring_to(layout, made)
    proxy.faults.append(Fault(f"^PUT .*/manifests/{about.digest}", reply=Reply(403), times=9))
    where = repository(proxy.host, name)
    with pytest.raises(RegistryError, match="refuses"):
        push.push(made.digest, layout, where, tags=("1",), attached=[about])
    assert manifests.stands(where, str(made.digest), made.digest)
    assert not any("/manifests/1" in line for line in proxy.lines("^PUT"))


def test_what_refers_to_an_image_that_is_there_is_sent_once(proxy, name, layout):
    made = image(layout)
    about = referring_to(layout, made)
    where = repository(proxy.host, name)
    for _ in range(2):
        push.push(made.digest, layout, where, tags=("1",), attached=[about])
    assert len(proxy.lines(f"^PUT .*/manifests/{about.digest}")) == 1
    assert [each["digest"] for each in referrers.of(where, made.digest)] == [str(about.digest)]


def test_a_blob_that_is_begun_ahead_is_sent_once(proxy, name, layout):
    made = image(layout)
    where = repository(proxy.host, name)
    with push.Sender(where) as sender:
        sender.begin(manifests.parts(Manifest.read(layout.get(made.digest)).json())[1:], layout)
        pushed = push.push(made.digest, layout, where, tags=("1",), sender=sender)
    assert (pushed.uploaded, pushed.there) == (2, 0)
    assert len(proxy.lines("^PUT .*/uploads/")) == 2


def test_a_blob_that_is_another_one_is_not_there(proxy, name, tmp_path):
    blob = source(tmp_path, os.urandom(5000))
    upload.push(repository(proxy.host, name), blob)
    proxy.faults.append(Fault("^HEAD", times=9, rewrite=rewriting("Docker-Content-Digest", lambda _: "sha256:0")))
    with pytest.raises(RegistryError, match="other content"):
        upload.push(repository(proxy.host, name), blob)


def test_a_mount_of_another_blob_is_not_believed(proxy, name, tmp_path):
    blob = source(tmp_path, os.urandom(5000))
    mounted = Reply(201, headers=(("Docker-Content-Digest", "sha256:0"),))
    proxy.faults.append(Fault("^POST .*mount=", reply=mounted))
    assert upload.push(repository(proxy.host, name), blob, mounts=["tests/a"]) is Sent.UPLOADED


@pytest.mark.parametrize("least", ["9" * 5000, "²", "-1", "many"])
def test_a_least_length_beyond_all_measure_is_passed_over(proxy, name, tmp_path, least):
    proxy.faults.append(Fault("^POST", rewrite=rewriting("OCI-Chunk-Min-Length", lambda _: least)))
    assert upload.push(repository(proxy.host, name), source(tmp_path, b"content")) is Sent.UPLOADED


def test_content_that_is_not_what_its_name_says_is_told(plain, name, tmp_path):
    blob = source(tmp_path, b"content")
    blob.path.write_bytes(b"CONTENT")
    with pytest.raises(RegistryError) as caught:
        upload.push(repository(plain.host, name), blob)
    assert "DIGEST_INVALID" in caught.value.cause
    assert "build the image again" in caught.value.remedy


def test_a_file_that_is_too_short_is_told(plain, name, tmp_path):
    blob = source(tmp_path, b"content" * 1000)
    blob.path.write_bytes(b"content")
    with pytest.raises(StateError, match="shorter"):
        upload.push(repository(plain.host, name), blob)


def test_a_blob_that_is_missing_here_is_told(plain, name, layout):
    made = image(layout)
    layout.blob(Digest.parse(json.loads(layout.get(made.digest))["layers"][0]["digest"])).unlink()
    with pytest.raises(StateError, match="missing"):
        push.push(made.digest, layout, repository(plain.host, name), tags=("1",))


def test_a_location_that_is_missing_is_told(proxy, name, tmp_path):
    proxy.faults.append(Fault("^POST", rewrite=rewriting("Location", lambda _: None)))
    with pytest.raises(RegistryError, match="does not say where"):
        upload.push(repository(proxy.host, name), source(tmp_path, b"x"))


def test_a_manifest_keeps_its_bytes(plain, name, tmp_path):
    """However it is written: spaces, order, letters escaped or not."""
    layout = Layout(tmp_path / "odd")
    config = put_json(layout, {}, "application/vnd.oci.empty.v1+json")
    parts = f'"layers" : [ ],"config":{json.dumps(config.json())}'
    odd = f'{{ {parts},\n "annotations":{{"é":"\\u00e9"}} ,"schemaVersion":2}}\n'
    made = layout.put(odd.encode(), manifests.MANIFEST)
    push.push(made.digest, layout, repository(plain.host, name), tags=("1",))
    assert manifests.get(repository(plain.host, name), "1").content == odd.encode()


def test_progress_adds_up(plain, name, layout):
    told = []
    made = image(layout, os.urandom(200_000), os.urandom(300_000))
    push.push(made.digest, layout, repository(plain.host, name), report=told.append)
    assert {each.what for each in told} == {"push"}
    assert told[-1].done == told[-1].total > 500_000


@pytest.mark.usefixtures("small_parts")
def test_an_upload_is_called_off_where_it_stands(plain, proxy, name, tmp_path):
    """By the last Location: the registry does not know the first one any more."""
    before = sessions(plain.folder)
    proxy.faults.append(Fault("^PATCH", nth=3, reply=Reply(403)))
    with pytest.raises(RegistryError):
        upload.push(repository(proxy.host, name), source(tmp_path, os.urandom(2500)))
    assert sessions(plain.folder) == before


def test_the_first_error_ends_what_has_not_begun():
    """Three are busy as long as the fourth has work left."""
    last, done = threading.Event(), []

    def task(number: int) -> None:
        if number < 3:
            last.wait(2)
        elif number == 3:
            raise RegistryError("no")
        else:
            time.sleep(0.02)
            done.append(number)
            if number == 40:
                last.set()

    with pytest.raises(RegistryError, match="no"), Transfers("push") as transfers:
        transfers.each(task, range(41))
    assert 40 not in done


def test_what_is_under_way_stops_where_something_else_fails():
    """The one that drips is told to stop; that nobody waits for it shows by its never ending by itself."""
    stopped, dripping = threading.Event(), threading.Event()

    def drip(told: Told) -> None:
        for at in range(10**9):
            dripping.set()
            try:
                told(at)
            except StoppedError:
                stopped.set()
                raise

    def refuse() -> None:
        dripping.wait(10)
        raise RegistryError("no")

    with pytest.raises(RegistryError, match="no"), Transfers("push") as transfers:
        results([transfers.move(Digest(f"sha256:{'0' * 64}"), 10**9, drip), transfers.do(refuse)])
    assert stopped.wait(10)


def test_nobody_waits_for_what_hangs_when_all_is_stopped():
    hanging = threading.Event()
    with contextlib.suppress(KeyboardInterrupt), Transfers("pull") as transfers:
        transfers.do(hanging.wait)
        raise KeyboardInterrupt
    assert not hanging.is_set()
    hanging.set()
