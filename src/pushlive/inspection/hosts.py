"""ALLOWED_HOSTS, as Django reads it (django.http.request.validate_host). Pure."""

from collections.abc import Sequence

_LOCAL = (".localhost", "127.0.0.1", "[::1]")
_NOTHING = {"", "none", ".none"}


def is_allowed(host: str, allowed: Sequence[str], *, debug: bool = False) -> bool:
    """Django answers a request whose Host header is `host`; with DEBUG an empty list means this machine."""
    patterns = _LOCAL if debug and not allowed else allowed
    return any(_matches(host.lower().rstrip("."), pattern.lower()) for pattern in patterns)


def choose(wanted: Sequence[str], allowed: Sequence[str], *, debug: bool = False) -> str | None:
    """A Host header that is answered: the first of `wanted` that is allowed, else one the list names, else None."""
    answered = [host for host in wanted if is_allowed(host, allowed, debug=debug)]
    named = [pattern.removeprefix(".") for pattern in allowed if _names_a_host(pattern)]
    near = [host for host in ("localhost", "127.0.0.1") if is_allowed(host, allowed, debug=debug)]
    return next(iter([*answered, *near, *named]), None)


def is_local(host: str) -> bool:
    """It means the machine itself."""
    return host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0") or host.endswith(".localhost")  # noqa: S104


def _matches(host: str, pattern: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("."):
        return host == pattern[1:] or host.endswith(pattern)
    return host == pattern


def _names_a_host(pattern: str) -> bool:
    """A platform's variable that was not there leaves `None` behind."""
    return pattern.lower() not in _NOTHING and not pattern.lower().startswith("none.") and "*" not in pattern
