"""Memcached, Redis, and what else a site talks to."""

from pushlive.diagnose.rule import Decide, Exceptional, Printed
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis


def memcached_refused(symptoms: Symptoms) -> Diagnosis | None:
    """Pymemcache or pylibmc meets nobody."""
    for raised in symptoms.raised(
        "ConnectionRefusedError", "TimeoutError", "timeout", "MemcacheError", "ConnectionResetError"
    ):
        if any("/pymemcache/" in frame.file for frame in raised.frames) or raised.name == "MemcacheError":
            return symptoms.found(
                "memcached-unreachable",
                "no memcached answers where the settings look for it",
                remedy="Have the settings take its servers from MEMCACHED_SERVERS (host:port,host:port), which pushlive"
                " sets; [cache] in pushlive.toml starts one.",
            )
    return None


RULES: tuple[Decide, ...] = (
    memcached_refused,
    Exceptional(
        "redis-unreachable",
        ("ConnectionError", "TimeoutError", "OperationalError"),
        r"Error (?:-?\d+ )?connecting to (?P<address>[\w.:-]+:\d+)\. ?(?P<words>[^\n]*)",
        "no Redis answers at {address}",
        "Start it, or give the right address: pushlive env set REDIS_URL=... (or the variable that the settings read).",
    ),
    Printed(
        "memcached-missing",
        r"memcached is not installed|memcached: (?:command )?not found",
        "the site wants memcached, and it is not installed",
        "Install it: apt-get install memcached. Or name one that runs elsewhere: [cache] servers in pushlive.toml.",
    ),
    Printed(
        "memcached-failed",
        r"failed to listen on TCP port (?P<port>\d+)|memcached (?:was killed|ended)[^.]*",
        "memcached does not keep running",
        "See its log with `pushlive logs`; [cache] memory may be more than the machine has.",
    ),
)
