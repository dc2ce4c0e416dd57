"""What is said of a rollout."""

from msgspec import Struct

from pushlive.model.delivery import Diagnosis
from pushlive.rollout.kubernetes.judge.symptom import Logs


class RolledOut(Struct, frozen=True):
    """All replicas are the release's, and ready."""

    replicas: int


class Waiting(Struct, frozen=True):
    """Not yet: `ready` of `wanted` replicas are there, and `why` says what is awaited."""

    why: str
    ready: int
    wanted: int

    def __str__(self) -> str:
        return f"{self.ready} of {self.wanted} replicas ready; {self.why}"


class Failed(Struct, frozen=True):
    """It comes to nothing. `logs` is the output that says more, where there is any."""

    diagnosis: Diagnosis
    logs: Logs | None = None


Verdict = RolledOut | Waiting | Failed


class Seen(Struct, frozen=True):
    """What the sights before have shown: the fingerprints of symptoms, each with the moment it was first seen."""

    since: tuple[tuple[str, float], ...] = ()
