"""What was seen of a release over HTTP, and what that says."""

from typing import Self

from msgspec import Struct


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
    """The probes that proved a release, in their order, and what wants somebody's attention and stopped nothing."""

    probes: tuple[Probe, ...] = ()
    warnings: tuple[str, ...] = ()

    def joined(self, other: Self) -> "Verification":
        """Both, one after the other; what was warned of in both stands once."""
        return Verification(self.probes + other.probes, tuple(dict.fromkeys(self.warnings + other.warnings)))
