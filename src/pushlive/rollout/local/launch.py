"""How the processes of a release are started: from the image's configuration to an argv and an environment. Pure."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec

from pushlive.model.errors import StateError
from pushlive.model.home import SiteHome
from pushlive.model.image import APP, PACKAGES, SERVER, Layer
from pushlive.model.release import CacheSpec, Release
from pushlive.rollout.local import places
from pushlive.system.process import Account

START_ONLY = ("PYTHON", "LD_", "MALLOC_", "GLIBC_TUNABLES", "LC_", "OPENSSL_")
"""Beginnings of names that take effect when a program starts: a fork server has them as its replicas do."""

START_NAMES = ("LANG", "LANGUAGE")
"""Whole names of that kind: what begins so may be anything, the key of Langfuse for example."""

DEFAULT_STOP_TIMEOUT = 30.0
DEFAULT_THREADS = 4

_IMAGE_PATH = re.compile(rf"(?<![\w.-])(?:{APP}|{PACKAGES}|{SERVER})(?=/|$|[?:,;])")
_ROOM = 1024
"""Bytes in the fork server's environment for what is to be seen in that of a replica (/proc/PID/environ)."""

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """All a supervisor needs to start a release, but the values of its secrets. Timeouts in seconds.

    `warm` is the virtual environment of the fork server that its replicas may start from; empty when they may not.
    """

    release: str
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str] = field(repr=False)
    replicas: int
    account: Account | None = None
    secrets: tuple[str, ...] = ()
    secrets_version: str = ""
    cache: CacheSpec | None = None
    start_timeout: float = 60.0
    stop_timeout: float = DEFAULT_STOP_TIMEOUT
    warm: str = ""


@dataclass(frozen=True, slots=True)
class Warm:
    """How a fork server is started: in which virtual environment, by which argv, with which environment."""

    folder: str
    argv: tuple[str, ...]
    env: dict[str, str]


def specify(home: SiteHome, site: str, release: Release, account: Account | None) -> LaunchSpec:
    """How `release` is started below `home`."""
    env = base_environment(home, site, release)
    return LaunchSpec(
        release=release.name,
        argv=entrypoint(home, release),
        cwd=local_path(home, release.name, release.image.config.working_dir or APP),
        env=env,
        replicas=release.replicas,
        account=account,
        secrets=release.secrets,
        secrets_version=release.secrets_version,
        cache=release.cache,
        start_timeout=release.start_timeout,
        stop_timeout=float(env["PUSHLIVE_STOP_TIMEOUT"]),
        warm=warm_folder(home, release.python, release.image.layers[:-1]) if _may_fork(release) else "",
    )


def warm_folder(home: SiteHome, python: str, shared: Sequence[Layer]) -> str:
    """The folder that all releases with this interpreter and these layers below their own have in common."""
    names = "\n".join([python, *(layer.diff_id.hex for layer in shared)])
    return str(places.warm(home) / sha256(names.encode()).hexdigest()[:16])


def warm(spec: LaunchSpec, env: Mapping[str, str]) -> Warm | None:
    """The fork server for the replicas of a release that is here, given their environment; None for none.

    It gets what takes effect at the start of a program as they do, and nothing else of theirs: it has neither secrets
    nor paths of the release, which is removed before it.
    """
    if not spec.warm:
        return None
    run = os.path.realpath(spec.argv[1])
    packages = os.path.realpath(Path(spec.argv[1]).parents[1] / "packages")
    start = {name: value for name, value in env.items() if _is_start_only(name) and name not in spec.secrets}
    if os.path.realpath(env.get("PYTHONPATH", "").rpartition(":")[2]) == packages:
        start["PYTHONPATH"] = packages
    ours = {"PATH": _SYSTEM_PATH, "HOME": env["HOME"], "PUSHLIVE_WARM_ROOM": " " * _ROOM}
    return Warm(spec.warm, (f"{spec.warm}/bin/python", run, "warm"), {**start, **ours})


def _is_start_only(name: str) -> bool:
    return name in START_NAMES or (name.startswith(START_ONLY) and name != "PYTHONPATH")


def _may_fork(release: Release) -> bool:
    return release.warm and release.image.config.entrypoint == ("python", f"{SERVER}/run.py", "serve")


def local_path(home: SiteHome, release: str, text: str) -> str:
    """`text` with every path of the image in it (`/app/...`) replaced by its place in the release's folder."""
    root = places.release_folder(home, release) / "root"
    return _IMAGE_PATH.sub(lambda found: f"{root}{found[0]}", text)


def entrypoint(home: SiteHome, release: Release) -> tuple[str, ...]:
    """The image's entrypoint, with the release's own interpreter for `python`."""
    program, *rest = release.image.config.entrypoint
    folder = places.release_folder(home, release.name)
    if program in {"python", "python3"}:
        program = str(folder / "venv/bin/python")
    return (program, *(local_path(home, release.name, part) for part in rest))


def base_environment(home: SiteHome, site: str, release: Release) -> dict[str, str]:
    """The environment of every process of the release, without secrets and without the cache's address.

    Paths of the image are translated, but in what the user set, which is taken as it stands.
    """
    ours = {name: value for name, value in release.env.items() if name.startswith("PUSHLIVE_")}
    supplied = {one.name: one.value for one in release.supplied if not one.secret}
    made = {**release.image.config.env, **supplied, **ours}
    return {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PUSHLIVE_THREADS": str(DEFAULT_THREADS),
        "PUSHLIVE_STOP_TIMEOUT": str(int(DEFAULT_STOP_TIMEOUT)),
        **{name: local_path(home, release.name, value) for name, value in made.items()},
        **{name: value for name, value in release.env.items() if name not in ours},
        "PATH": f"{places.release_folder(home, release.name) / 'venv/bin'}:{_SYSTEM_PATH}",
        "HOME": str(home.data / ".home"),
        "PUSHLIVE_SITE": site,
        "PUSHLIVE_RELEASE": release.name,
        "PUSHLIVE_REVISION": release.revision,
    }


def environment(spec: LaunchSpec, secrets: Mapping[str, str], servers: str) -> dict[str, str]:
    """The whole environment of a process of the release: `servers` are memcached's as host:port,host:port.

    Raises StateError when a secret that the release names has no value.
    """
    missing = [name for name in spec.secrets if name not in secrets]
    if missing:
        raise StateError(
            f"release {spec.release} needs {', '.join(missing)}, which has no value",
            remedy=f"Set it with `pushlive env set {missing[0]}`.",
        )
    chosen = {name: secrets[name] for name in spec.secrets}
    cache = dict.fromkeys(spec.cache.variables, servers) if spec.cache and servers else {}
    return {**cache, **spec.env, **chosen}


def to_json(spec: LaunchSpec) -> bytes:
    """The text of launch.json."""
    return msgspec.json.format(msgspec.json.encode(spec), indent=1)


def read(file: Path) -> LaunchSpec:
    """Read launch.json. Raises StateError when it is not there or damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=LaunchSpec)
    except FileNotFoundError as error:
        raise StateError(
            f"release {file.parent.name} is not here any more",
            where=str(file),
            remedy="Deliver its revision again.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(f"launch.json is damaged: {error}", where=str(file)) from error
