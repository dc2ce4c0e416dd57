"""Pull: distribution-spec, "Pulling", and what registries that are broken or not honest send."""

import hashlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from pushlive.image.layout import Layout
from pushlive.model.errors import MachineError, RegistryError, StateError
from pushlive.model.image import MANIFEST, Descriptor, Platform
from pushlive.registry import download, manifests, pull, push
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository
from tests.registry.images import AMD64, LAYER, digest_of, image, index, pulled, repository
from tests.servers.fault_proxy import Fault, fault_proxy, rewriting
from tests.servers.registry_stub import Reply, stub

CONTENT = os.urandom(300_000)
BLOB = Descriptor(LAYER, digest_of(CONTENT), len(CONTENT))


@pytest.fixture
def there(plain, name, layout):
    """A repository of distribution's registry with CONTENT in it."""
    push.push(image(layout, CONTENT).digest, layout, repository(plain.host, name), tags=("1",))
    return name


def fetched(host: str, store: Layout, blob: Descriptor = BLOB, name: str = "a/b") -> None:
    download.fetch(repository(host, name), blob, store)


def leftovers(store: Layout) -> list[str]:
    return sorted(each.name for each in store.path.glob("blobs/sha256/*"))


@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("variant", ["", "v8"])
def test_the_image_for_the_platform_is_pulled(registry, name, layout, other, docker, variant):
    arm = Platform("linux", "arm64", variant)
    images = [image(layout, platform=each, docker=docker) for each in (AMD64, arm)]
    offers = [(images[0], Platform("unknown", "unknown")), *zip(images, (AMD64, arm), strict=True)]
    top = index(layout, offers, docker=docker)
    push.push(top.digest, layout, repository(registry.host, name), tags=("1",))
    found = pulled(repository(registry.host, name), other, Platform("linux", "arm64"))
    assert (found.named, found.image.digest) == (top.digest, images[1].digest)
    assert json.loads(other.get(found.config.digest))["architecture"] == "arm64"
    assert [other.has(each.digest) for each in found.layers] == [True]


def test_we_say_what_we_can_read(proxy, there):
    manifests.get(repository(proxy.host, there), "1")
    accepted = proxy.asked[-1].headers["Accept"].split(", ")
    assert sorted(accepted) == sorted([*manifests.INDEXES, MANIFEST, manifests.DOCKER_MANIFEST])


def test_what_is_held_by_a_digest_and_is_here_needs_no_registry(layout):
    made = image(layout)
    nowhere = Repository(Reference("localhost:1", "a/b", digest=made.digest))
    assert pull.resolve(nowhere, AMD64, layout).image.digest == made.digest


@pytest.mark.parametrize(
    ("offered", "wanted", "found"),
    [
        (["linux/amd64", "linux/arm64"], "linux/amd64", "linux/amd64"),
        (["linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"),
        (["linux/arm64"], "linux/arm64/v8", "linux/arm64"),
        (["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v7"),
        (["linux/arm/v5", "linux/arm/v7"], "linux/arm", "linux/arm/v7"),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"),
        (["linux/arm/v7", "linux/arm/v5"], "linux/arm/v6", "linux/arm/v5"),
        (["linux/arm/v7"], "linux/arm/v6", None),
        (["linux/amd64/v3", "linux/amd64"], "linux/amd64", "linux/amd64"),
        (["linux/amd64/v3", "linux/amd64"], "linux/amd64/v4", "linux/amd64/v3"),
        (["linux/amd64/v3"], "linux/amd64", None),
        (["linux/arm64/v9"], "linux/arm64", None),
        (["linux/arm64/v8.2"], "linux/arm64/v9", "linux/arm64/v8.2"),
        (["linux/mips/odd"], "linux/mips/odd", "linux/mips/odd"),
        (["linux/amd64/odd"], "linux/amd64", None),
        (["windows/amd64", "unknown/unknown"], "linux/amd64", None),
        (["linux/s390x"], "linux/s390x", "linux/s390x"),
        ([], "linux/amd64", None),
    ],
)
def test_choice(offered, wanted, found):
    def plain(text: str) -> dict:
        return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))

    entries = [Descriptor(MANIFEST, digest_of(each.encode()), 1).json() | {"platform": plain(each)} for each in offered]
    entries.append(Descriptor(MANIFEST, digest_of(b"none"), 1).json())
    platform = Platform(*wanted.split("/"))
    if found:
        assert manifests.choose({"manifests": entries}, platform).digest == digest_of(found.encode())
        return
    with pytest.raises(RegistryError, match=f"no image for {wanted}") as caught:
        manifests.choose({"manifests": entries}, platform)
    known = [each for each in offered if "unknown" not in each]
    assert caught.value.evidence == (f"there are: {', '.join(known) or 'none'}",)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b"{" * 100_000,
        b'{"config":{},"layers":[]}',
        b'{"layers":[]}',
        b'{"config":{},"layers":{}}',
        b'{"config":1,"layers":[]}',
        b'{"config":{"mediaType":"a","digest":"sha256:0","size":1},"layers":[]}',
        b'{"config":{"mediaType":"a","digest":"sha256:%s","size":-1},"layers":[]}' % (b"0" * 64),
        b'{"config":{"mediaType":"a","digest":"sha256:%s","size":1e999},"layers":[]}' % (b"0" * 64),
        b'{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
    ],
)
def test_a_manifest_of_nonsense_is_told(other, body):
    headers = (("Content-Type", MANIFEST),)
    with stub(lambda _: Reply(200, body, headers)) as server, pytest.raises(RegistryError, match="damaged"):
        pulled(repository(server.host, "a/b"), other)


@pytest.mark.parametrize("entry", [b"3", b'{"platform":{"os":"linux","architecture":"amd64"}}'])
def test_an_index_of_nonsense_is_told(other, entry):
    body, headers = b'{"manifests":[%s]}' % entry, (("Content-Type", manifests.INDEX),)
    with stub(lambda _: Reply(200, body, headers)) as server, pytest.raises(RegistryError, match="damaged"):
        pulled(repository(server.host, "a/b"), other)


def test_an_index_in_an_index_is_no_image(other):
    inner = b'{"manifests":[]}'
    entry = Descriptor(manifests.INDEX, digest_of(inner), len(inner)).json()
    outer = json.dumps({"manifests": [entry | {"platform": {"os": "linux", "architecture": "amd64"}}]}).encode()

    def answer(asked):
        return Reply(200, inner if "sha256" in asked.target else outer, (("Content-Type", manifests.INDEX),))

    with stub(answer) as server, pytest.raises(RegistryError, match="config and the layers"):
        pulled(repository(server.host, "a/b"), other)


@pytest.mark.parametrize("kind", ["application/vnd.docker.distribution.manifest.v1+prettyjws", "text/html", ""])
def test_another_kind_is_told(kind):
    with stub(lambda _: Reply(200, b"{}", (("Content-Type", kind),))) as server:  # noqa: SIM117
        with pytest.raises(RegistryError, match="cannot be used"):
            manifests.get(repository(server.host, "a/b"), "1")


def test_a_kind_that_is_only_json_is_what_the_manifest_says(proxy, there):
    proxy.faults.append(Fault("^GET", rewrite=rewriting("Content-Type", lambda _: "application/json")))
    assert manifests.get(repository(proxy.host, there), "1").media_type == MANIFEST


def test_a_kind_that_is_two_kinds_is_refused(proxy, there):
    proxy.faults.append(Fault("^GET", rewrite=rewriting("Content-Type", lambda _: manifests.INDEX)))
    with pytest.raises(RegistryError, match="calls itself"):
        manifests.get(repository(proxy.host, there), "1")


def test_a_manifest_of_another_digest_is_refused(there, plain):
    wanted = str(digest_of(b"wanted"))
    found = manifests.get(repository(plain.host, there), "1")
    with stub(lambda _: Reply(200, found.content, (("Content-Type", MANIFEST),))) as server:  # noqa: SIM117
        with pytest.raises(RegistryError, match="other content") as caught:
            manifests.get(repository(server.host, "a/b"), wanted)
    assert caught.value.evidence == (f"wanted: {wanted}",)


def test_a_tag_whose_header_names_another_digest_is_refused(proxy, there):
    proxy.faults.append(Fault("^GET", rewrite=rewriting("Docker-Content-Digest", lambda _: str(digest_of(b"")))))
    with pytest.raises(RegistryError, match="other content"):
        manifests.get(repository(proxy.host, there), "1")


def test_an_answer_beyond_four_mebibytes_is_refused():
    with stub(lambda _: Reply(200, bytes(5_000_000))) as server, pytest.raises(RegistryError, match="4 MiB") as caught:
        manifests.get(repository(server.host, "a/b"), "1")
    assert server.host in caught.value.where


def test_what_is_not_there_is_told(registry, name):
    with pytest.raises(RegistryError) as caught:
        manifests.get(repository(registry.host, name), "1")
    assert caught.value.code in {"manifest_unknown", "name_unknown"}
    assert registry.host in caught.value.cause
    assert caught.value.remedy


def test_a_blob_that_is_not_there_is_told_with_its_host(registry, name, other):
    with pytest.raises(RegistryError) as caught:
        fetched(registry.host, other, name=name)
    assert registry.host in caught.value.cause
    assert str(BLOB.digest) in caught.value.where


def test_a_refusal_that_is_cut_is_asked_for_again(proxy, name, other):
    fault = Fault("^GET .*/blobs/", cut_answer=3)
    proxy.faults.append(fault)
    with pytest.raises(RegistryError, match="refuses") as caught:
        fetched(proxy.host, other, name=name)
    assert fault.struck, caught.value


def test_a_byte_that_is_wrong_is_refused(other):
    with stub(lambda _: Reply(200, b"x" + CONTENT[1:])) as server, pytest.raises(RegistryError, match="other content"):
        fetched(server.host, other)
    assert leftovers(other) == [f".part-{BLOB.digest.hex}.lock"]


def test_a_blob_that_is_longer_is_refused(other):
    with stub(lambda _: Reply(200, CONTENT + b"x")) as server, pytest.raises(RegistryError, match="more than the"):
        fetched(server.host, other)
    assert not other.has(BLOB.digest)


def test_a_blob_that_is_shorter_is_refused_at_once(other):
    with stub(lambda _: Reply(200, CONTENT[:-1])) as server, pytest.raises(RegistryError, match="299999 bytes"):
        fetched(server.host, other)
    assert len([each for each in server.asked if "blobs" in each.target]) == 1


@pytest.mark.parametrize("length", [-1, 300_000])
def test_a_blob_that_is_always_cut_ends(other, length):
    """With the length that was promised, and without one."""

    def answer(asked):
        return Reply(416) if "Range" in asked.headers else Reply(200, CONTENT[:1000], length=length)

    with stub(answer) as server, pytest.raises(RegistryError, match=r"stops at|cannot be reached"):
        fetched(server.host, other)
    assert len(server.asked) < 20


@pytest.mark.parametrize("answered", ["rest", "whole", "beyond", "elsewhere"])
def test_a_cut_blob_goes_on_whatever_the_registry_makes_of_ranges(other, answered):
    def rest(asked):
        start = int(asked.headers["Range"].removeprefix("bytes=").rstrip("-"))
        where = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        wrong = f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"
        return {
            "rest": Reply(206, CONTENT[start:], (("Content-Range", where),)),
            "whole": Reply(200, CONTENT),
            "beyond": Reply(416),
            "elsewhere": Reply(206, CONTENT[5:], (("Content-Range", wrong),)),
        }[answered]

    def answer(asked):
        blobs = [each for each in server.asked if "/blobs/" in each.target]
        if "Range" in asked.headers:
            return rest(asked)
        return Reply(200, CONTENT[:100_000], length=len(CONTENT)) if len(blobs) == 1 else Reply(200, CONTENT)

    with stub(answer) as server:
        fetched(server.host, other)
    assert other.get(BLOB.digest) == CONTENT
    ranges = [each.headers.get("Range") for each in server.asked if "/blobs/" in each.target]
    assert ranges == [None, "bytes=100000-", None] if answered in {"beyond", "elsewhere"} else [None, "bytes=100000-"]


def test_a_part_of_an_earlier_run_is_gone_on_with(proxy, there, other):
    other.partial(BLOB.digest).write_bytes(CONTENT[:200_000])
    fetched(proxy.host, other, name=there)
    assert other.get(BLOB.digest) == CONTENT
    assert [each.headers.get("Range") for each in proxy.asked if "/blobs/" in each.target] == ["bytes=200000-"]


@pytest.mark.parametrize("part", [b"wrong" * 40_000, bytes(300_000), bytes(400_000)], ids=["short", "whole", "long"])
def test_a_part_that_is_wrong_is_fetched_anew(plain, there, other, part):
    other.partial(BLOB.digest).write_bytes(part)
    fetched(plain.host, other, name=there)
    assert other.get(BLOB.digest) == CONTENT
    assert leftovers(other) == [BLOB.digest.hex]


def test_an_empty_blob(plain, name, layout, other):
    made = image(layout, b"")
    push.push(made.digest, layout, repository(plain.host, name), tags=("1",))
    found = pulled(repository(plain.host, name), other)
    assert other.get(found.layers[0].digest) == b""


def test_a_layer_that_stands_twice_is_fetched_once(proxy, name, layout, other):
    push.push(image(layout, CONTENT, b"x", CONTENT).digest, layout, repository(proxy.host, name), tags=("1",))
    proxy.asked.clear()
    pulled(repository(proxy.host, name), other)
    assert len([each for each in proxy.asked if str(BLOB.digest) in each.target]) == 1


def test_two_at_once_fetch_once(proxy, there, other):
    """Two ways to the registry, as two processes have them: locks are the files', not the threads'."""
    proxy.faults.append(Fault("^GET .*/blobs/", cut_answer=1000, times=3))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: fetched(proxy.host, other, name=there), range(2)))
    assert other.get(BLOB.digest) == CONTENT
    assert len(proxy.lines("^GET .*/blobs/")) == 4
    assert leftovers(other) == [BLOB.digest.hex]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_full_disk_is_told_and_gone_on_with(plain, there, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", disk], check=False).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        small = Layout(disk)
        with pytest.raises(MachineError, match="no space left") as caught:
            fetched(plain.host, small, name=there)
        assert str(disk) in caught.value.where
        assert not small.has(BLOB.digest)
        assert small.partial(BLOB.digest).stat().st_size > 0
        subprocess.run(["mount", "-o", "remount,size=2m", disk], check=True)
        fetched(plain.host, small, name=there)
        assert hashlib.sha256(small.blob(BLOB.digest).read_bytes()).hexdigest() == BLOB.digest.hex
    finally:
        subprocess.run(["umount", disk], check=True)


def test_what_cannot_be_written_is_told(plain, there, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="file"):
        fetched(plain.host, Layout(tmp_path / "file" / "layout"), name=there)


def test_a_blob_lies_in_a_store_on_another_host(there, plain, other, log_in):
    def store(asked):
        return Reply(200, CONTENT)

    with stub(store) as far, fault_proxy(plain.host) as proxy:
        location = f"http://127.0.0.1:{far.host.rpartition(':')[2]}/blob?signature=x"
        proxy.faults.append(Fault("^GET .*/blobs/", reply=Reply(307, headers=(("Location", location),))))
        fetched(proxy.host, other, name=there)
    assert other.get(BLOB.digest) == CONTENT
    assert far.asked[0].target == "/blob?signature=x"


def test_a_circle_of_redirects_is_told(other):
    with stub(lambda asked: Reply(302, headers=(("Location", asked.target),))) as server:  # noqa: SIM117
        with pytest.raises(RegistryError, match="circle"):
            fetched(server.host, other)
