"""The count of visits, kept in Memcached.

Memcached adds in one step, so no visit is lost however many processes count at once. The count never expires.
"""

from django.core.cache import cache
from pymemcache.exceptions import MemcacheError

KEY = "visits"


class CountUnavailableError(Exception):
    """Memcached does not answer."""


def add_one() -> int:
    """Count a visit and return how many there are now. Raises CountUnavailableError."""
    count = _increment(1)
    if count is None:  # no such key: make it, unless another process just has, and count from there
        _guarded(cache.add, KEY, 0, timeout=None)
        count = _increment(1)
    if count is None:
        raise CountUnavailableError
    return count


def so_far() -> int:
    """How many visits there are, counting none. Raises CountUnavailableError."""
    return _increment(0) or 0


def _increment(by: int) -> int | None:
    """The count after adding `by`, or None where there is no count yet."""
    try:
        count = _guarded(cache.incr, KEY, by)
    except ValueError:
        return None
    if count is False:  # what pymemcache answers, in place of an error, for a server that failed a moment ago
        raise CountUnavailableError
    return count


def _guarded(command, *args, **kwargs):
    try:
        return command(*args, **kwargs)
    except (MemcacheError, OSError) as error:
        raise CountUnavailableError from error
