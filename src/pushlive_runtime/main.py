"""Which of the runtime's commands to run. Each is imported only when it is asked for."""

from __future__ import annotations

import os
import sys
from typing import Sequence

USAGE = "usage: run.py serve | ask | warm\n"
EXIT_USAGE = 2


def main(argv: Sequence[str], *, layer: str) -> int:
    """Run `serve`, `ask` or `warm`; returns the exit code. `layer` is the server layer's folder."""
    command = argv[0] if argv else ""
    if command == "serve":
        from pushlive_runtime.serve import serve

        return serve(os.environ, layer=layer)
    if command == "ask":
        from pushlive_runtime.ask import main as ask

        return ask(list(argv[1:]))
    if command == "warm":
        from pushlive_runtime.warm import warm

        return warm(os.environ, layer=layer)
    sys.stderr.write(USAGE)
    return EXIT_USAGE
