"""What the environment tells a replica: the one place that reads its names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from typing import Mapping, MutableMapping, Optional, Tuple

DEFAULT_PORT = 8000
PREFIX = "PUSHLIVE_"


class BadEnvironment(ValueError):  # noqa: N818 - named for what is wrong, as the error tree of pushlive is
    """A variable of the replica's contract is missing or cannot be read; the text names it."""


class Interface(Enum):
    """How the site's application is called."""

    WSGI = "wsgi"
    ASGI = "asgi"


@dataclass(frozen=True)
class Identity:
    """Which copy of which release this is, as a signed probe is told."""

    revision: str = ""
    release: str = ""
    replica: str = ""


@dataclass(frozen=True)
class Mount:
    """A URL prefix and the folder whose files stand below it."""

    url: str
    root: str


@dataclass(frozen=True)
class Settings:
    """One replica's settings. Times in seconds.

    `socket` is the path of the private unix socket, `public` are inherited listening sockets, `gate` is the eventfd
    that says when they may be used; without them `port` is bound on every address.
    """

    app: str
    interface: Interface = Interface.WSGI
    identity: Identity = Identity()
    key: str = ""
    workers: int = 1
    threads: int = 4
    keepalive: int = 5
    stop_timeout: float = 30.0
    socket: str = ""
    public: Tuple[int, ...] = ()
    gate: Optional[int] = None
    port: int = DEFAULT_PORT
    static: Optional[Mount] = None
    media: Optional[Mount] = None
    access_log: bool = False
    trusted_proxies: str = "127.0.0.1,::1"


def from_environment(env: Mapping[str, str]) -> Settings:
    """Read PUSHLIVE_*, PORT and FORWARDED_ALLOW_IPS. Raises BadEnvironment."""
    app = env.get("PUSHLIVE_APP", "")
    if not app:
        raise BadEnvironment("PUSHLIVE_APP is not set: it names the site's application, as in proj.wsgi:application")
    return Settings(
        app=app,
        interface=_interface(env),
        identity=Identity(*(env.get(PREFIX + name, "") for name in ("REVISION", "RELEASE", "REPLICA"))),
        key=env.get("PUSHLIVE_PROBE_KEY", ""),
        workers=_number(env, "PUSHLIVE_WORKERS", 1),
        threads=_number(env, "PUSHLIVE_THREADS", 4),
        keepalive=_number(env, "PUSHLIVE_KEEPALIVE", 5),
        stop_timeout=_seconds(env, "PUSHLIVE_STOP_TIMEOUT", 30.0),
        socket=env.get("PUSHLIVE_SOCKET", ""),
        public=_descriptors(env),
        gate=_number(env, "PUSHLIVE_GATE_FD", 0, least=0) if env.get("PUSHLIVE_GATE_FD") else None,
        port=_number(env, "PORT", DEFAULT_PORT),
        static=_mount(env, "STATIC"),
        media=_mount(env, "MEDIA"),
        access_log=env.get("PUSHLIVE_ACCESS_LOG", "") not in ("", "0"),
        trusted_proxies=env.get("FORWARDED_ALLOW_IPS") or "127.0.0.1,::1",
    )


def forget_private(env: MutableMapping[str, str]) -> None:
    """Take out of `env` what is the server's business alone, so that no process of the site inherits it."""
    for name in ("PUSHLIVE_PROBE_KEY", "PUSHLIVE_PUBLIC_FDS", "PUSHLIVE_GATE_FD", "PUSHLIVE_SOCKET"):
        env.pop(name, None)
    for name in ("GUNICORN_PID", "GUNICORN_FD", "GUNICORN_CMD_ARGS"):
        env.pop(name, None)


def _interface(env: Mapping[str, str]) -> Interface:
    value = env.get("PUSHLIVE_INTERFACE") or "wsgi"
    try:
        return Interface(value)
    except ValueError:
        raise BadEnvironment(f"PUSHLIVE_INTERFACE is {value!r}: should be wsgi or asgi") from None


def _number(env: Mapping[str, str], name: str, default: int, *, least: int = 1) -> int:
    value = env.get(name) or str(default)
    if not value.isdecimal() or int(value) < least:
        raise BadEnvironment(f"{name} is {value!r}: should be a whole number of at least {least}")
    return int(value)


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    value = env.get(name) or str(default)
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadEnvironment(f"{name} is {value!r}: should be a number of seconds")
    return seconds


def _descriptors(env: Mapping[str, str]) -> Tuple[int, ...]:
    value = env.get("PUSHLIVE_PUBLIC_FDS", "")
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise BadEnvironment(f"PUSHLIVE_PUBLIC_FDS is {value!r}: should be file descriptors, as in 3,4")
    return tuple(int(part) for part in parts)


def _mount(env: Mapping[str, str], kind: str) -> Optional[Mount]:
    url, root = env.get(f"PUSHLIVE_{kind}_URL", ""), env.get(f"PUSHLIVE_{kind}_ROOT", "")
    if not url or not root:
        return None
    return Mount("/" + url.strip("/") + "/", os.path.abspath(root))
