"""What is to be known before a push: the site file, what was detected, the machine, the engine, Django's own word."""

import os
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from pushlive.config.load import load as load_site
from pushlive.config.site import Fact, Site
from pushlive.model.errors import MachineError, PushliveError
from pushlive.model.home import Home
from pushlive.pipeline.context import Context
from pushlive.system import process

LITTLE_SPACE = 1024**3
"""Bytes of free space below which a warning is due: a delivery with new dependencies needs some hundred megabytes."""

_ISSUE = re.compile(r"\S.*?: \(\w+\.([A-Z])\d+\) ")
"""A line of Django's own check (django.core.checks.CheckMessage): whose it is, its number, and what is to be said."""

_GRAVE = {"C", "E"}


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


def repository(folder: Path) -> tuple[tuple[Finding, ...], tuple[Fact, ...]]:
    """How the repository in `folder` is to be understood, and what it says about itself, and where."""
    try:
        site = load_site(folder)
    except PushliveError as error:
        return (Finding(Grade.BAD, "repository", f"{error.cause} ({error.where})", error.remedy),), ()
    found = Finding(Grade.GOOD, "repository", f"{site.app.callable} by {site.app.interface.value}")
    return (found, *_builder(site)), site.facts


def _builder(site: Site) -> Iterator[Finding]:
    """Who would build the site's Dockerfile, where it has asked for that."""
    if site.file.build.dockerfile is None:
        return
    from pushlive.pipeline import dockerfile  # noqa: PLC0415 - few sites have one

    if chosen := dockerfile.builder():
        yield Finding(Grade.GOOD, "builder", f"{chosen.value} builds {site.file.build.dockerfile}")
    else:
        yield Finding(Grade.BAD, "builder", "nothing here can build a Dockerfile", dockerfile.REMEDY)


def check(machine: Home, context: Context | None) -> Iterator[Finding]:
    """Look at the machine and at the site."""
    yield _git()
    yield _memcached()
    yield _state(machine)
    yield _space(machine)
    if context is not None:
        yield from _hosts(context)
        yield _engine(context)
        yield from _django(context)


def _git() -> Finding:
    try:
        done = process.run(["git", "--version"])
    except MachineError as error:
        return Finding(Grade.BAD, "git", error.cause, error.remedy)
    return Finding(Grade.GOOD, "git", done.output.strip().removeprefix("git version "))


def _memcached() -> Finding:
    from pushlive.rollout.local import memcached  # noqa: PLC0415  # brings asyncio, which nothing else here needs

    try:
        return Finding(Grade.GOOD, "memcached", memcached.find())
    except MachineError as error:
        return Finding(Grade.WARNING, "memcached", f"{error.cause}; only sites that use it need it", error.remedy)


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
    """Django's own deploy check, in the live release; nothing for what is no Django site."""
    with context.history as history:
        live = history.live()
    if live is None or "DJANGO_SETTINGS_MODULE" not in live.image.config.env:
        return
    if not (context.site.releases / live.name).is_dir():
        return
    argv = ["python", "manage.py", "check", "--deploy"]
    done = context.engine.run(live, argv, lambda _line: None, timeout=120)
    lines = done.output.splitlines()
    found = list(issues(lines))
    yield from found
    if not done.ok and all(each.grade is not Grade.BAD for each in found):
        yield Finding(Grade.BAD, "django", lines[-1] if lines else f"manage.py check {done.ending}")
    elif not found:
        yield Finding(Grade.GOOD, "django", "manage.py check --deploy found nothing")


def issues(lines: Sequence[str]) -> Iterator[Finding]:
    """What `manage.py check` found, by what it printed. Pure."""
    for line in lines:
        if issue := _ISSUE.match(line):
            grade = Grade.BAD if issue[1] in _GRAVE else Grade.WARNING
            yield Finding(grade, "django", line.removeprefix("?: "))
