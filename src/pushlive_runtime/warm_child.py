"""How a forked process becomes what an executed one would have been."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import sys
import tempfile
import time
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

START_ONLY = ("PYTHON", "LD_", "MALLOC_", "GLIBC_TUNABLES", "LC_", "OPENSSL_")
"""Beginnings of names that the C library, the dynamic linker and the interpreter read once, when a program starts."""
START_NAMES = ("LANG", "LANGUAGE")
"""Whole names of that kind."""
SEARCH_PATH = "PYTHONPATH"
"""The one of them that a fork can still follow, by `sys.path`."""
SAFE_PTH = ("distutils-precedence.pth", "_virtualenv.pth", "__editable__", "-nspkg.pth", "easy-install.pth")
"""Files of site-packages whose code does not look at the environment."""
SHOWN_FIRST = ("PUSHLIVE_SOCKET", "HOME", "PUSHLIVE_REPLICA", "PUSHLIVE_SITE", "PUSHLIVE_RELEASE")


class Interpreter(NamedTuple):
    """What a fork cannot change: the interpreter, the packages and the server layer it has imported from.

    `env` is what it was started with; `coerced` is what Python then made of the locale (PEP 538).
    """

    base: str
    prefix: str
    packages: str
    layer: str
    env: Dict[str, str]
    coerced: Dict[str, str]
    startup_code: str

    @classmethod
    def this(cls, layer: str) -> "Interpreter":
        """Look at the running process, and make `sys.path` of real paths: its modules' files then outlive a release."""
        sys.path[:] = [os.path.realpath(entry) for entry in sys.path]
        packages = _packages_of(sys.prefix)
        env = _first_environment()
        return cls(
            base=os.path.realpath(sys.executable),
            prefix=sys.prefix,
            packages=packages,
            layer=os.path.realpath(layer),
            env=env,
            coerced={name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ and name not in env},
            startup_code=_startup(packages),
        )

    def differs(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> str:
        """Why `argv` in `env` and `cwd` needs a fresh interpreter; empty when it does not."""
        return next(filter(None, self._differences(argv, env, cwd)), "")

    def _differences(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> Iterator[str]:
        if self.startup_code:
            yield f"{self.startup_code} runs code whenever Python starts"
        if not argv[2:] or os.path.realpath(argv[0]) != self.base:
            yield "another interpreter is asked for"
        elif os.path.realpath(os.path.dirname(argv[1])) != self.layer:
            yield "another server layer is asked for"
        elif _packages_of(_prefix_of(argv[0])) != self.packages:
            yield "other packages are asked for"
        mine, asked = _start_only(self.env), _start_only(env)
        changed = sorted(name for name in mine.keys() | asked.keys() if mine.get(name) != asked.get(name))
        if changed:
            yield f"{', '.join(changed)} takes effect at the start of a program alone"
        ahead = self.searched_ahead(env, cwd)
        if ahead is None:
            yield f"{SEARCH_PATH} does not end in the server's"
        elif _shadow([cwd, *ahead]):
            yield f"{_shadow([cwd, *ahead])} would not be imported: another module of its name is already"

    def searched_ahead(self, env: Mapping[str, str], cwd: str) -> Optional[List[str]]:
        """The folders of PYTHONPATH in front of those that the server was started with; None where it has others."""
        mine, asked = _searched(self.env, "/"), _searched(env, cwd)
        front = asked[: len(asked) - len(mine)]
        same = [os.path.realpath(entry) for entry in asked[len(front) :]] == [os.path.realpath(entry) for entry in mine]
        return front if same else None


def become(request: Any, interpreter: Interpreter) -> None:
    """Take on the request's descriptors, environment, folder and arguments, and lead a session."""
    os.setsid()
    _reset_signals()
    _arrange_descriptors(request.descriptors, [0, 1, 2, *request.fds])
    os.environ.clear()
    os.environ.update({**request.env, **interpreter.coerced})
    with contextlib.suppress(OSError):
        _show_environment(request.env)
    time.tzset()
    os.chdir(request.cwd)
    sys.path[1:1] = interpreter.searched_ahead(request.env, request.cwd) or []
    _rename(request.argv, interpreter)
    random.seed()
    tempfile.tempdir = None


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _arrange_descriptors(handed: Sequence[int], wanted: Sequence[int]) -> None:
    """Give each of `handed` its number in `wanted`, and close all others."""
    above = max(wanted) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, above) for descriptor in handed]
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in moved:
            with contextlib.suppress(OSError):
                os.close(int(name))
    for descriptor, number in zip(moved, wanted):  # noqa: B905 - strict= came with Python 3.10
        os.dup2(descriptor, number)
        os.close(descriptor)


def _rename(argv: Sequence[str], interpreter: Interpreter) -> None:
    """Be the release's interpreter: `sys.executable` and the prefixes name its own folder."""
    sys.argv = list(argv[1:])
    sys.executable = argv[0]
    prefix = _prefix_of(argv[0])
    if sys.prefix == interpreter.prefix != sys.base_prefix and prefix:
        sys.prefix = sys.exec_prefix = prefix


def _prefix_of(python: str) -> str:
    """The folder of the virtual environment that `python` stands in; the interpreter's own where there is none."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(python)))
    return folder if os.path.exists(os.path.join(folder, "pyvenv.cfg")) else sys.base_prefix


def _packages_of(prefix: str) -> str:
    major, minor = sys.version_info[:2]
    return os.path.realpath(os.path.join(prefix, "lib", f"python{major}.{minor}", "site-packages"))


def _startup(packages: str) -> str:
    """A file of the packages that runs code of its own at every start, empty when there is none."""
    try:
        names = os.listdir(packages)
    except OSError:
        return ""
    custom = [name for name in names if name in ("sitecustomize.py", "usercustomize.py")]
    return next(iter(custom + [name for name in names if _runs_code(packages, name)]), "")


def _runs_code(packages: str, name: str) -> bool:
    if not name.endswith(".pth") or name.startswith(SAFE_PTH) or name.endswith(SAFE_PTH):
        return False
    with open(os.path.join(packages, name), encoding="utf-8", errors="replace") as file:
        return any(line.startswith(("import ", "import\t")) for line in file)


def _first_environment() -> Dict[str, str]:
    """The environment as it was handed to this program, before anything changed it."""
    with open("/proc/self/environ", "rb") as environ:
        entries = [entry.partition(b"=") for entry in environ.read().split(b"\0") if entry]
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in entries}


def _start_only(env: Mapping[str, str]) -> Dict[str, str]:
    names = (name for name in env if name in START_NAMES or name.startswith(START_ONLY))
    return {name: env[name] for name in names if name != SEARCH_PATH}


def _searched(env: Mapping[str, str], cwd: str) -> List[str]:
    text = env.get(SEARCH_PATH)
    return [os.path.join(cwd, entry) for entry in text.split(os.pathsep)] if text else []


def _shadow(folders: Sequence[str]) -> str:
    """A module of `folders`, which come first, whose name an imported one has; empty when there is none."""
    taken = {name for name in sys.modules if "." not in name and name != "__main__"}
    for folder in folders:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if name.partition(".")[0] in taken and _is_module(path):
                    return path
    return ""


def _is_module(path: str) -> bool:
    """A file or a package that an import would take; a mere folder (`locale`) would be the last choice."""
    return path.endswith((".py", ".so")) or os.path.isfile(os.path.join(path, "__init__.py"))


def _show_environment(env: Mapping[str, str]) -> None:
    """Have /proc/PID/environ begin with what tells replicas apart. Nothing else reads that memory any more."""
    with open("/proc/self/stat", encoding="ascii", errors="replace") as stat:
        start, end = (int(field) for field in stat.read().rpartition(")")[2].split()[47:49])
    names: List[str] = [*SHOWN_FIRST, *(name for name in env if name.startswith("PUSHLIVE_") and "KEY" not in name)]
    text = b""
    for name in dict.fromkeys(names):
        entry = os.fsencode(f"{name}={env.get(name, '')}") + b"\0"
        if name in env and len(text) + len(entry) <= end - start:
            text += entry
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(text.ljust(end - start, b"\0"))
