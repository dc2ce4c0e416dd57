"""Referrers: distribution-spec, "Listing Referrers", "Pushing Manifests with Subject", "Referrers Tag Schema"."""

import json

import pytest

from pushlive.model.errors import RegistryError
from pushlive.model.image import INDEX, MANIFEST
from pushlive.registry import manifests, push, referrers
from pushlive.registry.manifests import Manifest
from tests.registry.images import image, put_json, repository
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.registry_stub import Reply, stub

EMPTY = "application/vnd.oci.empty.v1+json"
SBOM = "application/spdx+json"
HTML = (("Content-Type", "text/html; charset=utf-8"),)


@pytest.fixture
def subject(registry, name, layout):
    """An image that is there, and the way to it."""
    made = image(layout)
    where = repository(registry.host, name)
    push.push(made.digest, layout, where, tags=("1",))
    return made, where


def attachment(layout, subject, where, **more) -> Manifest:
    """Something about an image, its blobs pushed."""
    empty = put_json(layout, {}, EMPTY)
    plain = {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty.json(), "layers": [empty.json()]}
    manifest = put_json(layout, plain | {"subject": subject.json()} | more, MANIFEST)
    without = put_json(layout, plain, MANIFEST)
    push.push(without.digest, layout, where)
    return Manifest(MANIFEST, layout.get(manifest.digest))


def test_what_was_attached_is_found(subject, layout):
    made, where = subject
    assert referrers.of(where, made.digest) == ()
    first = attachment(layout, made, where, artifactType=SBOM, annotations={"made.by": "tests"})
    second = attachment(layout, made, where, annotations={"number": "2"})
    referrers.attach(where, first)
    referrers.attach(where, second)
    found = {each["digest"]: each for each in referrers.of(where, made.digest)}
    assert set(found) == {str(first.digest), str(second.digest)}
    entry = found[str(first.digest)]
    assert (entry["artifactType"], entry["mediaType"], entry["size"]) == (SBOM, MANIFEST, len(first.content))
    assert found[str(second.digest)]["artifactType"] == EMPTY, "the config's type stands in"


def test_where_the_registry_keeps_no_list_a_tag_does(plain, name, layout):
    made = image(layout)
    where = repository(plain.host, name)
    push.push(made.digest, layout, where)
    first = attachment(layout, made, where, artifactType=SBOM, annotations={"made.by": "tests"})
    second = attachment(layout, made, where, artifactType="b")
    for each in (first, second, first):
        referrers.attach(where, each)
    kept = manifests.get(where, f"sha256-{made.digest.hex}")
    assert kept.media_type == INDEX
    entries = json.loads(kept.content)["manifests"]
    assert [each["digest"] for each in entries] == [str(first.digest), str(second.digest)], "once each"
    assert entries[0]["annotations"] == {"made.by": "tests"}
    assert entries[0]["artifactType"] == SBOM
    assert len(referrers.of(where, made.digest)) == 2


def test_the_list_goes_on_over_pages(layout):
    made = image(layout)
    entries = [{"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": 1} for number in range(3)]

    def answer(asked):
        number = int(dict(asked.query).get("n", 0))
        following = f'</v2/a/b/referrers/x?n={number + 1}>; rel="next"' if number < 2 else ""
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entries[number]]}).encode()
        return Reply(200, body, (("Link", following), ("Content-Type", INDEX)))

    with stub(answer) as server:
        assert list(referrers.of(repository(server.host, "a/b"), made.digest)) == entries


def test_a_list_without_end_ends(layout, monkeypatch):
    monkeypatch.setattr(referrers, "_PAGES", 3)
    loop = Reply(200, b'{"manifests":[]}', (("Link", '</v2/a/b/referrers/x>; rel="next"'),))
    with stub(lambda _: loop) as server, pytest.raises(RegistryError, match="does not end"):
        referrers.of(repository(server.host, "a/b"), image(layout).digest)
    assert len([each for each in server.asked if "referrers" in each.target]) == 3


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"manifests":3}', b'{"manifests":[3]}', b"[" * 100_000])
def test_a_list_of_nonsense_is_told(layout, body):
    with stub(lambda _: Reply(200, body)) as server, pytest.raises(RegistryError, match="damaged"):
        referrers.of(repository(server.host, "a/b"), image(layout).digest)


@pytest.mark.parametrize("body", [b"", b"404 page not found", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'])
def test_no_list_and_no_tag_is_nothing(layout, body):
    with stub(lambda _: Reply(404, body)) as server:
        assert referrers.of(repository(server.host, "a/b"), image(layout).digest) == ()


def test_another_refusal_is_not_taken_for_an_empty_list(layout):
    """A list that is written anew from nothing would lose what it had."""

    def answer(asked):
        return Reply(404) if "/referrers/" in asked.target else Reply(403)

    with stub(answer) as server, pytest.raises(RegistryError, match="403"):
        referrers.of(repository(server.host, "a/b"), image(layout).digest)


@pytest.mark.parametrize("kept_away", [Reply(400), Reply(405), Reply(406), Reply(501), Reply(200, b"<html>", HTML)])
def test_registries_that_never_heard_of_referrers_have_a_tag_for_them(plain, name, layout, kept_away):
    with fault_proxy(plain.host, [Fault("/referrers/", reply=kept_away, times=9)]) as proxy:
        where = repository(proxy.host, name)
        made = image(layout)
        push.push(made.digest, layout, where)
        first = attachment(layout, made, where, artifactType=SBOM)
        referrers.attach(where, first)
        assert [each["digest"] for each in referrers.of(where, made.digest)] == [str(first.digest)]
