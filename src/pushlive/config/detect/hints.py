"""What files made for other hosts say of the author's intent: which server runs what, with which settings.

What the site file sets wins over them. Of their commands the one before a release alone is run as it stands; the
others say which application, settings and requirements are meant. YAML is read line by line, which is enough for the
few scalar keys that matter.
"""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from pushlive.config.detect.code import SETTINGS_VARIABLE
from pushlive.config.detect.dockerfile import read as read_dockerfile
from pushlive.config.detect.files import Files, join
from pushlive.config.detect.toml import parse as parse_toml
from pushlive.config.detect.toml import table


class Kind(StrEnum):
    """What a hint is about."""

    WEB = "web"
    """A command that serves."""
    RELEASE = "release"
    """A command that runs before the switch."""
    INSTALL = "install"
    """A command that installs or builds."""
    OTHER = "other"
    """Another process: a worker, a scheduler. `name` is what it is called."""
    VARIABLE = "variable"
    """An environment variable; `name` and its value as `text`."""
    IMAGE = "image"
    """A base image."""


class Hint(msgspec.Struct, frozen=True):
    """A command, variable or image, and where it stands (`Procfile:1`)."""

    kind: Kind
    text: str
    origin: str
    name: str = ""

    @property
    def path(self) -> str:
        """The file it stands in."""
        path, _, line = self.origin.rpartition(":")
        return path if line.isdecimal() else self.origin

    @property
    def line(self) -> int:
        """The line it stands on; 0 where that is not known."""
        line = self.origin.rpartition(":")[2]
        return int(line) if line.isdecimal() else 0


_SCRIPTS = ("start.sh", "startup.sh", "run.sh", "entrypoint.sh", "docker-entrypoint.sh", "bootstrap.sh", "build.sh")
_PROCESS = r"^([A-Za-z0-9_-]+)\s*:\s*(\S.*)$"
_YAML = r"^[\s-]*([A-Za-z_]+):\s*(\S.*?)\s*$"
_YAML_KINDS = {
    "startCommand": Kind.WEB,
    "run_command": Kind.WEB,
    "preDeployCommand": Kind.RELEASE,
    "buildCommand": Kind.INSTALL,
    "build_command": Kind.INSTALL,
}


def read(files: Files, folder: str = "") -> tuple[Hint, ...]:
    """Every hint in a folder, those that say it most plainly first. Scripts that a command names are read too."""
    found = [hint for name, reader in _READERS for hint in _read_one(files, join(folder, name), reader)]
    scripts = [hint for hint in found if hint.kind is Kind.WEB for hint in _named_scripts(files, folder, hint)]
    plain = [hint for name in _SCRIPTS for hint in _read_one(files, join(folder, name), _script)]
    return tuple(dict.fromkeys([*found, *scripts, *plain]))


def variable(hints: tuple[Hint, ...], name: str) -> Hint | None:
    """The first hint that gives the variable a value."""
    return next((hint for hint in hints if hint.kind is Kind.VARIABLE and hint.name == name and hint.text), None)


_Reader = Callable[[str, str], Iterator[Hint]]


def _read_one(files: Files, path: str, reader: _Reader) -> Iterator[Hint]:
    text = files.text(path)
    if text:
        yield from reader(text, path)


def _named_scripts(files: Files, folder: str, hint: Hint) -> Iterator[Hint]:
    """The lines of a script in the tree that a command starts."""
    for word in hint.text.split()[:3]:
        if word.startswith("-") or ":" in word:
            continue
        for path in (join(folder, word), join(folder, "/".join(word.split("/")[2:]))):
            text = files.text(path) if path.endswith(".sh") or "." not in path.rpartition("/")[2] else None
            if text and text.startswith("#!"):
                yield from _script(text, path)


def _procfile(text: str, path: str) -> Iterator[Hint]:
    kinds = {"web": Kind.WEB, "release": Kind.RELEASE}
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(_PROCESS, line):
            yield Hint(kinds.get(found[1], Kind.OTHER), found[2].strip(), f"{path}:{number}", found[1])


def _dockerfile(text: str, path: str) -> Iterator[Hint]:
    for instruction in read_dockerfile(text):
        origin = f"{path}:{instruction.line}"
        match instruction.name:
            case "FROM":
                yield Hint(Kind.IMAGE, instruction.text, origin)
            case "CMD" | "ENTRYPOINT":
                yield Hint(Kind.WEB, instruction.text, origin)
            case "RUN":
                yield Hint(Kind.INSTALL, instruction.text, origin)
            case "ENV":
                yield from (Hint(Kind.VARIABLE, value, origin, name) for name, value in instruction.variables)


def _yaml(text: str, path: str) -> Iterator[Hint]:
    """Commands by their key, and `key: NAME` followed by `value: TEXT`."""
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(_YAML, line.split(" #")[0])
        if not found:
            continue
        key, value, origin = found[1], found[2].strip("\"'"), f"{path}:{number}"
        if key in _YAML_KINDS:
            yield Hint(_YAML_KINDS[key], value, origin)
        elif key == "value" and name:
            yield Hint(Kind.VARIABLE, value, origin, name)
        elif key == SETTINGS_VARIABLE:
            yield Hint(Kind.VARIABLE, value, origin, key)
        name = value if key == "key" else ""


def _heroku_yaml(text: str, path: str) -> Iterator[Hint]:
    """`run:` is a table of processes as in a Procfile; `release:` has a `command:` list."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line and not line[0].isspace():
            section = line.partition(":")[0]
        elif section == "run" and (found := re.match(r"\s+web:\s*(\S.*)$", line)):
            yield Hint(Kind.WEB, found[1].strip("\"' "), f"{path}:{number}", "web")
        elif section == "release" and (found := re.match(r"\s+-\s+(\S.*)$", line)):
            yield Hint(Kind.RELEASE, found[1].strip("\"' "), f"{path}:{number}", "release")


def _fly(text: str, path: str) -> Iterator[Hint]:
    data = parse_toml(text)
    yield from _commands(Kind.WEB, [table(data, "processes").get("app"), table(data, "processes").get("web")], path)
    yield from _commands(Kind.RELEASE, [table(data, "deploy").get("release_command")], path)
    yield from _variables(table(data, "env"), path)


def _railway(text: str, path: str) -> Iterator[Hint]:
    data = parse_toml(text) if path.endswith(".toml") else _json(text)
    deploy = table(data, "deploy")
    before = deploy.get("preDeployCommand")
    yield from _commands(Kind.WEB, [deploy.get("startCommand"), table(data, "start").get("cmd")], path)
    yield from _commands(Kind.RELEASE, before if isinstance(before, list) else [before], path)


def _app_json(text: str, path: str) -> Iterator[Hint]:
    values = table(_json(text), "env")
    plain = {name: entry.get("value") if isinstance(entry, dict) else entry for name, entry in values.items()}
    yield from _variables(plain, path)


def _uwsgi(text: str, path: str) -> Iterator[Hint]:
    for number, line in enumerate(text.splitlines(), 1):
        key, _, value = (part.strip() for part in line.partition("="))
        origin = f"{path}:{number}"
        if key in {"module", "wsgi"}:
            yield Hint(Kind.WEB, f"uwsgi --module {value}", origin)
        elif key in {"wsgi-file", "wsgi_file"}:
            yield Hint(Kind.WEB, f"uwsgi --wsgi-file {value}", origin)
        elif key == "env":
            name, _, text_ = value.partition("=")
            yield Hint(Kind.VARIABLE, text_, origin, name)


def _script(text: str, path: str) -> Iterator[Hint]:
    joined = text.replace("\\\n", " \x00")  # keeps the count of lines
    number = 1
    for line in joined.split("\n"):
        yield Hint(Kind.INSTALL, " ".join(line.replace("\x00", "").split()), f"{path}:{number}")
        yield Hint(Kind.WEB, " ".join(line.replace("\x00", "").split()), f"{path}:{number}")
        number += 1 + line.count("\x00")


def _commands(kind: Kind, values: list[object], path: str) -> Iterator[Hint]:
    yield from (Hint(kind, value.strip(), path) for value in values if isinstance(value, str) and value.strip())


def _variables(values: dict[str, object], path: str) -> Iterator[Hint]:
    yield from (Hint(Kind.VARIABLE, value, path, name) for name, value in values.items() if isinstance(value, str))


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return {}


_READERS: tuple[tuple[str, _Reader], ...] = (
    ("Procfile", _procfile),
    ("render.yaml", _yaml),
    (".do/app.yaml", _yaml),
    ("app.yaml", _yaml),
    ("fly.toml", _fly),
    ("railway.json", _railway),
    ("railway.toml", _railway),
    ("nixpacks.toml", _railway),
    ("heroku.yml", _heroku_yaml),
    ("app.json", _app_json),
    ("Dockerfile", _dockerfile),
    ("uwsgi.ini", _uwsgi),
    ("etc/uwsgi.ini", _uwsgi),
)
