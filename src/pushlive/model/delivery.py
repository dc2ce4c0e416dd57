"""One run of the pipeline for one revision, and how it ended."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field


class Stage(StrEnum):
    """The stages in their order."""

    RESOLVE = "resolve"
    DEPENDENCIES = "dependencies"
    INSPECT = "inspect"
    BASE = "base"
    BUILD = "build"
    PUSH = "push"
    SIGN = "sign"
    RELEASE = "release"
    ROLLOUT = "rollout"
    VERIFY = "verify"


class Verdict(StrEnum):
    """How a delivery stands or ended."""

    RUNNING = "running"
    LIVE = "live"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    INTERRUPTED = "interrupted"


class Origin(StrEnum):
    """What started a delivery."""

    PUSH = "push"
    UP = "up"
    DELIVER = "deliver"
    ROLLBACK = "rollback"
    SETTINGS = "settings"


class Diagnosis(Struct, frozen=True):
    """One cause, where it is, what shows it, what to do. `code` names the cause for programs: `import-error`."""

    code: str
    cause: str
    where: str = ""
    evidence: tuple[str, ...] = ()
    remedy: str = ""


class Delivery(Struct, frozen=True):
    """A record of one delivery. `timings` are seconds by stage."""

    number: int
    revision: str
    ref: str
    origin: Origin
    started: datetime
    verdict: Verdict = Verdict.RUNNING
    ended: datetime | None = None
    release: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
