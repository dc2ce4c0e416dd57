"""Copy a Python out of a folder that the site's user cannot enter, to one that it can."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from pushlive.image.survey import Interpreter, ask, stamp_of
from pushlive.system import locks
from pushlive.system.files import explained, remove_tree
from pushlive.system.process import Account

_LEFT_BEHIND = shutil.ignore_patterns(
    *("test", "tests", "idlelib", "idle_test", "turtledemo", "tkinter", "lib2to3", "ensurepip", "site-packages"),
    *("config-*", "*.a", "pkgconfig"),
)


def reachable(interpreter: Interpreter, account: Account | None) -> bool:
    """A process of `account` can run it (None: one of ours)."""
    return all(_enters(path, account) for path in (interpreter.path, interpreter.library / "os.py"))


def _enters(path: Path, account: Account | None) -> bool:
    try:
        if account is None:
            return os.access(path, os.R_OK)
        return _allows(path, account, 4) and all(_allows(parent, account, 1) for parent in path.parents)
    except OSError:
        return False


def _allows(path: Path, account: Account, right: int) -> bool:
    status = path.stat()
    shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
    return bool(status.st_mode >> shift & right)


def transplant(interpreter: Interpreter, pythons: Path, account: Account | None) -> Interpreter | None:
    """Copy the interpreter's installation below `pythons`, without its tests and its packages.

    Returns the copy, or the one made before; None when the copy does not run as `account`. Raises MachineError when
    the disk is full.
    """
    token = hashlib.sha256(f"{interpreter.prefix} {stamp_of(interpreter.path)}".encode()).hexdigest()[:8]
    folder = pythons / f"{interpreter.version}-{token}"
    binary = folder / "bin" / interpreter.path.name
    with explained(pythons), locks.held(pythons / ".lock"):
        if not folder.is_dir():
            _copy(interpreter, folder)
    return ask(binary, account)


def _copy(interpreter: Interpreter, folder: Path) -> None:
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        fresh.chmod(0o755)
        name = interpreter.library.name
        shutil.copytree(interpreter.library, fresh / "lib" / name, symlinks=True, ignore=_LEFT_BEHIND)
        (fresh / "lib" / name / "site-packages").mkdir(exist_ok=True)
        for shared in interpreter.library.parent.glob("libpython*.so*"):
            shutil.copy2(shared, fresh / "lib", follow_symlinks=False)
        headers = interpreter.prefix / "include" / name
        if headers.is_dir():
            shutil.copytree(headers, fresh / "include" / name, symlinks=True)
        _copy_binary(interpreter, fresh / "bin")
        fresh.rename(folder)
    except BaseException:
        remove_tree(fresh)
        raise


def _copy_binary(interpreter: Interpreter, folder: Path) -> None:
    folder.mkdir()
    binary = folder / interpreter.path.name
    binary.write_bytes(relocated(interpreter.path.read_bytes(), interpreter.prefix))
    binary.chmod(0o755)
    for name in ("python3", "python"):
        (folder / name).symlink_to(binary.name)


def relocated(binary: bytes, prefix: Path) -> bytes:
    """The binary with the folder it looks for libpython in, when that is the prefix's own, made relative to itself."""
    old = f"\0{prefix}/lib\0".encode()
    new = b"\0$ORIGIN/../lib"
    return binary.replace(old, new + bytes(len(old) - len(new))) if len(old) > len(new) else binary
