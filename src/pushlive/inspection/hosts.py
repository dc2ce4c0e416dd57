"""ALLOWED_HOSTS, as Django reads it (django.http.request.validate_host). Pure."""

import re
from collections.abc import Sequence

_LOCAL = (".localhost", "127.0.0.1", "[::1]")
_NOTHING = {"none", ".none"}
_HOST = re.compile(r"([a-z0-9-][a-z0-9.-]*|\[[a-f0-9:.]+\])(:[0-9]+)?", re.IGNORECASE)
"""What Django takes for a Host header, and no pattern of several."""


def is_allowed(host: str, allowed: Sequence[str], *, debug: bool = False) -> bool:
    """Django answers a request whose Host header is `host`; with DEBUG an empty list means this machine."""
    patterns = _LOCAL if debug and not allowed else allowed
    return any(matches(host.lower().rstrip("."), pattern.lower()) for pattern in patterns)


def matches(host: str, pattern: str) -> bool:
    """The host is the pattern's, both in small letters."""
    if pattern == "*":
        return True
    if pattern.startswith("."):
        return host == pattern[1:] or host.endswith(pattern)
    return host == pattern


def choose(wanted: Sequence[str], allowed: Sequence[str], *, debug: bool = False) -> str | None:
    """A Host header that is answered; None where there is none.

    The first of `wanted` that is allowed, else this machine's own names, else the first host that the list names; of a
    pattern (`.site.test`) the domain itself, never the pattern.
    """
    answered = [host for host in (*wanted, "localhost", "127.0.0.1") if is_allowed(host, allowed, debug=debug)]
    named = [pattern.removeprefix(".") for pattern in allowed if _names_a_host(pattern)]
    return next((host for host in (*answered, *named) if _HOST.fullmatch(host)), None)


def is_local(host: str) -> bool:
    """It means the machine itself."""
    return host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0") or host.endswith(".localhost")  # noqa: S104


def _names_a_host(pattern: str) -> bool:
    """A platform's variable that was not there leaves `None` behind."""
    return pattern.lower() not in _NOTHING and not pattern.lower().startswith("none.")
