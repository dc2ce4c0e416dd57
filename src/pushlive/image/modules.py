"""The bytecode of the site's own modules: compiled once for each content, by the Python that will run them.

As the site's user, since all who compile are given what somebody pushed.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from msgspec import Struct

from pushlive.image import bytecode, tar
from pushlive.image.survey import Interpreter
from pushlive.model.errors import BuildError
from pushlive.system import process
from pushlive.system.files import write_atomic
from pushlive.system.process import Account

_LENGTH = 4


class Compiler(Struct, frozen=True):
    """What compiles: a Python of the minor version that will run the modules, as `account`.

    `kept` is the folder of what it has made.
    """

    python: Interpreter
    kept: Path
    account: Account | None = None


def compiled(members: Iterable[tar.Entry], compiler: Compiler) -> Iterator[tar.File]:
    """The bytecode of all modules among the members, as members beside them.

    What is no Python has none: it fails where it is imported, or never is. Raises BuildError where nothing can be
    compiled, MachineError on a full disk.
    """
    found = (member for member in members if isinstance(member, tar.File) and member.name.endswith(".py"))
    sources = {member.name: Path(member.source).read_bytes() for member in found}
    places = {name: compiler.kept / _key(name, source, compiler.python) for name, source in sources.items()}
    missing = {name: sources[name] for name, place in places.items() if not _is_known(place)}
    if missing:
        for name, content in _made(missing, compiler):
            write_atomic(places[name], content, durable=False)
    yield from (tar.File(_cached(name, compiler.python), place) for name, place in places.items() if _size(place))


def forget(kept: Path, *, unused_for: float, now: float) -> None:
    """Remove the bytecode that no image had in `unused_for` seconds; `now` in seconds since 1970."""
    for file in kept.iterdir() if kept.is_dir() else ():
        if file.stat().st_mtime < now - unused_for:
            file.unlink(missing_ok=True)


def _key(name: str, source: bytes, python: Interpreter) -> str:
    """What the bytecode depends on: the place in the image is in its tracebacks."""
    return hashlib.sha256(b"\0".join((python.version.encode(), os.fsencode(name), source))).hexdigest()


def _is_known(place: Path) -> bool:
    """It was made before; that it is asked for is noted."""
    try:
        os.utime(place)
    except FileNotFoundError:
        return False
    return True


def _size(place: Path) -> int:
    return place.stat().st_size


def _cached(name: str, python: Interpreter) -> str:
    """Where Python looks for it (PEP 3147)."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/__pycache__/{file.removesuffix('.py')}.cpython-{python.minor.replace('.', '')}.pyc"


def _made(sources: Mapping[str, bytes], compiler: Compiler) -> Iterator[tuple[str, bytes]]:
    text = Path(bytecode.__file__).read_text(encoding="utf-8")
    argv = [str(compiler.python.path), "-s", "-S", "-B", "-W", "ignore", "-c", text, "each"]
    environment = {"PATH": os.defpath, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    asked = b"".join(_framed(os.fsencode(name), source) for name, source in sources.items())
    with process.reading(argv, cwd=Path("/"), env=environment, account=compiler.account, stdin=asked) as child:
        found = [(name, _answer(child.output)) for name in sources]
        done = child.end()
    if not done.ok or None in {content for _, content in found}:
        raise BuildError("the site's modules cannot be compiled", where=str(compiler.python.path), output=done.errors)
    yield from ((name, content or b"") for name, content in found)


def _framed(name: bytes, source: bytes) -> bytes:
    return b"%d %d\n%b%b" % (len(name), len(source), name, source)


def _answer(output: IO[bytes]) -> bytes | None:
    """The next answer; None where it is cut."""
    length = output.read(_LENGTH)
    size = int.from_bytes(length, "big")
    content = output.read(size)
    return content if len(length) == _LENGTH and len(content) == size else None
