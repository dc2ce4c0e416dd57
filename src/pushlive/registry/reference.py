"""Names of images as people write them: [REGISTRY/]REPOSITORY[:TAG][@DIGEST] (github.com/distribution/reference)."""

import re
from ipaddress import IPv6Address
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from pushlive.model.errors import UsageError
from pushlive.model.image import BadDigestError, Digest

DOCKER_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"
_HUB_NAMES = {DOCKER_HUB, "index.docker.io", _HUB_HOST}

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LONGEST = 255


class Reference(Struct, frozen=True):
    """An image in a registry. `registry` is a host with its port; without `tag` and `digest` it names a repository."""

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name; `python:3.13-slim` is `docker.io/library/python:3.13-slim`. Raises UsageError."""
        name, at, digest = text.partition("@")
        path, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            path, tag = name, ""
        registry, repository = _split(path)
        found = cls(registry, repository, tag, _digest(digest, text) if at else None)
        if problem := _problem(found, bare=name.endswith(":")):
            raise UsageError(
                f"{text[:120]!r} is no name of an image: {problem}",
                remedy="Write it as [REGISTRY/]REPOSITORY[:TAG][@sha256:DIGEST], for example ghcr.io/me/site:1.0.",
            )
        return found

    @property
    def host(self) -> str:
        """Where its registry answers: Docker Hub does so under another name."""
        return _HUB_HOST if self.registry == DOCKER_HUB else self.registry

    @property
    def name(self) -> str:
        """The whole name without tag and digest, as in the annotation org.opencontainers.image.base.name."""
        return f"{self.registry}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What is asked for at /v2/NAME/manifests/: the digest if there is one, else the tag, else `latest`."""
        return str(self.digest) if self.digest else self.tag or "latest"

    def tagged(self, tag: str) -> "Reference":
        """The same repository under another tag."""
        return replace(self, tag=tag, digest=None)

    def at(self, digest: Digest) -> "Reference":
        """The same name, held to one content."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def is_tag(text: str) -> bool:
    """Whether a tag may be called that."""
    return bool(_TAG.fullmatch(text))


def _split(path: str) -> tuple[str, str]:
    first, slash, rest = path.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    if is_host and first not in _HUB_NAMES:
        return first, rest
    repository = rest if is_host else path
    return DOCKER_HUB, repository if "/" in repository else f"library/{repository}"


def _digest(text: str, whole: str) -> Digest:
    try:
        return Digest.parse(text)
    except BadDigestError as error:
        raise UsageError(f"{whole[:120]!r} is no name of an image: {error}") from error


def _is_host(text: str) -> bool:
    """Well formed, and with numbers that an address and a port may have."""
    try:
        parts = urlsplit(f"//{text}")
        if ":" in (parts.hostname or ""):
            IPv6Address(parts.hostname or "")
        return bool(_HOST.fullmatch(text)) and parts.port != 0
    except ValueError:
        return False


def _problem(found: Reference, *, bare: bool) -> str:
    if not _is_host(found.registry):
        return f"{found.registry!r} is no host"
    if not _REPOSITORY.fullmatch(found.repository):
        return f"the repository {found.repository!r} may have lower case letters, digits and . _ - between them"
    if len(found.repository) > _LONGEST:
        return f"the repository has {len(found.repository)} characters, {_LONGEST} are allowed"
    if bare or (found.tag and not is_tag(found.tag)):
        return f"{found.tag!r} is no tag"
    return ""
