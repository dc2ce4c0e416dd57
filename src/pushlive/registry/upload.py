"""Send a blob to a registry (distribution-spec, "Pushing Blobs"): skipped, mounted, whole, or in parts that resume."""

import re
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from urllib.parse import urlencode

from msgspec import Struct, structs

from pushlive.model.errors import RegistryError, StateError
from pushlive.model.image import Digest
from pushlive.registry import errors, locations, patience
from pushlive.registry.answers import Answer
from pushlive.registry.connections import Body
from pushlive.registry.repository import Repository
from pushlive.registry.transfer import Told

WHOLE = 4 * 1024 * 1024
"""Bytes up to which a blob that was cut is sent anew: that costs less than to ask how far it came."""

PART = 64 * 1024 * 1024
"""Bytes of one request. Registries keep what arrived of it; proxies on the way may limit it."""

_BLOCK = 64 * 1024
"""Bytes that a slow line has CONNECT_TIMEOUT for: that is how long the system's sendall may take for one block."""

_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_MISMATCH = "digest_invalid"
"""Damaged, or put away already: after a PUT whose answer was lost, a second one finds nothing. Tried once more."""

_TAKEN = {202, 204}
"""What a part that was taken is answered with: 202 in the specification, 204 by go-containerregistry's registry."""

_TROUBLE = {416, *errors.TEMPORARY}
"""After these the registry is asked how far the upload is."""

_CREATED = 201
_BYTES = {"Content-Type": "application/octet-stream"}
_LOST = "blob_upload_unknown"
_BEGIN_AGAIN = {errors.UNREACHABLE, _LOST, "blob_upload_invalid", "range_invalid"}


class Sent(Enum):
    """How a blob came to be in the repository."""

    THERE = "already there"
    MOUNTED = "mounted"
    UPLOADED = "uploaded"


class Source(Struct, frozen=True):
    """A blob in a file of this machine."""

    digest: Digest
    size: int
    path: Path


class _Session(Struct, frozen=True):
    """An upload: where the next request goes, how many bytes the registry has, and whether it is a blob by now."""

    url: str
    offset: int = 0
    part: int = PART
    closed: bool = False


def push(repository: Repository, blob: Source, *, mounts: Sequence[str] = (), told: Told = lambda _: None) -> Sent:
    """See that a blob is in the repository. `mounts` are others of the registry that may have it.

    Raises RegistryError, with the upload called off at the registry.
    """
    for left in range(patience.TRIES - 1, -1, -1):
        if exists(repository, blob.digest):
            told(blob.size)
            return Sent.THERE if left == patience.TRIES - 1 else Sent.UPLOADED
        try:
            return _once(repository, blob, mounts, told)
        except RegistryError as error:
            again = error.code in _BEGIN_AGAIN or (error.code == _MISMATCH and left == patience.TRIES - 1)
            if not left or not again:
                raise
            time.sleep(patience.backoff(patience.TRIES - left))
    raise AssertionError("the last attempt returns or raises")


def exists(repository: Repository, digest: Digest) -> bool:
    """The repository has the blob. Raises RegistryError when it says so of another one."""
    found = repository.transport.ask("HEAD", repository.blob(digest), scopes=repository.pushing, expected={200, 404})
    errors.require_digest(found.headers, digest, "HEAD", found.url)
    return found.status == 200  # noqa: PLR2004


def _once(repository: Repository, blob: Source, mounts: Sequence[str], told: Told) -> Sent:
    session = _mounted(repository, blob.digest, mounts) if mounts else _begun(repository)
    if session is None:
        told(blob.size)
        return Sent.MOUNTED
    try:
        for reached in _parts(repository, blob, session, told):
            session = reached
        if not session.closed:
            _put(repository, blob, session, told, expected={_CREATED}, tries=patience.TRIES)
    except BaseException:
        _call_off(repository, session)
        raise
    return Sent.UPLOADED


def _mounted(repository: Repository, digest: Digest, mounts: Sequence[str]) -> _Session | None:
    """None when the blob was mounted; else a session. A registry may refuse to mount, and have it sent all the same."""
    for other in mounts:
        url = f"{repository.uploads}?{urlencode({'mount': str(digest), 'from': other})}"
        scopes = repository.pushing | {f"repository:{other}:pull"}
        with suppress(RegistryError):
            answer = repository.transport.ask("POST", url, scopes=scopes, expected={_CREATED, 202})
            if answer.status == _CREATED:
                errors.require_digest(answer.headers, digest, "POST", url)
                return None
            return _session(answer)
    return _begun(repository)


def _begun(repository: Repository) -> _Session:
    return _session(
        repository.transport.ask("POST", repository.uploads, scopes=repository.pushing, expected={202}), offset=0
    )


def _parts(repository: Repository, blob: Source, session: _Session, told: Told) -> Iterator[_Session]:
    """Send a large blob part by part, each from where the registry says that it is; where the upload stands after each.

    What is one part is the whole upload, in a request less, until something goes wrong. What brings it no further than
    it was once has failed.
    """
    failed, furthest = 0, session.offset
    while blob.size > WHOLE and session.offset < blob.size:
        session, trouble = _part(repository, blob, session, told, failed)
        yield session
        failed = 0 if session.offset > furthest else failed + 1
        furthest = max(furthest, session.offset)
        if trouble and failed >= patience.TRIES:
            raise trouble


def _part(
    repository: Repository, blob: Source, session: _Session, told: Told, failed: int
) -> tuple[_Session, RegistryError | None]:
    """One part, after `failed` that did not help; where the upload stands now, and what went wrong."""
    end = min(session.offset + session.part, blob.size)
    whole = not failed and end - session.offset == blob.size
    method = "PUT" if whole else "PATCH"
    try:
        if whole:
            answer = _put(repository, blob, session, told, expected={_CREATED, *_TROUBLE}, tries=1)
        else:
            answer = _patch(repository, blob, session, end, told)
    except RegistryError as error:
        if error.code != errors.UNREACHABLE:
            raise
        time.sleep(patience.backoff(failed + 1))
        return _asked(repository, session), error
    if answer.status == _CREATED:
        return structs.replace(session, offset=end, closed=True), None
    if answer.status in _TAKEN:
        return _session(answer, offset=end, before=session), None
    time.sleep(patience.pause(answer, failed + 1, method, session.url))
    return _asked(repository, session), repository.transport.refusal(method, answer)


def _patch(repository: Repository, blob: Source, session: _Session, end: int, told: Told) -> Answer:
    """Send what lies between where the upload stands and `end`."""
    return repository.transport.ask(
        "PATCH",
        session.url,
        scopes=repository.pushing,
        expected={*_TAKEN, *_TROUBLE},
        headers={**_BYTES, "Content-Range": f"{session.offset}-{end - 1}"},
        body=_body(blob, session.offset, end, told),
        tries=1,
    )


def _put(
    repository: Repository, blob: Source, session: _Session, told: Told, *, expected: Container[int], tries: int
) -> Answer:
    """Close the upload, with what is left of the blob. Raises RegistryError if the registry keeps something else."""
    url = locations.with_query(session.url, digest=str(blob.digest))
    rest = _body(blob, session.offset, blob.size, told) if session.offset < blob.size else None
    answer = repository.transport.ask(
        "PUT", url, scopes=repository.pushing, expected=expected, headers=_BYTES, body=rest, tries=tries
    )
    errors.require_digest(answer.headers, blob.digest, "PUT", url)
    return answer


def _asked(repository: Repository, session: _Session) -> _Session:
    """Where the upload stands, from the registry itself. If it does not tell, the upload has to begin anew."""
    try:
        answer = repository.transport.ask("GET", session.url, scopes=repository.pushing, expected={204})
    except RegistryError as error:
        if error.passing:
            raise
        raise RegistryError(error.cause, where=error.where, remedy=error.remedy, code=_LOST) from error
    return _session(answer, before=session)


def _call_off(repository: Repository, session: _Session) -> None:
    """Let the registry forget the upload; it does so by itself some day."""
    with suppress(RegistryError):
        repository.transport.ask("DELETE", session.url, scopes=repository.pushing, expected=range(200, 500), tries=1)


def _session(answer: Answer, *, offset: int | None = None, before: _Session | None = None) -> _Session:
    """The state of an upload by an answer; each one may name a new place to go on, the first one how long parts are."""
    location = answer.headers.get("Location")
    if not location and before is None:
        raise RegistryError(
            "the registry begins an upload and does not say where",
            where=errors.redacted(answer.url),
            code="no-location",
        )
    least = answer.headers.get("OCI-Chunk-Min-Length", "")
    return _Session(
        locations.followed(answer.url, location) if location else before.url if before else "",
        _offset(answer.headers.get("Range", "")) if offset is None else offset,
        max(before.part if before else PART, int(least) if _LENGTH.fullmatch(least) else 0),
    )


def _offset(text: str) -> int:
    """How many bytes a Range of the form 0-LAST stands for. Registries say 0-0 for none as well as for one."""
    found = _RANGE.fullmatch(text.strip())
    last = int(found[1]) if found else 0
    return last + 1 if last else 0


def _body(blob: Source, start: int, end: int, told: Told) -> Body:
    def blocks() -> Iterator[bytes]:
        with blob.path.open("rb") as file:
            file.seek(start)
            at = start
            while at < end and (block := file.read(min(_BLOCK, end - at))):
                yield block
                at += len(block)
                told(at)
        if at < end:
            raise StateError(
                f"the image's blob {blob.digest} is shorter than its {blob.size} bytes",
                where=str(blob.path),
                remedy="Deliver the revision again: `pushlive deliver`.",
            )

    return Body(end - start, blocks)
