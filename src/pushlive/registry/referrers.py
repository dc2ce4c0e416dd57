"""What refers to a manifest: SBOMs, provenance, signatures (distribution-spec, "Listing Referrers" and "Enabling").

A registry that does not keep that list has it in an index under the tag ALGORITHM-HEX, which clients keep themselves.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from pushlive.model.errors import RegistryError
from pushlive.model.image import INDEX, Digest
from pushlive.registry import errors, locations, manifests
from pushlive.registry.answers import Answer
from pushlive.registry.manifests import Manifest
from pushlive.registry.repository import Repository

Each = Callable[[Callable[[Manifest], bool], Sequence[Manifest]], Sequence[bool]]

_FOUND = 200
_NO_LIST = {400, 404, 405, 406, 501}
"""Answers of registries that keep no such list: 404 in the specification, the others of those that are older."""

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
            "GET", url, scopes=repository.pulling, expected={_FOUND, *_NO_LIST}, headers={"Accept": INDEX}
        )
        if answer.status != _FOUND or _is_page(answer):
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


def _next(answer: Answer) -> str | None:
    """Where the list goes on (RFC 5988, as the specification has it)."""
    found = _NEXT.search(answer.headers.get("Link", ""))
    return locations.followed(answer.url, found[1]) if found else None


def _is_page(answer: Answer) -> bool:
    """It is for people: what stands before the registry answers so for all that it does not know."""
    return answer.headers.get("Content-Type", "").startswith("text/html")


def _enter(repository: Repository, subject: Digest, made: Sequence[Manifest]) -> None:
    """Write them into the index that stands in for a list.

    Nothing keeps two who attach at one moment from reading the same index, each writing its own into it.
    """
    entries = _listed(repository, subject)
    known = {each.get("digest") for each in entries}
    fresh = [entry(each) for each in made if str(each.digest) not in known]
    if fresh:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, *fresh]}
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
