"""Compile every module below a folder. Run by the site's own interpreter, so it keeps to Python 3.9 and imports little.

python bytecode.py FOLDER PREFIX KEPT: writes __pycache__ files that Python takes without looking at the source again
(PEP 552, unchecked hash), whose code objects say PREFIX where FOLDER is now. What was compiled before is taken from the
folder KEPT, by the content of its sources.

The bytes of a code object depend on what its process has compiled before (which strings are shared), and on the hash
seed. So the modules go in runs, each through a process of its own, and PYTHONHASHSEED is 0. A run ends after a module
whose name says so: one more package changes the runs next to it, and all others are known.

python bytecode.py each: compiles the modules that come on standard input, a process for each, and answers with their
bytecode on standard output. A module is `NAME-LENGTH SOURCE-LENGTH`, a line end, its name and its source; an answer is
its length in four bytes and the bytecode, of which there is none for what is no Python.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import signal
import sys
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: PTH103, PTH105, PTH118, PTH120, PTH123
# pathlib would double what this costs to start.

_UNCHECKED = b"\x01\x00\x00\x00"
_RUN = 64
"""Modules of a run, on the average."""
_LONGEST = 20
"""Seconds for a module: there are texts that the compiler does not come to an end of."""
_SUM = hashlib.sha256().digest_size

Module = tuple[str, bytes]
"""The path below the folder, and the source."""


def modules(folder: str) -> list[str]:
    """Every source file below the folder, by name."""
    found: list[str] = []
    for place, _, names in os.walk(folder):
        found += [os.path.join(place, name) for name in names if name.endswith(".py")]
    return sorted(found)


def runs(folder: str) -> Iterator[list[Module]]:
    """The modules below the folder, in runs."""
    run: list[Module] = []
    for path in modules(folder):
        with open(path, "rb") as file:
            run.append((os.path.relpath(path, folder), file.read()))
        if zlib.crc32(os.fsencode(run[-1][0])) % _RUN == 0:
            yield run
            run = []
    if run:
        yield run


def key(run: list[Module], prefix: str) -> str:
    """What the bytecode of a run depends on, as a file's name."""
    names = [(name, hashlib.sha256(source).digest()) for name, source in run]
    return hashlib.sha256(marshal.dumps((sys.version, prefix, names), 2)).hexdigest()


def compiled(module: Module, prefix: str) -> bytes | None:
    """The bytecode of one; what is no Python (a template, another version's syntax) has none."""
    name, source = module
    try:
        code = compile(source, os.path.join(prefix, name), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code)


def recalled(kept: str) -> list[bytes | None] | None:
    """What was compiled before; None when it was not, or when the file is damaged."""
    try:
        with open(kept, "rb") as file:
            content = file.read()
        os.utime(kept)
    except FileNotFoundError:
        return None
    found = content[_SUM:]
    return marshal.loads(found) if hashlib.sha256(found).digest() == content[:_SUM] else None  # noqa: S302  # it is ours


def keep(made: list[bytes | None], kept: str) -> None:
    """Write what was compiled where it is found again, whole or not at all."""
    content = marshal.dumps(made)
    fresh = f"{kept}.{os.getpid()}"
    with open(fresh, "wb") as file:
        file.write(hashlib.sha256(content).digest() + content)
    os.replace(fresh, kept)


def write(run: list[Module], made: list[bytes | None], folder: str) -> None:
    """Put the bytecode where Python looks for it."""
    for (name, _), content in zip(run, made):  # noqa: B905  # Python 3.9 knows no strict
        if content is None:
            continue
        target = importlib.util.cache_from_source(os.path.join(folder, name))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)


def main(folder: str, prefix: str, kept: str) -> int:
    """Compile what is not known, a run for each processor at once; returns the exit code."""
    os.makedirs(kept, exist_ok=True)
    under_way, failed = 0, 0
    for run in runs(folder):
        place = os.path.join(kept, key(run, prefix))
        known = recalled(place)
        if known is not None:
            write(run, known, folder)
            continue
        if under_way == (os.cpu_count() or 1):
            failed |= os.wait()[1]
            under_way -= 1
        if not os.fork():
            made = [compiled(module, prefix) for module in run]
            write(run, made, folder)
            keep(made, place)
            os._exit(0)
        under_way += 1
    for _ in range(under_way):
        failed |= os.wait()[1]
    return 1 if failed else 0


def each() -> int:
    """Compile what is asked for, some modules at once, and answer in their order; returns the exit code."""
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    under_way: list[tuple[int, int]] = []
    while header := asked.readline():
        name, source = map(int, header.split())
        if len(under_way) == (os.cpu_count() or 1):
            answers.write(finished(*under_way.pop(0)))
        under_way.append(begun((os.fsdecode(asked.read(name)), asked.read(source))))
    for child in under_way:
        answers.write(finished(*child))
    answers.flush()
    return 0


def begun(module: Module) -> tuple[int, int]:
    """Start to compile a module in a process of its own; its id, and what its bytecode is read from."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    signal.alarm(_LONGEST)
    with os.fdopen(writer, "wb") as file:
        file.write(compiled(module, "/") or b"")
    os._exit(0)


def finished(child: int, reader: int) -> bytes:
    """Its answer; one that died has none."""
    with os.fdopen(reader, "rb") as file:
        content = file.read()
    if os.waitpid(child, 0)[1]:
        content = b""
    return len(content).to_bytes(4, "big") + content


if __name__ == "__main__":
    sys.exit(each() if sys.argv[1:] == ["each"] else main(*sys.argv[1:4]))
