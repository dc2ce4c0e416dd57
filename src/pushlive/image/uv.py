"""Run uv: by its own path, from outside the tree, with an environment that reaches the index and tells nothing else."""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from pushlive.model.errors import MachineError, PackagesError
from pushlive.system import process
from pushlive.system.files import explained
from pushlive.system.process import Account, Completed

_OWN = "UV_"
_PRIVATE = frozenset(
    {
        *("UV_CACHE_DIR", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT"),
        *("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PYTHON_PREFERENCE", "UV_MANAGED_PYTHON", "UV_NO_MANAGED_PYTHON"),
        *("UV_PYTHON_INSTALL_DIR", "UV_PYTHON_BIN_DIR", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE"),
    }
)
"""Which Python, project or folder is ours to say; and so is whether a package's code is run."""
_PUBLISHING = "UV_PUBLISH"
_CREDENTIALS = ("USERNAME", "PASSWORD", "TOKEN", "KEYRING", "AUTH")
_USERINFO = re.compile(r"(?<=://)[^/\s?#]*@")
_SECONDS = 1800.0
_INSTALL_SECONDS = 300.0


@cache
def binary() -> Path:
    """Where uv is. Raises MachineError when it is not installed."""
    import uv  # noqa: PLC0415 - only a delivery with new dependencies needs it

    try:
        return Path(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise MachineError("uv is not installed with pushlive", remedy="Install it: `pip install uv`.") from error


def environment(*, home: Path, cache_folder: Path, secrets: bool) -> dict[str, str]:
    """What uv gets: certificates, proxies and its own settings; with `secrets` the credentials of indexes too."""
    own = {name: value for name, value in os.environ.items() if _passes(name, secrets=secrets)}
    if not secrets:
        own = {name: _USERINFO.sub("", value) for name, value in own.items()}
    return {
        **process.network_environment(),
        **own,
        "HOME": str(home),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "UV_CACHE_DIR": str(cache_folder),
        "UV_NO_INSTALLER_METADATA": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _passes(name: str, *, secrets: bool) -> bool:
    if not name.startswith(_OWN) or name in _PRIVATE or name.startswith(_PUBLISHING):
        return False
    return secrets or not any(word in name for word in _CREDENTIALS)


def run(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str],
    cwd: Path,
    account: Account | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run uv with `arguments`, as `account` (None: as us).

    With `on_line` each line is handed to it as it comes, and all that was printed is in `errors`. Raises MachineError
    when it cannot be started, and PackagesError when it takes more than half an hour.
    """
    program = binary() if account is None else _reachable(Path(env["UV_CACHE_DIR"]).parent, account)
    alone = () if account is None else ("--no-config",)
    argv = (program, *alone, "--color", "never", *arguments)
    if on_line is None:
        return _in_time(process.run(argv, cwd=cwd, env=env, account=account, timeout=_SECONDS))
    done = process.stream(argv, on_line, cwd=cwd, env=env, account=account, timeout=_SECONDS)
    return _in_time(replace(done, output="", errors=done.output))


def _in_time(done: Completed) -> Completed:
    if done.limit is None:
        return done
    raise PackagesError(
        f"the site's packages were not installed within {done.limit / 60:g} minutes",
        remedy="See in its last lines what took so long: pin versions that have wheels, or look at the package index.",
        evidence=tuple(done.errors.splitlines()[-3:]),
        output=done.errors,
    )


def _reachable(tools: Path, account: Account) -> Path:
    """The path of uv for an account that may not enter where ours is: a copy, once for each version."""
    ours = binary()
    if all(_others_enter(parent, account) for parent in ours.parents):
        return ours
    copy = tools / f"uv-{ours.stat().st_size}-{ours.stat().st_mtime_ns}"
    if not copy.exists():
        with explained(copy):
            tools.mkdir(parents=True, exist_ok=True)
            fresh = copy.with_name(f".{copy.name}-{os.getpid()}")
            shutil.copyfile(ours, fresh)
            fresh.chmod(0o755)
            fresh.replace(copy)
    return copy


def _others_enter(folder: Path, account: Account) -> bool:
    status = folder.stat()
    return bool(status.st_mode & 0o001) or (status.st_uid == account.uid and bool(status.st_mode & 0o100))


def install_python(request: str, pythons: Path) -> bool:
    """Have uv install a Python (`==3.12.*`) below `pythons`; says whether it could."""
    env = environment(home=Path.home(), cache_folder=pythons.parent / "uv", secrets=True)
    env |= {"UV_PYTHON_INSTALL_DIR": str(pythons), "UV_PYTHON_DOWNLOADS": "manual", "UV_HTTP_RETRIES": "1"}
    argv = (binary(), "--no-config", "python", "install", "--no-bin", request)
    return process.run(argv, cwd=Path("/"), env=env, timeout=_INSTALL_SECONDS).ok
