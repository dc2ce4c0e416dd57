"""Read pushlive.toml. What is wrong in it is one error with the line, what was found there, and what to write."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pushlive.config import quantity
from pushlive.config.schema import CacheSection, SiteFile
from pushlive.config.site import FILE
from pushlive.model.errors import SettingsError

LARGEST = 256 * 1024
"""Bytes."""
_SMALLEST_ITEM, _SMALLEST_MEMORY, _LARGEST_ITEM = 1024, 1024 * 1024, 1024**3


def read(folder: Path) -> SiteFile:
    """The site file in a folder; all defaults when there is none. Raises SettingsError."""
    path = folder / FILE
    if not path.is_file():
        return SiteFile()
    text = _text(path)
    return parse(text)


def parse(text: str) -> SiteFile:
    """A site file from its text. Raises SettingsError."""
    import tomllib  # noqa: PLC0415  # a site may have no site file

    try:
        data = tomllib.loads(text)
        file = msgspec.convert(data, SiteFile)
    except RecursionError as error:
        raise SettingsError(f"{FILE} is nested too deeply", where=FILE, remedy="Write it flatter.") from error
    except msgspec.ValidationError as error:
        from pushlive.config import complaints  # noqa: PLC0415  # needed when something is wrong alone

        raise complaints.invalid(text, data, error) from error
    except ValueError as error:  # no TOML, or a number with more digits than Python reads
        from pushlive.config import complaints  # noqa: PLC0415

        raise complaints.no_toml(text, error) from error
    _check(text, file)
    return file


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise SettingsError(f"{FILE} has more than {LARGEST // 1024} KiB", where=FILE, remedy="Make it smaller.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{FILE} is not UTF-8", where=f"{FILE}:{line}", remedy="Save it as UTF-8.") from error
    except OSError as error:
        raise SettingsError(f"{FILE} cannot be read: {error.strerror}", where=FILE) from error


def _check(text: str, file: SiteFile) -> None:
    """What spans several keys, or is more than a type. Raises SettingsError for the first thing wrong."""
    for path, problem, remedy in _problems(file):
        from pushlive.config import complaints  # noqa: PLC0415

        raise SettingsError(f"{complaints.dotted(path)}: {problem}", where=complaints.place(text, path), remedy=remedy)


_Problem = tuple[tuple[str | int, ...], str, str]


def _problems(file: SiteFile) -> Iterator[_Problem]:
    if file.app.wsgi and file.app.asgi:
        yield ("app", "asgi"), "wsgi is set too, and a site has one application", "Keep one of the two."
    for host in file.site.hosts:
        if problem := _host_problem(host):
            yield ("site", "hosts"), f'"{host}" {problem}', _host_remedy(host)
    both = sorted(set(file.run.env) & set(file.run.secrets))
    if both:
        yield ("run", "secrets"), f"{both[0]} is in env too", "Keep it in secrets, and set it by `pushlive env set`."
    yield from _command_problems(file)
    scale = file.run.autoscale
    if scale and scale.min > scale.max:
        yield ("run", "autoscale"), f"min {scale.min} is more than max {scale.max}", "Swap them, or raise max."
    for index, trigger in enumerate(file.trigger):
        if trigger.run is not None and not any(trigger.run):
            yield ("trigger", index, "run"), "names no program", 'Write run = ["program", "argument"], or leave it out.'
    if file.cache and not file.cache.servers:
        yield from _cache_problems(file.cache)


def _command_problems(file: SiteFile) -> Iterator[_Problem]:
    if any(not command.strip() for command in file.build.commands or ()):
        yield ("build", "commands"), "a command is blank", "Take it out; an empty list runs nothing."
    if file.release.command and not file.release.command.strip():
        yield ("release", "command"), "the command is blank", 'Write command = "" to run nothing.'


def _host_problem(host: str) -> str:
    """Why Django would answer 400 to everything under this name (django.http.request, host_validation_re)."""
    if "/" in host:
        return "is an address and not a host name"
    if host.startswith("*."):
        return "stands for many names in a way that Django does not read"
    if not re.fullmatch(r"\.?[A-Za-z0-9][A-Za-z0-9.-]*", host):
        return "is not a host name"
    return ""


def _host_remedy(host: str) -> str:
    if host.startswith("*."):
        return f'Write hosts = ["{host[1:]}"] for the name and all below it.'
    return 'Write names alone, of letters, digits, "-" and ".": hosts = ["www.example.com"].'


def _cache_problems(cache: CacheSection) -> Iterator[_Problem]:
    """The bounds that memcached itself puts on -m and -I."""
    memory, item = quantity.size(cache.memory), quantity.size(cache.max_item_size)
    if memory < _SMALLEST_MEMORY:
        yield ("cache", "memory"), f"{cache.memory} is less than 1Mi", 'Write memory = "64Mi" or more.'
    if not _SMALLEST_ITEM <= item <= _LARGEST_ITEM:
        yield ("cache", "max_item_size"), f"{cache.max_item_size} is not between 1Ki and 1Gi", 'The usual is "1Mi".'
    if item * 2 > memory:
        yield (
            ("cache", "max_item_size"),
            f"{cache.max_item_size} is more than half of the memory, {cache.memory}",
            "Raise memory to twice the largest item, or more.",
        )
