"""What git's pre-receive hook runs: standard input has the pushed refs, what we print reaches the pusher."""

import os
import sys
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import NoReturn

from pushlive import pipeline, source
from pushlive.cli import errors
from pushlive.cli.listener import listener
from pushlive.cli.report import live_line, text_reporter
from pushlive.model.errors import PushliveError
from pushlive.model.home import Home


def run() -> NoReturn:
    """Decide on a push and end at once: git waits for us, and what Python would tidy up ends with the process."""
    # The site's user has to get through what we make, whatever the pusher's login keeps to itself.
    os.umask(0o022)
    os._exit(main())


def main() -> int:
    """Decide on a push; 0 accepts it. The site is the folder that the repository lies in."""
    with redirect_stderr(listener(sys.stderr)):
        try:
            told = _decide(Path.cwd().parent)
        except PushliveError as error:
            _tell(*errors.lines(error))
            return 1
        except Exception as error:  # noqa: BLE001  # the outermost edge: the pusher is told whose fault it is
            with suppress(OSError):
                errors.show_defect(error, as_json=False)
            return 1
        _tell(*told)
    return 0


def _decide(site: Path) -> list[str]:
    """Do what the push asks for; returns what is to be told of it. Raises PushliveError to refuse it."""
    context = pipeline.open_site(Home(site.parent.parent), site.name)
    outcome = pipeline.receive(context, source.read_pushes(sys.stdin.buffer), text_reporter(sys.stderr))
    return [live_line(outcome)] if outcome else []


def _tell(*lines: str) -> None:
    """Print to whoever still listens: what was decided holds without."""
    with suppress(OSError):
        for line in lines:
            print(line, file=sys.stderr)  # noqa: T201  # the pusher reads it
