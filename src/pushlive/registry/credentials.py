"""Who we are at a registry: what `docker login` and `podman login` left, and the helpers those files name.

docker's order: credHelpers, then credsStore, then auths (docker-credential-helpers; containers-auth.json(5)).
"""

import base64
import binascii
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pushlive.model.errors import MachineError
from pushlive.registry.reference import DOCKER_HUB
from pushlive.system import process

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")
_IDENTITY = "<token>"
"""The name by which a helper says that its secret is an identity token."""

_HELPER_SECONDS = 30.0
_NOT_FOUND = "credentials not found"


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password, or tokens in their place: `identity` gets new tokens, `bearer` is one."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)


def find(registry: str, repository: str, environ: Mapping[str, str] | None = None) -> Login | None:
    """The login for a repository of `registry`; None for nobody in particular.

    Raises MachineError for a file that cannot be read, or a helper that is not there or fails.
    """
    for file in _files(os.environ if environ is None else environ):
        if found := _in_file(file, registry, repository):
            return found
    return None


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where logins are kept, in the order they are asked."""
    home = Path(environ.get("HOME") or "/")
    if own := environ.get("REGISTRY_AUTH_FILE"):
        yield Path(own)
    yield Path(environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers/auth.json"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "containers/auth.json"


def _in_file(file: Path, registry: str, repository: str) -> Login | None:
    config = _read(file)
    names = tuple(_names(registry, repository))
    helpers, auths = _table(config, "credHelpers"), _table(config, "auths")
    for key in _keys(helpers, names):
        return _ask_helper(str(helpers[key]), key, file)
    own = _HUB_KEYS[0] if registry == DOCKER_HUB else registry
    if (store := config.get("credsStore")) and (found := _stored(str(store), [*_keys(auths, names), own], file)):
        return found
    entries = (auths[key] for key in _keys(auths, names))
    return next((found for entry in entries if isinstance(entry, dict) and (found := _entry(entry, file))), None)


def _keys(table: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """The keys that stand for these names, as they are written there: a helper knows its logins by them."""
    written = {_bare(key): key for key in table}
    return [written[bare] for bare in dict.fromkeys(map(_bare, names)) if bare in written]


def _stored(helper: str, keys: Iterable[str], file: Path) -> Login | None:
    found = (_ask_helper(helper, key, file) for key in dict.fromkeys(keys))
    return next(filter(None, found), None)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise MachineError(
            f"the registry logins in {file} cannot be read: {error}",
            where=str(file),
            remedy="Correct the file, or remove it and sign in again with `docker login`.",
        ) from error
    return found if isinstance(found, dict) else {}


def _table(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _names(registry: str, repository: str) -> Iterator[str]:
    """Under which keys a login may stand, the closest first: podman's may be for a part of a registry."""
    parts = repository.split("/")
    yield from (f"{registry}/{'/'.join(parts[:length])}" for length in range(len(parts), 0, -1))
    if registry == DOCKER_HUB:
        yield from _HUB_KEYS
    yield registry


def _bare(key: str) -> str:
    """A key without scheme and the path of Docker's first API: `https://ghcr.io/v1/` is `ghcr.io`."""
    host = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return host.removesuffix("/v1").removesuffix("/v2")


def _entry(entry: Mapping[str, Any], file: Path) -> Login | None:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if packed := entry.get("auth"):
        username, password = _unpacked(str(packed), file)
    identity, bearer = str(entry.get("identitytoken") or ""), str(entry.get("registrytoken") or "")
    if bearer and not is_token(bearer):
        raise MachineError("a registrytoken is no token", where=str(file), remedy="Sign in again: `docker login`.")
    return Login(username, password, identity, bearer) if username or identity or bearer else None


def is_token(text: str) -> bool:
    """Whether it can stand in a header."""
    return text.isascii() and text.isprintable() and " " not in text


def _unpacked(packed: str, file: Path) -> tuple[str, str]:
    try:
        username, _, password = base64.b64decode("".join(packed.split()), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise MachineError(
            "a registry login is no base64 of NAME:PASSWORD", where=str(file), remedy="Sign in again: `docker login`."
        ) from error
    return username, password.rstrip("\0")


def _ask_helper(helper: str, name: str, file: Path) -> Login | None:
    program = f"docker-credential-{helper}"
    try:
        done = process.run([program, "get"], stdin=name.encode(), timeout=_HELPER_SECONDS)
    except MachineError as error:
        raise MachineError(
            f"{program} cannot be started, and {file} has the logins kept by it",
            where=str(file),
            remedy=f"Install it, or take {helper!r} out of credsStore and credHelpers there and sign in again.",
        ) from error
    if done.ok:
        return _from_helper(done.output, program, file)
    told = f"{done.output}\n{done.errors}".strip()
    if _NOT_FOUND in told.lower():
        return None
    raise MachineError(
        f"{program} gives no login for {name}: it {done.ending}",
        where=str(file),
        evidence=[line for line in told.splitlines() if "Secret" not in line][-3:],
        remedy="Sign in again.",
    )


def _from_helper(text: str, program: str, file: Path) -> Login | None:
    try:
        answer = json.loads(text)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise MachineError(f"{program} answers nonsense", where=str(file), remedy=f"Mend {program}.") from error
    if not username and not secret:
        return None
    return Login(identity=secret) if username == _IDENTITY else Login(username, secret)
