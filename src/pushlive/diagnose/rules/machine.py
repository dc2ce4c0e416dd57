"""The machine: space, memory, rights, ports."""

import re

from pushlive.diagnose.rule import Decide, Exceptional, Printed
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis

_REFUSED = re.compile(r"\[Errno (?P<number>13|30)\] (?:Permission denied|Read-only file system): '(?P<path>[^']+)'")


def no_right(symptoms: Symptoms) -> Diagnosis | None:
    """The site writes where it may not: most often into its own tree, which is read-only to it."""
    for raised in symptoms.raised("PermissionError", "OSError"):
        if found := _REFUSED.search(raised.words):
            own = symptoms.inside(found["path"]) or ("" if found["path"].startswith("/") else found["path"])
            return _own_tree(symptoms, own) if own else _elsewhere(symptoms, found["path"])
    return None


def _own_tree(symptoms: Symptoms, path: str) -> Diagnosis:
    return symptoms.found(
        "read-only",
        f"the site writes to {path}, and its own tree is read-only",
        remedy=f'Name it, or its folder, in pushlive.toml: under [data], paths = ["{path}"]. What stands there is '
        "writable, and kept across releases.",
    )


def _elsewhere(symptoms: Symptoms, path: str) -> Diagnosis:
    return symptoms.found(
        "permission",
        f"the site has no right to {path}",
        remedy="Have it use a folder in the repository, and name that in pushlive.toml: under [data], paths.",
    )


RULES: tuple[Decide, ...] = (
    Printed(
        "disk-full",
        r"No space left on device|\bENOSPC\b|database or disk is full|Disk quota exceeded",
        "the disk is full",
        "Free some space (`df -h` shows which disk is full), then deliver again.",
        shown=r"No space left|ENOSPC|disk is full|quota exceeded",
    ),
    Exceptional(
        "memory",
        ("MemoryError",),
        r"",
        "the site ran out of memory",
        'Give it more: [run] resources = {{ memory = "512Mi" }}, or fewer replicas.',
    ),
    Printed(
        "memory",
        r"was sent SIGKILL! Perhaps out of memory\?|Out of memory: Killed process|oom-kill",
        "the system killed the site's process, which it does when memory runs out",
        "See `dmesg | grep -i oom`. Run fewer replicas, or give the machine more memory.",
        shown=r"SIGKILL|Out of memory|oom-kill",
    ),
    no_right,
    Printed(
        "port-taken",
        r"Connection in use: \('(?P<address>[^']+)', (?P<port>\d+)\)",
        "another program already listens on port {port} of {address}",
        "See which one with `ss -ltnp sport = :{port}` and stop it, or choose another: [target.NAME] listen.",
    ),
    Printed(
        "port-taken",
        r"\[Errno 98\]|Address already in use",
        "another program already listens on the address",
        "See which one with `ss -ltnp` and stop it, or choose another: [target.NAME] listen.",
        shown=r"Errno 98|Address already in use",
    ),
    Printed(
        "too-many-files",
        r"\[Errno 24\] Too many open files",
        "the site has too many files open",
        "Raise the limit (`ulimit -n`), or look for files and connections that the site does not close.",
        shown=r"Too many open files",
    ),
)
