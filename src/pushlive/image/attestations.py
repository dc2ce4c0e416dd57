"""What is attached to an image in a registry: what is in it (CycloneDX 1.6), and how it was made (SLSA provenance 1.0).

Both say nothing of the moment and the machine they were made on, so that the same build attaches the same bytes. Pure.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct

from pushlive import __version__
from pushlive.config.packages import canonical as canonical_name
from pushlive.image.base import Base
from pushlive.image.layout import canonical
from pushlive.model.image import MANIFEST, Descriptor, Digest
from pushlive.model.source import Revision

CYCLONEDX = "application/vnd.cyclonedx+json"
IN_TOTO = "application/vnd.in-toto+json"
EMPTY = "application/vnd.oci.empty.v1+json"
"""The kind of a configuration that there is none of (image-spec, manifest.md, guidelines for artifact usage)."""

NOTHING = b"{}"

_STATEMENT = "https://in-toto.io/Statement/v1"
_PROVENANCE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:pushlive:build:v1"
_BUILDER = "urn:pushlive:builder"
_NAMESPACE = uuid.UUID("6f0f7a1e-7d5c-5d0b-9b63-2b1f3b0a5c11")
_PREDICATE = "in-toto.io/predicate-type"


class Made(Struct, frozen=True):
    """An image, and what went into it. `name` is its repository; `locks` are the sha256 of files that name packages."""

    name: str
    digest: Digest
    revision: Revision
    packages: Sequence[tuple[str, str]]
    python: str
    base: Base
    locks: Mapping[str, str]


def sbom(made: Made) -> bytes:
    """The packages of an image, as a CycloneDX document."""
    top = {
        "type": "container",
        "name": made.name,
        "version": str(made.digest),
        "bom-ref": "image",
        "hashes": [{"alg": "SHA-256", "content": made.digest.hex}],
    }
    found = [*(_component(name, version) for name, version in made.packages), _ground(made.base)]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, str(made.digest))}",
        "version": 1,
        "metadata": {
            "timestamp": _time(made.revision.committed),
            "tools": {"components": [{"type": "application", "name": "pushlive", "version": __version__}]},
            "component": top,
        },
        "components": found,
        "dependencies": [{"ref": "image", "dependsOn": [each["bom-ref"] for each in found]}],
    }
    return canonical(document)


def provenance(made: Made) -> bytes:
    """How an image came to be, as an in-toto statement."""
    return _statement(made.digest, [made])


def provenance_of_index(digest: Digest, images: Sequence[Made]) -> bytes:
    """How an index came to be: in the build that made its images. What is in each of them, only its own SBOM says."""
    return _statement(digest, images)


def _statement(digest: Digest, images: Sequence[Made]) -> bytes:
    first = images[0]
    source = {"uri": f"git+revision:{first.revision.sha}", "digest": {"gitCommit": first.revision.sha}}
    bases = {_oci(each.base): each.base.digest.hex for each in images}
    locks = {name: sha256 for each in images for name, sha256 in sorted(each.locks.items())}
    files = [{"uri": uri, "digest": {"sha256": sha256}} for uri, sha256 in (*bases.items(), *locks.items())]
    pythons = ", ".join(dict.fromkeys(each.python for each in images))
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": first.name, "digest": {"sha256": digest.hex}}],
        "predicateType": _PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"revision": first.revision.sha, "base": first.base.name},
                "internalParameters": {"python": pythons, "pushlive": __version__},
                "resolvedDependencies": [source, *files],
            },
            "runDetails": {"builder": {"id": _BUILDER, "version": {"pushlive": __version__}}},
        },
    }
    return canonical(statement)


def artifact(kind: str, blob: Descriptor, empty: Descriptor, subject: Descriptor, created: datetime) -> bytes:
    """The manifest that attaches the document in `blob` to the image `subject`; `empty` is where NOTHING is."""
    told = {_PREDICATE: _PROVENANCE} if kind == IN_TOTO else {}
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": empty.json(),
            "layers": [blob.json(told)],
            "subject": subject.json(),
            "annotations": {"org.opencontainers.image.created": _time(created), **told},
        }
    )


def _component(name: str, version: str) -> dict[str, Any]:
    url = f"pkg:pypi/{canonical_name(name)}@{quote(version, safe='.')}"
    return {"type": "library", "name": canonical_name(name), "version": version, "purl": url, "bom-ref": url}


def _ground(base: Base) -> dict[str, Any]:
    return {
        "type": "container",
        "name": base.name,
        "version": str(base.digest),
        "purl": _oci(base),
        "bom-ref": _oci(base),
        "hashes": [{"alg": "SHA-256", "content": base.digest.hex}],
    }


def _oci(base: Base) -> str:
    """The package URL of an image (purl-spec, type oci)."""
    name, at, _ = base.name.partition("@")
    name, _, tag = (name, "", "") if at else name.rpartition(":")
    more = urlencode({"repository_url": name, **({"tag": tag} if tag else {}), "arch": base.platform.architecture})
    return f"pkg:oci/{name.rpartition('/')[2]}@{quote(str(base.digest), safe='')}?{more}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
