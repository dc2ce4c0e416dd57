"""Run a program that reads what we write, as we write it."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from subprocess import PIPE
from typing import IO

from pushlive.system import process
from pushlive.system.process import Completed


def feed(argv: Sequence[str], write: Callable[[IO[bytes]], object]) -> Completed:
    """Run `argv` to its end with what `write` writes as its standard input, never whole in memory.

    Both of its outputs are in `output`. A program that ends before it has read all is told of by its code. Raises
    MachineError when it cannot be started.
    """
    with tempfile.TemporaryFile() as told:
        with process.popen(argv, stdin=PIPE, stdout=told, stderr=told) as child:
            assert child.stdin is not None
            with suppress(BrokenPipeError), child.stdin:
                write(child.stdin)
        told.seek(0)
        return Completed(tuple(argv), child.returncode, told.read().decode(errors="replace"), "")
