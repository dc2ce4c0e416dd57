"""Which Pythons this machine has: real binaries, never a version manager's shims, each asked once what it is."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from pushlive.model.errors import PushliveError
from pushlive.system import process
from pushlive.system.files import write_atomic
from pushlive.system.process import Account

OLDEST = (3, 9)
"""The oldest Python that the server layer runs on."""

_NAME = re.compile(r"python3\.(\d+)")
_ELF = b"\x7fELF"
_SECONDS = 20.0
_NEEDED = ("ssl", "sqlite3", "ctypes", "zlib")
_ASK = """\
import json, os, sys, sysconfig
def lacks(name):
    try:
        __import__(name)
    except ImportError:
        return True
    return False
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or "musl"
except (ValueError, OSError):
    libc = "musl"
final = sys.version_info.releaselevel == "final" and sys.implementation.name == "cpython"
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "platform": "%s %s" % (sysconfig.get_config_var("SOABI"), libc),
    "prefix": sys.base_prefix,
    "plain": bool(final and not sysconfig.get_config_var("Py_GIL_DISABLED")),
    "lacks": [name for name in sys.argv[1:] if lacks(name)],
}))
"""


class Interpreter(Struct, frozen=True):
    """A Python of this machine. `platform` is its ABI and libc (`cpython-312-x86_64-linux-gnu glibc 2.36`).

    `plain` is False for anything but a final CPython with its lock; `lacks` are needed modules it has not.
    """

    path: Path
    version: str
    platform: str
    prefix: Path
    plain: bool = True
    lacks: tuple[str, ...] = ()

    @property
    def number(self) -> tuple[int, ...]:
        """The version, to compare."""
        return tuple(int(part) for part in self.version.split("."))

    @property
    def minor(self) -> str:
        """The version without its last number: `3.12`."""
        return self.version.rpartition(".")[0]

    @property
    def machine(self) -> str:
        """The processor it runs on, as uname(1) calls it."""
        return os.uname().machine

    @property
    def target(self) -> tuple[str, ...]:
        """What uv is told so that it installs for this Python, besides its path."""
        return ()

    @property
    def compiles(self) -> bool:
        """The program at `path` writes bytecode that this Python reads, and builds packages that it imports."""
        return True

    @property
    def library(self) -> Path:
        """The folder of its standard library."""
        return self.prefix / "lib" / f"python{self.minor}"

    @property
    def usable(self) -> bool:
        """A site can run on it."""
        return self.plain and not self.lacks and self.number >= OLDEST

    @property
    def system(self) -> bool:
        """It is the operating system's own."""
        return self.prefix == Path("/usr")


def folders(environ: Mapping[str, str], pythons: Path) -> Iterator[Path]:
    """Where Pythons may be, the system's first; `pythons` is where our own are."""
    home = Path(environ.get("HOME") or "/nonexistent")
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    yield from (Path("/usr/bin"), Path("/usr/local/bin"))
    yield from (Path(part) for part in environ.get("PATH", "").split(":") if part.startswith("/"))
    parents = (
        Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python"),
        home / ".asdf/installs/python",
        data / "mise/installs/python",
        Path("/opt/python"),
        pythons,
    )
    for parent, pattern in ((Path("/opt"), "python*/bin"), *((parent, "*/bin") for parent in parents)):
        yield from sorted(parent.glob(pattern)) if os.access(parent, os.R_OK | os.X_OK) else ()


def binaries(places: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """The Python 3 binaries in `places`, by their real path, with the version their name says."""
    found: dict[Path, tuple[int, int]] = {}
    for place in places:
        if "shims" in place.parts or not place.is_dir() or not os.access(place, os.R_OK | os.X_OK):
            continue
        for path in place.iterdir():
            if path.name == "python3" or _NAME.fullmatch(path.name):
                real = path.resolve()
                if (match := _NAME.fullmatch(real.name)) and _is_binary(real):
                    found.setdefault(real, (3, int(match[1])))
    return found


def _is_binary(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_ELF)) == _ELF and os.access(path, os.X_OK)
    except OSError:
        return False


class Answers:
    """What interpreters said of themselves, kept in a file and valid as long as the binary is the same."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, dict[str, object]] = _read(file)
        self._before = dict(self._known)

    def of(self, path: Path) -> Interpreter | None:
        """Ask the Python at `path`, or remember; None for one that does not answer."""
        stamp = stamp_of(path)
        known = self._known.get(str(path))
        if not known or known.get("stamp") != stamp:
            interpreter = ask(path)
            known = {"stamp": stamp} | (to_json(interpreter) if interpreter else {})
            self._known[str(path)] = known
        return from_json(known) if "version" in known else None

    def save(self) -> None:
        """Keep what is new."""
        if self._known != self._before:
            write_atomic(self._file, json.dumps(self._known).encode())


def ask(path: Path, account: Account | None = None) -> Interpreter | None:
    """Run the Python at `path` (as `account`) to learn what it is; None when it does not run."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    argv = (path, "-I", "-B", "-c", _ASK, *_NEEDED)
    try:
        completed = process.run(argv, cwd=Path("/"), env=environment, account=account, timeout=_SECONDS)
    except PushliveError:
        return None
    if not completed.ok:
        return None
    try:
        return from_json({"path": str(path)} | json.loads(completed.output))
    except (ValueError, KeyError):
        return None


def stamp_of(path: Path) -> list[int]:
    """What changes when another binary takes the place of `path`."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def to_json(interpreter: Interpreter) -> dict[str, object]:
    """For a file."""
    return asdict(interpreter) | {"path": str(interpreter.path), "prefix": str(interpreter.prefix)}


def from_json(known: Mapping[str, object]) -> Interpreter:
    """From a file. Raises KeyError when something is missing."""
    lacks = known["lacks"]
    assert isinstance(lacks, list | tuple)
    return Interpreter(
        path=Path(str(known["path"])),
        version=str(known["version"]),
        platform=str(known["platform"]),
        prefix=Path(str(known["prefix"])),
        plain=bool(known["plain"]),
        lacks=tuple(str(name) for name in lacks),
    )


def _read(file: Path) -> dict[str, dict[str, object]]:
    try:
        known = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
