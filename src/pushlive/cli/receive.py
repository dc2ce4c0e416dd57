"""What git's pre-receive hook runs: standard input has the pushed refs, what we print reaches the pusher."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from pushlive import pipeline, source
from pushlive.cli import errors
from pushlive.cli.report import live_line, text_reporter
from pushlive.model.errors import PushliveError
from pushlive.model.home import Home


def run() -> NoReturn:
    """Decide on a push and end at once: git waits for us, and what Python would tidy up ends with the process."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def main() -> int:
    """Decide on a push; 0 accepts it. The site is the folder that the repository lies in."""
    site = Path.cwd().parent
    report = text_reporter(sys.stderr)
    try:
        context = pipeline.open_site(Home(site.parent.parent), site.name)
        outcome = pipeline.receive(context, source.read_pushes(sys.stdin.buffer), report)
    except PushliveError as error:
        print(*errors.lines(error), sep="\n", file=sys.stderr)  # noqa: T201  # the pusher reads it
        return 1
    except Exception as error:  # noqa: BLE001  # the outermost edge: the pusher is told whose fault it is
        return errors.show_defect(error, as_json=False)
    if outcome:
        print(live_line(outcome), file=sys.stderr)  # noqa: T201
    return 0
