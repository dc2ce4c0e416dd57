"""Ask again where that may help: after a cut connection, and after an answer that a moment may mend."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from pushlive.model.errors import RegistryError
from pushlive.registry import errors

TRIES = 6
"""How often a request is sent until its trouble counts as lasting."""

LONGEST_WAIT = 30.0
"""Seconds; a registry that wants more is told to the user, who knows whether to wait."""

_FIRST = 0.25
_CAP = 8.0


def patiently(
    send: Callable[[], urllib3.BaseHTTPResponse], method: str, url: str, *, tries: int = TRIES
) -> urllib3.BaseHTTPResponse:
    """The first answer that is not of passing trouble, or the last one. Raises RegistryError when none comes."""
    for tried in range(1, tries + 1):
        try:
            response = send()
        except HTTPError as error:
            if isinstance(root(error), SSLError) or tried == tries:
                raise unanswered(method, url, error) from error
            time.sleep(backoff(tried))
            continue
        if response.status not in errors.TEMPORARY or tried == tries:
            return response
        wait = max(backoff(tried), _advised(response, method, url))
        response.drain_conn()
        time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def backoff(tried: int) -> float:
    """Seconds before the next try, doubling, and scattered so that many do not come back at once."""
    return float(min(_CAP, _FIRST * 2 ** (tried - 1)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def root(error: Exception) -> Exception:
    """What lies below urllib3's wrappings."""
    inner = getattr(error, "reason", None)
    return root(inner) if isinstance(inner, Exception) else error


def unanswered(method: str, url: str, error: HTTPError) -> RegistryError:
    """The error for a request that got no answer."""
    inner = root(error)
    return errors.untrusted(url, inner) if isinstance(inner, SSLError) else errors.unreachable(method, url, inner)


def _advised(response: urllib3.BaseHTTPResponse, method: str, url: str) -> float:
    """Seconds that Retry-After asks for (RFC 9110, section 10.2.3). Raises RegistryError when it is too long."""
    wait = retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))
    if wait > LONGEST_WAIT:
        raise RegistryError(
            f"the registry asks to come back in {wait:.0f} s (it answers {response.status})",
            where=f"{method} {errors.redacted(url)}",
            remedy="Run it again then; signing in may raise the limit.",
        )
    return wait


def retry_after(text: str, now: datetime) -> float:
    """Seconds from `now` that a Retry-After header names, as a number or a date; 0 for none and for nonsense."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0
