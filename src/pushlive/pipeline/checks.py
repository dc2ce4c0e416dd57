"""What is to be known before a push: the site file, what was detected, the machine, the engine, Django's own word."""

import os
import shutil
import socket
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from pushlive.config.load import load as load_site
from pushlive.config.site import Fact
from pushlive.model.errors import PushliveError
from pushlive.model.home import Home
from pushlive.pipeline.context import Context
from pushlive.system import process

LITTLE_SPACE = 1024**3
"""Bytes of free space below which a warning is due: a delivery with new dependencies needs some hundred megabytes."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Grade(StrEnum):
    """How a check came out."""

    GOOD = "ok"
    WARNING = "warning"
    BAD = "failed"


class Finding(Struct, frozen=True):
    """One thing that was looked at, and what to do if it is not good."""

    grade: Grade
    subject: str
    text: str
    remedy: str = ""


def repository(folder: Path) -> tuple[Finding, tuple[Fact, ...]]:
    """How the repository in `folder` is to be understood, and what it says about itself, and where."""
    try:
        site = load_site(folder, name=folder.name)
    except PushliveError as error:
        return Finding(Grade.BAD, "repository", f"{error.cause} ({error.where})", error.remedy), ()
    return Finding(Grade.GOOD, "repository", f"{site.app.callable} by {site.app.interface.value}"), site.facts


def check(machine: Home, context: Context | None) -> Iterator[Finding]:
    """Look at the machine and at the site."""
    yield from _tools()
    yield _state(machine)
    yield _space(machine)
    if context is not None:
        yield from _hosts(context)
        yield _engine(context)
        yield from _django(context)


def _tools() -> Iterator[Finding]:
    done = process.run(["git", "--version"])
    yield Finding(Grade.GOOD, "git", done.output.strip().removeprefix("git version "))
    memcached = shutil.which("memcached", path=f"{os.environ.get('PATH', '')}:{_PATH}")
    if memcached:
        yield Finding(Grade.GOOD, "memcached", memcached)
    else:
        remedy = "apt-get install memcached (or name servers that run elsewhere: [cache] servers)"
        yield Finding(Grade.WARNING, "memcached", "not installed; only sites that use it need it", remedy)


def _state(machine: Home) -> Finding:
    place = _standing(machine.path)
    if not os.access(place, os.W_OK):
        remedy = "Set PUSHLIVE_HOME to a folder of yours."
        return Finding(Grade.BAD, "state folder", f"{machine.path} cannot be written", remedy)
    closed = [str(each) for each in (place, *place.parents) if not each.stat().st_mode & 0o001]
    if os.geteuid() == 0 and closed:
        remedy = f"chmod o+x {closed[0]}, or set PUSHLIVE_HOME elsewhere: sites run as users of their own."
        return Finding(Grade.BAD, "state folder", f"{closed[0]} lets no other user through", remedy)
    return Finding(Grade.GOOD, "state folder", str(machine.path))


def _space(machine: Home) -> Finding:
    place = _standing(machine.path)
    free = shutil.disk_usage(place).free
    text = f"{free / 1024**3:.1f} GiB free"
    if free < LITTLE_SPACE:
        return Finding(Grade.WARNING, "disk", text, "Free some: `pushlive image prune` removes old releases.")
    return Finding(Grade.GOOD, "disk", text)


def _standing(path: Path) -> Path:
    """The path, or the nearest folder above it that there is."""
    return next(each for each in (path, *path.parents) if each.exists())


def _hosts(context: Context) -> Iterator[Finding]:
    """Names that people are to use, and whether they lead anywhere."""
    with context.history as history:
        live = history.live()
    for host in dict.fromkeys([live.host] if live else []):
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
        except OSError:
            yield Finding(Grade.WARNING, f"host {host}", "no DNS record", "Point its A record at this machine.")
        else:
            yield Finding(Grade.GOOD, f"host {host}", ", ".join(sorted(found)))


def _engine(context: Context) -> Finding:
    found = context.engine.status()
    if not found.replicas:
        return Finding(Grade.WARNING, "engine", "nothing runs", "`pushlive start`, or push.")
    ready = sum(each.ready for each in found.replicas)
    return Finding(Grade.GOOD, "engine", f"{ready} of {len(found.replicas)} replicas at {context.record.url}")


def _django(context: Context) -> Iterator[Finding]:
    """Django's own deploy check, in the live release."""
    with context.history as history:
        live = history.live()
    if live is None or not (context.site.releases / live.name).is_dir():
        return
    lines: list[str] = []
    done = context.engine.run(live, ["python", "manage.py", "check", "--deploy"], lines.append, timeout=120)
    warnings = [line for line in lines if line.startswith("?:")]
    for line in warnings:
        yield Finding(Grade.WARNING, "django", line.removeprefix("?: "))
    if not done.ok:
        yield Finding(Grade.BAD, "django", lines[-1] if lines else f"manage.py check {done.ending}")
    elif not warnings:
        yield Finding(Grade.GOOD, "django", "manage.py check --deploy found nothing")
