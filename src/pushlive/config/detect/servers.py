"""Commands that start a web server: which one, on which application, from which folder."""

import re
import shlex
from itertools import pairwise

from msgspec import Struct

from pushlive.config.detect.code import SETTINGS_VARIABLE
from pushlive.config.detect.hints import Hint, Kind
from pushlive.config.site import Interface

_SERVERS = {
    "gunicorn": Interface.WSGI,
    "uwsgi": Interface.WSGI,
    "waitress-serve": Interface.WSGI,
    "mod_wsgi-express": Interface.WSGI,
    "uvicorn": Interface.ASGI,
    "daphne": Interface.ASGI,
    "hypercorn": Interface.ASGI,
    "granian": Interface.ASGI,
}
_ASGI_WORKERS = ("uvicorn", "asgi", "hypercorn")
_APPLICATION = r"([A-Za-z_][\w.]*)(?::([A-Za-z_]\w*(?:\(\))?))?"
_SETTINGS = SETTINGS_VARIABLE + r"=([\w.]+)"


class Serves(Struct, frozen=True):
    """A command that serves. `candidates` are its words that may name the application, as module and callable.

    `folder` is where it runs, when the command changes to one; `wsgi_file` is a file that uwsgi is given.
    """

    server: str
    interface: Interface
    candidates: tuple[tuple[str, str], ...]
    origin: str
    folder: str = ""
    settings: str = ""
    wsgi_file: str = ""


def serving(hints: tuple[Hint, ...]) -> tuple[Serves, ...]:
    """The hints that start a server, in their order."""
    found = (_read(hint) for hint in hints if hint.kind is Kind.WEB)
    return tuple(serves for serves in found if serves)


def words(command: str) -> list[str]:
    """A command's words, nested `sh -c '…'` included; those of a line that no shell could read, roughly."""
    try:
        found = shlex.split(command, comments=True)
    except ValueError:
        found = command.split()
    return [word for text in found for word in (text.split() if " " in text else [text])]


def _read(hint: Hint) -> Serves | None:
    if hint.text.startswith("#"):
        return None
    said = words(hint.text)
    at = next((index for index, word in enumerate(said) if _server(word)), None)
    if at is None:
        return None
    server, rest = _server(said[at]), said[at + 1 :]
    settings = re.search(_SETTINGS, hint.text)
    return Serves(
        server=server,
        interface=_interface(server, rest),
        candidates=tuple(_application(word) for word in rest if re.fullmatch(_APPLICATION, word)),
        origin=hint.origin,
        folder=_option(rest, "--chdir") or _option(said[:at], "cd"),
        settings=settings[1] if settings else "",
        wsgi_file=_option(rest, "--wsgi-file"),
    )


def _server(word: str) -> str:
    name = word.rpartition("/")[2]
    return name if name in _SERVERS else ""


def _interface(server: str, rest: list[str]) -> Interface:
    if server == "granian":
        return Interface.WSGI if _option(rest, "--interface") == "wsgi" else Interface.ASGI
    worker = (_option(rest, "-k") or _option(rest, "--worker-class")).lower()
    return Interface.ASGI if any(name in worker for name in _ASGI_WORKERS) else _SERVERS[server]


def _option(said: list[str], name: str) -> str:
    """The value of an option, as the next word or after `=`."""
    for word, following in pairwise([*said, ""]):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return ""


def _application(word: str) -> tuple[str, str]:
    module, _, name = word.partition(":")
    return module, name
