"""What a delivery tells while it runs. A reporter turns events into text, JSON or nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from pushlive.model.delivery import Stage


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage began."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended well. `detail` is what it made, in a few words; `seconds` how long it took."""

    stage: Stage
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A line that a command of the site printed (pip's, npm's, migrate's), without its line end."""

    line: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something the user should know that stops nothing. `warning` when it wants a decision."""

    text: str
    warning: bool = False


Event = StageStarted | StageFinished | Output | Note
Report = Callable[[Event], None]


def silent(_event: Event) -> None:
    """Report nothing."""
