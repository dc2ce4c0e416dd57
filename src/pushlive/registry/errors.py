"""What a registry's refusal means: its error codes (distribution-spec, error codes), told with a remedy."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from pushlive.model.errors import RegistryError
from pushlive.model.image import Digest

TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that another try may get rid of."""

UNREACHABLE = "registry-unreachable"
"""The code of the error for a request without an answer."""

TOO_SLOW = "registry-too-slow"
"""The code of the error for an answer that drips."""

NOT_FOUND = "not_found"
"""The code of the error for a 404 that gives none."""

_REMEDIES = {
    401: "Sign in with `docker login {host}`, or look whether the login may do this.",
    403: "The login may not do this: ask the registry's owner for the right to pull and push {repository}.",
    404: "Look at its name; some registries want a repository to be made before the first push.",
    405: "This registry, or a proxy before it, does not take part in pushes: look at its address.",
    413: "Something on the way limits the size of requests: raise it (nginx: client_max_body_size 0).",
    429: "Wait, or sign in: registries allow more to those they know.",
    507: "The registry is full: remove what is not needed there.",
}
_CODES = {
    "NAME_UNKNOWN": "Make the repository {repository} in the registry, or correct its name.",
    "MANIFEST_UNKNOWN": "There is no such image: look at the repository {repository}, and at its tag or digest.",
    "DIGEST_INVALID": "The file on this machine, or something on the way, is damaged: build the image again.",
    "TOOMANYREQUESTS": _REMEDIES[429],
    "DENIED": _REMEDIES[403],
    "UNAUTHORIZED": _REMEDIES[401],
}
_MEANING = {
    401: "it wants a login, or another one (401)",
    403: "the login may not do this (403)",
    404: "it has no such thing (404)",
}
"""What a status says where the answer has no words of its own, as those to HEAD have none."""
_LONGEST = 300
_NOT_FOUND = 404
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


class Said(Struct, frozen=True):
    """One error in a registry's answer."""

    code: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.message) if part)


def said(body: bytes) -> tuple[Said, ...]:
    """The errors in an answer's body; a body that is none of the specification's gives none."""
    try:
        found = json.loads(body)
        errors = found.get("errors") or ([found] if "code" in found or "message" in found else [])
        return tuple(Said(_text(each.get("code")), _text(each.get("message"))) for each in errors)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ()


def refusal(
    method: str, url: str, status: int, body: bytes, *, registry: str = "", repository: str = ""
) -> RegistryError:
    """The error for an answer that is not what was hoped for. `registry` is the one to sign in at."""
    found = said(body)
    remedy = next((_CODES[each.code] for each in found if each.code in _CODES), _REMEDIES.get(status, ""))
    what = "; ".join(map(str, found)) or _MEANING.get(status, f"it answers {status}")
    return RegistryError(
        f"the registry {host(url)} refuses: {what}",
        where=f"{method} {redacted(url)}",
        remedy=remedy.format(host=registry or host(url), repository=repository or "the repository"),
        evidence=() if found else _printable(body),
        code=(found[0].code.lower() if found else "") or (NOT_FOUND if status == _NOT_FOUND else ""),
        passing=status in TEMPORARY,
    )


def unreachable(method: str, url: str, error: Exception) -> RegistryError:
    """The error for a registry that does not answer, or breaks off."""
    return RegistryError(
        f"the registry {host(url)} cannot be reached: {_reason(error)}",
        where=f"{method} {redacted(url)}",
        remedy="Look at its name and at the network (HTTPS_PROXY, NO_PROXY), and run it again: what is there stays.",
        code=UNREACHABLE,
        passing=True,
    )


def too_slow(method: str, url: str, error: Exception) -> RegistryError:
    """The error for a registry that drips."""
    return RegistryError(
        f"the registry {host(url)} is too slow: {_reason(error)}",
        where=f"{method} {redacted(url)}",
        remedy="Look at the network, or try it later: what is there stays.",
        code=TOO_SLOW,
        passing=True,
    )


def untrusted(url: str, error: Exception) -> RegistryError:
    """The error for a certificate that does not hold, or for a server that speaks another TLS or none."""
    place, reason = host(url), _reason(error)
    if "CERTIFICATE" not in reason:
        return RegistryError(
            f"{place} does not speak TLS as it should: {reason}",
            where=place,
            remedy="Look at the registry's name and port.",
        )
    return RegistryError(
        f"the certificate of {place} is not trusted: {reason}",
        where=place,
        remedy=f"Put the authority's certificate at /etc/docker/certs.d/{place}/ca.crt, or name it in SSL_CERT_FILE.",
    )


def require_digest(headers: Mapping[str, str], wanted: Digest, method: str, url: str) -> None:
    """Raise RegistryError when an answer names other content than `wanted` (Docker-Content-Digest)."""
    named = headers.get("Docker-Content-Digest")
    if named and named != str(wanted):
        raise RegistryError(
            f"the registry has other content than was asked for: {_text(named)[:80]}",
            where=f"{method} {redacted(url)}",
            evidence=[f"wanted: {wanted}"],
            remedy="Nothing of it is used. If it stays so, the registry or something on the way is broken.",
            code="digest-mismatch",
        )


def redacted(url: str) -> str:
    """A URL without what may be a secret in it: the query of an upload is a signature as often as not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return _text(parts._replace(query="…" if parts.query else "", netloc=host(url), fragment="").geturl())


def host(url: str) -> str:
    """The host and port of a URL, without what may be a login before it."""
    return _text(urlsplit(url).netloc.rpartition("@")[2])


def _reason(error: Exception) -> str:
    """The innermost cause in a chain of wrapped errors, without the addresses of objects."""
    inner: Any = error
    while (nested := getattr(inner, "reason", None) or inner.__cause__ or inner.__context__) and isinstance(
        nested, Exception
    ):
        inner = nested
    return _ERRNO.sub("", str(inner).partition("(_ssl.c")[0].strip()) or type(inner).__name__


def _printable(body: bytes) -> tuple[str, ...]:
    lines = body[:_LONGEST].decode(errors="replace").strip().splitlines()[:3]
    return tuple(text for line in lines if (text := _text(line).strip()))


def _text(value: object) -> str:
    return "".join(character for character in str(value or "") if character.isprintable())[:_LONGEST]
