"""What a registry's refusal means: its error codes (distribution-spec, error codes), told with a remedy."""

import json
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
    "MANIFEST_UNKNOWN": "Look at its tag or digest.",
    "TOOMANYREQUESTS": _REMEDIES[429],
    "DENIED": _REMEDIES[403],
    "UNAUTHORIZED": _REMEDIES[401],
}
_LONGEST = 300


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
    except (ValueError, AttributeError, TypeError):
        return ()


def refusal(method: str, url: str, status: int, body: bytes, *, repository: str = "") -> RegistryError:
    """The error for an answer that is not what was hoped for."""
    found = said(body)
    parts = urlsplit(url)
    remedy = next((_CODES[each.code] for each in found if each.code in _CODES), _REMEDIES.get(status, ""))
    what = "; ".join(map(str, found)) or f"it answers {status}"
    return RegistryError(
        f"the registry {parts.netloc} refuses: {what}",
        where=f"{method} {redacted(url)}",
        remedy=remedy.format(host=parts.netloc, repository=repository or "the repository"),
        evidence=() if found else _printable(body),
        code=found[0].code.lower() if found else "",
        passing=status in TEMPORARY,
    )


def unreachable(method: str, url: str, error: Exception) -> RegistryError:
    """The error for a registry that does not answer, or breaks off."""
    return RegistryError(
        f"the registry {urlsplit(url).netloc} cannot be reached: {_reason(error)}",
        where=f"{method} {redacted(url)}",
        remedy="Look at its name and at the network (HTTPS_PROXY, NO_PROXY), and run it again: what is there stays.",
        code=UNREACHABLE,
        passing=True,
    )


def untrusted(url: str, error: Exception) -> RegistryError:
    """The error for a certificate that does not hold."""
    host = urlsplit(url).netloc
    return RegistryError(
        f"the certificate of {host} is not trusted: {_reason(error)}",
        where=host,
        remedy=f"Put the authority's certificate at /etc/docker/certs.d/{host}/ca.crt, or name it in SSL_CERT_FILE.",
    )


def require_digest(headers: Mapping[str, str], wanted: Digest, method: str, url: str) -> None:
    """Raise RegistryError when an answer names other content than `wanted` (Docker-Content-Digest)."""
    named = headers.get("Docker-Content-Digest")
    if named and named != str(wanted):
        raise RegistryError(
            f"the registry has other content than was asked for: {named[:80]}",
            where=f"{method} {redacted(url)}",
            evidence=[f"wanted: {wanted}"],
            remedy="Nothing of it is used. If it stays so, the registry or something on the way is broken.",
            code="digest-mismatch",
        )


def redacted(url: str) -> str:
    """A URL without what may be a secret in it: the query of an upload is a signature as often as not."""
    parts = urlsplit(url)
    return parts._replace(
        query="…" if parts.query else "", netloc=parts.netloc.rpartition("@")[2], fragment=""
    ).geturl()


def _reason(error: Exception) -> str:
    """The innermost cause in a chain of wrapped errors, without the addresses of objects."""
    inner: Any = error
    while (nested := getattr(inner, "reason", None) or inner.__cause__ or inner.__context__) and isinstance(
        nested, Exception
    ):
        inner = nested
    return str(inner).partition("(_ssl.c")[0].strip() or type(inner).__name__


def _printable(body: bytes) -> tuple[str, ...]:
    text = body[:_LONGEST].decode(errors="replace").strip()
    return tuple(line.strip() for line in text.splitlines()[:3] if line.strip())


def _text(value: object) -> str:
    return "".join(character for character in str(value or "") if character.isprintable())[:_LONGEST]
