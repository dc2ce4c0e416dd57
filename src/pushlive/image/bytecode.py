"""Compile every module below a folder. Run by the site's own interpreter, so it keeps to Python 3.9 and imports little.

python bytecode.py FOLDER PREFIX: writes __pycache__ files that Python takes without looking at the source again
(PEP 552, unchecked hash), whose code objects say PREFIX where FOLDER is now.

The bytes of a code object depend on what its process has compiled before (which strings are shared), and on the hash
seed. So the files go in one order through two processes, whatever the number of processors, and PYTHONHASHSEED is 0.
"""

import importlib.util
import marshal
import os
import sys

# ruff: noqa: PTH103, PTH118, PTH120, PTH123
# pathlib would double what this costs to start.

LANES = 2
_UNCHECKED = b"\x01\x00\x00\x00"


def modules(folder: str) -> list[str]:
    """Every source file below the folder, by name."""
    found: list[str] = []
    for place, _, names in os.walk(folder):
        found += [os.path.join(place, name) for name in names if name.endswith(".py")]
    return sorted(found)


def compile_one(path: str, folder: str, prefix: str) -> None:
    """Write the bytecode of one module; one that is no Python (a template, another version's syntax) has none."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, prefix + path[len(folder) :], "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    target = importlib.util.cache_from_source(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    digest = importlib.util.source_hash(source)
    with open(target, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + _UNCHECKED + digest + marshal.dumps(code))


def lane(paths: list[str], folder: str, prefix: str) -> None:
    """Compile the files one after the other."""
    for path in paths:
        compile_one(path, folder, prefix)


def main(folder: str, prefix: str) -> int:
    """Compile in two processes; returns the exit code."""
    paths = modules(folder)
    child = os.fork()
    if not child:
        lane(paths[1::LANES], folder, prefix)
        os._exit(0)
    lane(paths[::LANES], folder, prefix)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], sys.argv[2]) else 0)
