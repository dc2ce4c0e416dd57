"""What refers to a manifest: SBOMs, provenance, signatures (distribution-spec, "Listing Referrers" and "Enabling").

A registry that does not keep that list has it in an index under the tag ALGORITHM-HEX, which clients keep themselves.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pushlive.model.errors import RegistryError
from pushlive.model.image import INDEX, Digest
from pushlive.registry import errors, locations, manifests
from pushlive.registry.answers import Answer
from pushlive.registry.manifests import Manifest
from pushlive.registry.repository import Repository

Each = Callable[[Callable[[Manifest], bool], Sequence[Manifest]], Sequence[bool]]

_UNKNOWN = 404
_PAGES = 1000
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next\b', re.IGNORECASE)


def attach(repository: Repository, *made: Manifest, each: Each = lambda task, items: list(map(task, items))) -> None:
    """Push manifests with a `subject`, and see that they are found from there. Their blobs have to be there.

    `each` does a task for several at once.
    """
    listed = each(lambda one: manifests.put(repository, one, str(one.digest)), made)
    unlisted = [one for one, known in zip(made, listed, strict=True) if not known]
    for subject in dict.fromkeys(one.subject for one in unlisted):
        _enter(repository, subject, [one for one in unlisted if one.subject == subject])


def of(repository: Repository, subject: Digest) -> tuple[dict[str, Any], ...]:
    """The descriptors of all that refers to `subject`, with their artifactType and annotations."""
    url = repository.referrers(subject)
    found: list[dict[str, Any]] = []
    for _ in range(_PAGES):
        answer = repository.transport.ask(
            "GET", url, scopes=repository.pulling, expected={200, 404}, headers={"Accept": INDEX}
        )
        if answer.status == _UNKNOWN:
            return tuple(_listed(repository, subject))
        found += manifests.entries(Manifest(INDEX, answer.body).json())
        if not (following := _next(answer)):
            return tuple(found)
        url = following
    raise RegistryError(
        f"the registry's list of what refers to {subject} does not end",
        where=repository.transport.absolute(repository.referrers(subject)),
        remedy="The registry is broken: tell its owner.",
    )


def entry(manifest: Manifest) -> dict[str, Any]:
    """What a list of referrers says of one: its descriptor, its artifactType and its annotations."""
    plain = manifest.json()
    kind = plain.get("artifactType") or plain.get("config", {}).get("mediaType")
    more = {"artifactType": kind, "annotations": plain.get("annotations")}
    return manifest.descriptor.json() | {name: value for name, value in more.items() if value}


def merged(listed: Sequence[Mapping[str, Any]], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The list with one more, once only."""
    return [dict(each) for each in listed if each.get("digest") != new["digest"]] + [dict(new)]


def _next(answer: Answer) -> str | None:
    """Where the list goes on (RFC 5988, as the specification has it)."""
    found = _NEXT.search(answer.headers.get("Link", ""))
    return locations.followed(answer.url, found[1]) if found else None


def _enter(repository: Repository, subject: Digest, made: Sequence[Manifest]) -> None:
    entries = _listed(repository, subject)
    for each in made:
        entries = merged(entries, entry(each))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    manifests.put(repository, Manifest(INDEX, json.dumps(index, separators=(",", ":")).encode()), _tag(subject))


def _listed(repository: Repository, subject: Digest) -> list[dict[str, Any]]:
    try:
        found = manifests.get(repository, _tag(subject))
    except RegistryError as error:
        if error.code in {"manifest_unknown", "name_unknown", errors.NOT_FOUND}:
            return []
        raise
    return manifests.entries(found.json())


def _tag(subject: Digest) -> str:
    return f"sha256-{subject.hex}"
