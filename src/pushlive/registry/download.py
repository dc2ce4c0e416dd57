"""Get a blob from a registry (distribution-spec, "Pulling Blobs"): from where an earlier try broke off, and checked."""

import hashlib
import os
import re
import time
from pathlib import Path
from typing import BinaryIO, Protocol

import urllib3
from urllib3.exceptions import HTTPError

from pushlive.model.errors import RegistryError
from pushlive.model.image import Descriptor, Digest
from pushlive.registry import errors, patience
from pushlive.registry.answers import read
from pushlive.registry.repository import Repository
from pushlive.registry.streams import blocks
from pushlive.registry.transfer import Told
from pushlive.system import locks
from pushlive.system.files import explained

_BLOCK = 256 * 1024
_BEGINS = re.compile(r"bytes (\d{1,18})-")
_WHOLE, _REST, _BEYOND = 200, 206, 416


class Store(Protocol):
    """Where blobs are kept on this machine: an image layout."""

    def has(self, digest: Digest, /) -> bool:
        """The blob is there, whole."""

    def partial(self, digest: Digest, /) -> Path:
        """Where a part of it waits for the rest."""

    def complete(self, digest: Digest, /) -> Path:
        """The part is the whole: it gets its name, durably."""


def fetch(repository: Repository, wanted: Descriptor, store: Store, *, told: Told = lambda _: None) -> None:
    """See that a blob is in `store`. What a killed or cut download leaves there is gone on with.

    Raises RegistryError when the registry has it not, or has something else, and MachineError on a full disk.
    """
    if store.has(wanted.digest):
        told(wanted.size)
        return
    partial = store.partial(wanted.digest)
    with explained(partial), locks.held(partial.with_suffix(".lock")):
        if not store.has(wanted.digest):
            _fetch(repository, wanted, partial, told)
            store.complete(wanted.digest)
        partial.with_suffix(".lock").unlink(missing_ok=True)


def _fetch(repository: Repository, wanted: Descriptor, partial: Path, told: Told) -> None:
    resumed = partial.exists()
    _fill(repository, wanted, partial, told)
    if resumed and not _is(partial, wanted):
        partial.unlink()  # what was there before may be what is wrong
        _fill(repository, wanted, partial, told)
    if not _is(partial, wanted):
        partial.unlink()
        raise _lie(repository, wanted, "has other content than its name says", "digest-mismatch")


def _fill(repository: Repository, wanted: Descriptor, partial: Path, told: Told) -> None:
    """Append until the blob is as long as it is to be. What brings it no further than it was once has failed."""
    failed = 0
    with partial.open("ab") as file:
        furthest = file.tell()
        while file.tell() < wanted.size:
            trouble = _more(repository, wanted, file, told)
            helped = file.tell() > furthest and not (trouble and trouble.code == errors.TOO_SLOW)
            failed = 0 if helped else failed + 1
            furthest = max(furthest, file.tell())
            if trouble and failed >= patience.TRIES:
                raise trouble
            if trouble:
                time.sleep(patience.backoff(failed + 1))
        file.flush()
        os.fdatasync(file.fileno())


def _more(repository: Repository, wanted: Descriptor, file: BinaryIO, told: Told) -> RegistryError | None:
    """Append what one answer brings; what went wrong with it."""
    offset = file.tell()
    url = repository.transport.absolute(repository.blob(wanted.digest))
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    with repository.transport.open("GET", url, scopes=repository.pulling, headers=headers) as response:
        if response.status not in {_WHOLE, _REST, _BEYOND}:
            try:
                refused = read(url, response)
            except HTTPError as error:
                return patience.unanswered("GET", url, error)
            raise repository.transport.refusal("GET", refused)
        if not _goes_on(response, offset):
            file.truncate(0)  # in append mode what is written goes to the end, wherever that is
            file.seek(0)
        if response.status != _WHOLE and not _goes_on(response, offset):
            return _short(wanted, 0, url)
        try:
            _copy(repository, response, file, wanted, told)
        except HTTPError as error:
            return patience.unanswered("GET", url, error)
    if response.status == _WHOLE and "Content-Length" in response.headers and file.tell() < wanted.size:
        raise _lie(repository, wanted, f"has {file.tell()} bytes, and not {wanted.size} as the manifest says")
    return _short(wanted, file.tell(), url) if file.tell() < wanted.size else None


def _goes_on(response: urllib3.BaseHTTPResponse, offset: int) -> bool:
    """The answer begins where our part ends. Some registries know no ranges and begin at the beginning."""
    if response.status == _REST:
        begins = _BEGINS.match(response.headers.get("Content-Range", ""))
        return begins is not None and int(begins[1]) == offset
    return response.status == _WHOLE and offset == 0


def _copy(
    repository: Repository, response: urllib3.BaseHTTPResponse, file: BinaryIO, wanted: Descriptor, told: Told
) -> None:
    for block in blocks(response, _BLOCK):
        if file.tell() + len(block) > wanted.size:
            raise _lie(repository, wanted, f"has more than the {wanted.size} bytes that the manifest says")
        file.write(block)
        told(file.tell())


def _short(wanted: Descriptor, reached: int, url: str) -> RegistryError:
    return RegistryError(
        f"the registry stops at {reached} of the {wanted.size} bytes of {wanted.digest}",
        where=url,
        remedy="Run it again. If it stays so, the registry's copy is damaged.",
    )


def _lie(repository: Repository, wanted: Descriptor, what: str, code: str = "size-mismatch") -> RegistryError:
    return RegistryError(
        f"the registry's blob {wanted.digest} {what}",
        where=repository.transport.absolute(repository.blob(wanted.digest)),
        remedy="Nothing of it is used. If it stays so, the registry or something on the way is broken.",
        code=code,
    )


def _is(partial: Path, wanted: Descriptor) -> bool:
    with partial.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == str(wanted.digest)
