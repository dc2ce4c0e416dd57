"""Make an installed folder say nothing of this machine: no host paths, no times, and bytecode ready to be used."""

import base64
import csv
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pushlive.image import bytecode
from pushlive.image.survey import Interpreter
from pushlive.model.errors import BuildError
from pushlive.system import process
from pushlive.system.files import write_atomic

_DROPPED = frozenset(("INSTALLER", "REQUESTED", "uv_cache.json", "uv_build.json"))
_SHEBANG = re.compile(rb"#!(?:/bin/sh\n'''exec' [^\n]*\n' '''|[^\n]*python[^\n]*)\n")
_NEUTRAL = b"#!/usr/bin/env python3\n"
_WANTS_SETUPTOOLS = re.compile(rb"^(?:import|from)[ \t]+(pkg_resources|distutils)\b", re.MULTILINE)
_TESTS = re.compile(r"(^|/)(tests?|testing|conftest\.py|tests?\.py|test_[^/]*|[^/]*_tests?(\.py)?)(/|$)")
"""Modules, by their path, that a running site imports nothing of."""
_NO_DISTUTILS = (3, 12)


def normalise(folder: Path, at: str, interpreter: Interpreter, bytecode_kept: Path) -> None:
    """Rewrite what uv installed in `folder` so that it belongs at the path `at` of an image (`/opt/...`).

    Console scripts start `python3` from the PATH. Bytecode that was made before is taken from `bytecode_kept`. Files
    may be links to those of uv's cache: none is written into. Raises BuildError when the interpreter cannot compile.
    """
    if (folder / ".lock").is_file():
        (folder / ".lock").unlink()
    for script in _scripts(folder):
        _neutral(script)
    for info in sorted(folder.glob("*.dist-info")):
        _clean(info, folder)
    _modes(folder)
    if interpreter.compiles:
        compile_all(folder, at, interpreter, bytecode_kept)


def compile_all(folder: Path, at: str, interpreter: Interpreter, kept: Path) -> None:
    """Write the bytecode of every module, by the interpreter that will use it."""
    program = (interpreter.path, "-s", "-S", "-B", "-W", "ignore", bytecode.__file__, str(folder), at, str(kept))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    completed = process.run(program, cwd=Path("/"), env=environment)
    if not completed.ok:
        raise BuildError("the installed packages cannot be compiled", output=completed.errors)


def packages(folder: Path) -> tuple[tuple[str, str], ...]:
    """What is installed in a folder: names and versions, sorted."""
    names = (path.name.removesuffix(".dist-info") for path in folder.glob("*.dist-info"))
    return tuple(sorted((name, version) for name, _, version in (name.rpartition("-") for name in names)))


def wants_setuptools(folder: Path, interpreter: Interpreter) -> str:
    """The module that imports pkg_resources, or distutils where Python has none, while nothing there provides it."""
    gone = set() if (folder / "pkg_resources").exists() else {b"pkg_resources"}
    if interpreter.number >= _NO_DISTUTILS and not (folder / "setuptools").exists():
        gone.add(b"distutils")
    for name in (os.path.relpath(path, folder) for path in bytecode.modules(str(folder))):
        if not _TESTS.search(name) and not gone.isdisjoint(_WANTS_SETUPTOOLS.findall((folder / name).read_bytes())):
            return name
    return ""


def _scripts(folder: Path) -> Iterator[Path]:
    programs = folder / "bin"
    if programs.is_dir():
        yield from (path for path in sorted(programs.iterdir()) if path.is_file() and not path.is_symlink())


def _neutral(script: Path) -> None:
    content = script.read_bytes()
    if match := _SHEBANG.match(content):
        _replace(script, _NEUTRAL + content[match.end() :])


def _clean(info: Path, folder: Path) -> None:
    gone = {name for name in _DROPPED if (info / name).is_file()}
    origin = info / "direct_url.json"
    if origin.is_file() and b"file://" in origin.read_bytes():
        gone.add(origin.name)
    for name in gone:
        (info / name).unlink()
    record = info / "RECORD"
    if record.is_file():
        text = record.read_text(encoding="utf-8", errors="surrogateescape")
        new = _record(text, info, folder, {f"{info.name}/{name}" for name in gone})
        _replace(record, new.encode("utf-8", "surrogateescape"))


def _replace(file: Path, content: bytes) -> None:
    write_atomic(file, content, mode=stat.S_IMODE(file.stat().st_mode), durable=False)


def _record(text: str, info: Path, folder: Path, gone: set[str]) -> str:
    """The RECORD with what was removed left out, and with the scripts as they are now. It is the package's own word."""
    scripts = {f"bin/{script.name}": script for script in _scripts(folder)}
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row and row[0] not in gone and ".pyc" not in row[0]]
    except csv.Error as error:
        raise BuildError(f"the RECORD of {info.name} cannot be read: {error}", where=info.name) from error
    out = io.StringIO()
    entries = (_entry(row[0], scripts[row[0]]) if row[0] in scripts else row for row in rows)
    csv.writer(out, lineterminator="\n").writerows(sorted(entries))
    return out.getvalue()


def _entry(name: str, script: Path) -> list[str]:
    content = script.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return [name, f"sha256={digest}", str(len(content))]


def _modes(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        Path(place).chmod(0o755)
        for name in names:
            path = Path(place, name)
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                continue
            wanted = 0o755 if mode & stat.S_IXUSR else 0o644
            if name.endswith(".pyc"):
                path.unlink()
            elif stat.S_IMODE(mode) != wanted:
                path.chmod(wanted)
