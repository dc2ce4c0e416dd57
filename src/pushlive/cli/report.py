"""Reporters: a delivery's events as lines of text, or as lines of JSON."""

import json
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from pushlive.cli.folding import Folding
from pushlive.cli.text import BOLD, DIM, YELLOW, painted, plain
from pushlive.model.delivery import Stage
from pushlive.model.events import Event, Note, Output, Progress, Report, StageFinished, StageStarted

if TYPE_CHECKING:
    from pushlive.pipeline import Outcome

_BAR = 30

PATIENCE = 2.0
"""Seconds after which a stage that has printed nothing is named, so that nobody wonders."""


def text_reporter(stream: IO[str]) -> Report:
    """Write a line a stage when it ends; what its commands print comes below its name, as it comes."""
    writer = _Lines(stream)
    return writer.write


def json_reporter(stream: IO[str]) -> Report:
    """Write a JSON object a line, for every event."""

    def report(event: Event) -> None:
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        print(json.dumps({"event": type(event).__name__, **fields}), file=stream, flush=True)

    return report


def reporter(*, as_json: bool) -> Report:
    """Return the reporter a command uses: JSON on standard output, or text on standard error."""
    return json_reporter(sys.stdout) if as_json else text_reporter(sys.stderr)


def live_line(outcome: "Outcome") -> str:
    """What is live, in a line."""
    release = outcome.release
    return f"       live: {outcome.url}  {release.revision[:7]} ({release.name}) after {outcome.seconds:.2f} s"


def bar(done: int, total: int) -> str:
    """How far a transfer is, in a line that is written over itself; both in bytes."""
    share = min(1.0, done / total) if total else 1.0
    full = round(_BAR * share)
    return f"[{'#' * full}{' ' * (_BAR - full)}] {done / 1e6:.1f} of {total / 1e6:.1f} MB"


class _Lines:
    """Knows whether the running stage's name was written already."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._named: Stage | None = None
        self._stage: Stage | None = None
        self._folding = Folding()
        self._lock = threading.RLock()
        self._reminder: threading.Timer | None = None

    def write(self, event: Event) -> None:
        with self._lock:
            self._write(event)

    def _write(self, event: Event) -> None:
        match event:
            case StageStarted(stage):
                self._begin(stage)
            case StageFinished(stage, seconds, detail):
                self._end(stage, seconds, detail)
            case Output(line):
                for shown in self._folding.shown(line):
                    self._name_stage()
                    self._print("       " + painted(plain(shown), DIM, self._stream))
            case Note(text, warning):
                self._note(text, warning=warning)
            case Progress(_, done, total):
                self._progress(done, total)

    def _begin(self, stage: Stage) -> None:
        self._stage = stage
        if self._stream.isatty():
            self._stream.write(f"-----> {stage.value} ...\r")
            self._stream.flush()
        else:
            self._remind()

    def _end(self, stage: Stage, seconds: float, detail: str) -> None:
        name = painted(f"{stage.value:13}", BOLD, self._stream)
        self._print(f"-----> {name} {plain(detail):56} {seconds:6.2f} s")
        self._stage = self._named = None
        if self._reminder:
            self._reminder.cancel()

    def _remind(self) -> None:
        self._reminder = threading.Timer(PATIENCE, self._name_late, [self._stage])
        self._reminder.daemon = True
        self._reminder.start()

    def _name_late(self, stage: Stage) -> None:
        with self._lock, suppress(OSError):  # a reader who went away is met again where the delivery can stop for it
            if self._stage is stage:
                self._name_stage()

    def _progress(self, done: int, total: int) -> None:
        if self._stage and self._stream.isatty():
            self._stream.write(f"\033[K-----> {self._stage.value:13} {bar(done, total)}\r")
            self._stream.flush()

    def _note(self, text: str, *, warning: bool) -> None:
        mark = painted("  warning: ", YELLOW, self._stream) if warning else "       "
        self._print(f"{mark}{plain(text)}")

    def _name_stage(self) -> None:
        if self._stage and self._named != self._stage:
            self._named = self._stage
            self._print(f"-----> {self._stage.value}")

    def _print(self, line: str) -> None:
        clear = "\033[K" if self._stream.isatty() else ""
        self._stream.write(f"{clear}{line}\n")
        self._stream.flush()
