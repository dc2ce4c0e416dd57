"""Which of the runtime's commands to run. Each is a module of that name, imported only when it is asked for."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Sequence

COMMANDS = ("serve", "ask", "warm")
"""The module `serve` has a function `serve(env, *, layer)` that returns the exit code, and so on."""
EXIT_USAGE = 2


def main(argv: Sequence[str], *, layer: str) -> int:
    """Run one of COMMANDS; returns the exit code. `layer` is the server layer's folder."""
    command = argv[0] if argv else ""
    if command not in COMMANDS:
        sys.stderr.write(f"usage: run.py {' | '.join(COMMANDS)}\n")
        return EXIT_USAGE
    run = getattr(import_module(f"pushlive_runtime.{command}"), command)
    return int(run(os.environ, layer=layer))
