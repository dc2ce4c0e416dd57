"""What is attached to an image."""

import json
from datetime import UTC, datetime

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from msgspec import structs

from pushlive.image import attestations
from pushlive.image.attestations import Made
from pushlive.model.image import MANIFEST, Descriptor, Digest, Platform
from pushlive.model.source import Revision
from tests.image.test_base import base_of

IMAGE = Digest(f"sha256:{'1' * 64}")
COMMITTED = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
MADE = Made(
    "ghcr.io/me/site",
    IMAGE,
    Revision("a" * 40, "a change\n", COMMITTED),
    (("Django", "5.2.1"), ("zope.interface", "7.0+local.1")),
    "3.13",
    base_of(),
    {"requirements.txt": "2" * 64},
)


def test_the_sbom_names_every_package_and_the_base():
    found = json.loads(attestations.sbom(MADE))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert [each["purl"].partition("?")[0] for each in found["components"]] == [
        "pkg:pypi/django@5.2.1",
        "pkg:pypi/zope-interface@7.0%2Blocal.1",
        f"pkg:oci/python@sha256%3A{'e' * 64}",
    ]
    assert found["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]
    assert found["dependencies"][0]["dependsOn"] == [each["bom-ref"] for each in found["components"]]


def test_the_sbom_is_one_by_the_published_schema():
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(attestations.sbom(MADE).decode()) is None


def test_the_provenance_is_about_the_image_and_names_the_commit_the_base_and_the_locks():
    found = json.loads(attestations.provenance(MADE))
    assert found["subject"] == [{"name": "ghcr.io/me/site", "digest": {"sha256": "1" * 64}}]
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    source, base, lock = found["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["digest"] == {"gitCommit": "a" * 40}
    assert base["digest"] == {"sha256": "e" * 64}
    assert lock == {"uri": "requirements.txt", "digest": {"sha256": "2" * 64}}


def test_the_provenance_of_an_index_is_about_the_index_and_names_every_base():
    arm = structs.replace(MADE.base, platform=Platform("linux", "arm64"), digest=Digest(f"sha256:{'9' * 64}"))
    images = [MADE, structs.replace(MADE, digest=Digest(f"sha256:{'4' * 64}"), base=arm)]
    found = json.loads(attestations.provenance_of_index(Digest(f"sha256:{'5' * 64}"), images))
    assert found["subject"] == [{"name": "ghcr.io/me/site", "digest": {"sha256": "5" * 64}}]
    definition = found["predicate"]["buildDefinition"]
    used = [(each["uri"].rpartition("&")[2], *each["digest"].values()) for each in definition["resolvedDependencies"]]
    assert used == [
        (f"git+revision:{'a' * 40}", "a" * 40),
        ("arch=amd64", "e" * 64),
        ("arch=arm64", "9" * 64),
        ("requirements.txt", "2" * 64),
    ]
    assert definition["internalParameters"]["python"] == "3.13"


def test_the_same_build_attaches_the_same_bytes():
    assert attestations.sbom(MADE) == attestations.sbom(MADE)
    assert attestations.provenance(MADE) == attestations.provenance(MADE)


def test_what_is_attached_says_what_it_is_and_to_what():
    subject = Descriptor(MANIFEST, IMAGE, 700)
    blob, empty = Descriptor(attestations.IN_TOTO, Digest(f"sha256:{'3' * 64}"), 9), Descriptor("x", IMAGE, 2)
    found = json.loads(attestations.artifact(attestations.IN_TOTO, blob, empty, subject, COMMITTED))
    assert found["artifactType"] == attestations.IN_TOTO
    assert found["subject"] == subject.json()
    assert found["layers"][0]["annotations"] == {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}
    assert found["annotations"]["org.opencontainers.image.created"] == "2026-03-01T12:30:00Z"
