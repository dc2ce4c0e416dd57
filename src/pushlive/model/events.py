"""What a delivery tells while it runs. A reporter turns events into text, JSON or nothing."""

from collections.abc import Callable

from msgspec import Struct

from pushlive.model.delivery import Stage


class StageStarted(Struct, frozen=True):
    """A stage began."""

    stage: Stage


class StageFinished(Struct, frozen=True):
    """A stage ended well. `detail` is what it made, in a few words; `seconds` how long it took."""

    stage: Stage
    seconds: float
    detail: str = ""


class Output(Struct, frozen=True):
    """A line that a command of the site printed (pip's, npm's, migrate's), without its line end."""

    line: str


class Note(Struct, frozen=True):
    """Something the user should know that stops nothing. `warning` when it wants a decision."""

    text: str
    warning: bool = False


class Progress(Struct, frozen=True):
    """How far a long transfer is, in bytes; `what` is `push` or `pull`."""

    what: str
    done: int
    total: int


Event = StageStarted | StageFinished | Output | Note | Progress
Report = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Report nothing."""
