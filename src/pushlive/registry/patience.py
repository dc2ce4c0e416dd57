"""Ask again where that may help: after a cut connection, and after an answer that a moment may mend."""

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from urllib3.exceptions import HTTPError, SSLError

from pushlive.model.errors import RegistryError
from pushlive.registry import errors
from pushlive.registry.connections import UnansweredError
from pushlive.registry.streams import TooSlowError

TRIES = 6
"""How often a request is sent until its trouble counts as lasting."""

LONGEST_WAIT = 30.0
"""Seconds; a registry that wants more is told to the user, who knows whether to wait."""

_FIRST = 0.25
_CAP = 8.0


class Answered(Protocol):
    """An answer, as far as it says whether to ask again."""

    @property
    def status(self) -> int:
        """Its status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""


Got = TypeVar("Got", bound=Answered)


def patiently(
    send: Callable[[], Got],
    method: str,
    url: str,
    *,
    tries: int = TRIES,
    discard: Callable[[Got], None] = lambda _: None,
) -> Got:
    """The first answer that is not of passing trouble, or the last one; those before it are discarded.

    Raises RegistryError when none comes.
    """
    for tried in range(1, tries + 1):
        try:
            answer = send()
        except HTTPError as error:
            if tried == tries or _lasting(error):
                raise unanswered(method, url, error) from error
            time.sleep(backoff(tried))
            continue
        if answer.status not in errors.TEMPORARY or tried == tries:
            return answer
        discard(answer)
        time.sleep(pause(answer, tried, method, url))
    raise AssertionError("the last try returns or raises")


def pause(answer: Answered, tried: int, method: str, url: str) -> float:
    """Seconds until the next try. Raises RegistryError when the registry asks for more than LONGEST_WAIT."""
    return max(backoff(tried), _advised(answer, method, url))


def backoff(tried: int) -> float:
    """Seconds before the next try, doubling, and scattered so that many do not come back at once."""
    return float(min(_CAP, _FIRST * 2 ** (tried - 1)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def root(error: Exception) -> Exception:
    """What lies below urllib3's wrappings."""
    inner = getattr(error, "reason", None)
    return root(inner) if isinstance(inner, Exception) else error


def unanswered(method: str, url: str, error: HTTPError) -> RegistryError:
    """The error for a request that got no answer."""
    inner, url = root(error), error.url if isinstance(error, UnansweredError) else url
    if _lasting(error):
        return errors.untrusted(url, inner)
    told = errors.too_slow if isinstance(inner, TooSlowError) else errors.unreachable
    return told(method, url, inner)


def _lasting(error: HTTPError) -> bool:
    """The two do not understand or trust one another. A connection that is cut within TLS looks alike but for EOF."""
    inner = root(error)
    return isinstance(inner, SSLError) and "EOF" not in str(inner)


def _advised(answer: Answered, method: str, url: str) -> float:
    """Seconds that Retry-After asks for (RFC 9110, section 10.2.3). Raises RegistryError when it is too long."""
    wait = retry_after(answer.headers.get("Retry-After", ""), datetime.now(UTC))
    if wait > LONGEST_WAIT:
        raise RegistryError(
            f"the registry asks to come back in {wait:.0f} s (it answers {answer.status})",
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
