"""Times the stages of a delivery and tells of each, and stops between two of them when a newer delivery waits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pushlive.model.delivery import Stage
from pushlive.model.events import Event, Report, StageFinished, StageStarted


class Stopwatch:
    """Runs stages one after the other; `timings` are the seconds of those that ended well."""

    def __init__(self, report: Report, check: Callable[[], None]) -> None:
        self._report = report
        self._check = check
        self.timings: dict[str, float] = {}
        self.committing = False

    @contextmanager
    def run(self, stage: Stage) -> Iterator[Callable[[str], None]]:
        """Time a stage; what it made is told in a few words through the function this yields."""
        self.tell(StageStarted(stage))
        began = time.monotonic()
        details: list[str] = []
        yield details.append
        seconds = time.monotonic() - began
        self.timings[stage.value] = round(seconds, 4)
        self.say(StageFinished(stage, seconds, "; ".join(details)))

    def tell(self, event: Event) -> None:
        """Pass an event on, unless a newer delivery waits: a long stage stops at its next line."""
        if self.committing:
            self.say(event)
        else:
            self._check()
            self._report(event)

    def say(self, event: Event) -> None:
        """Pass an event on, and stop for nothing: not for a newer delivery, nor because nobody listens any more."""
        with suppress(OSError):
            self._report(event)

    def last_call(self) -> None:
        """Stop for a newer delivery for the last time: what comes next cannot be taken back."""
        self._check()
        self.committing = True
