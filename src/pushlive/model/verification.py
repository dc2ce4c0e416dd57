"""What was seen of a release over HTTP, and what that says."""

from enum import StrEnum
from typing import Self

from msgspec import Struct


class Outcome(StrEnum):
    """How a check ended. `warned` stops nothing."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


class Check(Struct, frozen=True):
    """One thing that was looked at, in a sentence without a full stop."""

    outcome: Outcome
    text: str


class Probe(Struct, frozen=True):
    """One signed request that was answered with a valid proof, and who gave it."""

    address: str
    path: str
    status: int
    seconds: float
    revision: str
    release: str
    replica: str


class Verification(Struct, frozen=True):
    """The probes that proved a release, in their order, and the checks made on the way."""

    probes: tuple[Probe, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What wants somebody's attention and stopped nothing."""
        return tuple(check.text for check in self.checks if check.outcome is Outcome.WARNED)

    def joined(self, other: Self) -> "Verification":
        """Both, one after the other; a check that was made in both stands once."""
        return Verification(self.probes + other.probes, tuple(dict.fromkeys(self.checks + other.checks)))
