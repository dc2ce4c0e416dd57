"""One thing that is wrong with a rollout, as an object of the API shows it."""

from enum import Enum

from msgspec import Struct

from pushlive.model.delivery import Diagnosis


class Patience(Enum):
    """How long to wait where a symptom shows itself."""

    SECOND_SIGHT = "it stays so until somebody changes something: believed when it is seen twice"
    CRASHES = "it may have been an accident: believed when it happens again in the same way"
    DEADLINE = "it may mend itself: waited for until the rollout's time is over"


class Logs(Struct, frozen=True, order=True):
    """A container's output: of the run before the one of now, with `previous`."""

    pod: str
    container: str
    previous: bool = False


class Symptom(Struct, frozen=True):
    """`code` names the cause for programs; `where` is the object and the field that show it.

    `fingerprint` tells one sight of it from a sight of another thing: the pod is not part of it, since a cause is seen
    in whichever pod comes next. `crashes` counts how often a container has died of it. `logs` say more.
    """

    code: str
    patience: Patience
    cause: str
    where: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""
    detail: str = ""
    crashes: int = 0
    logs: Logs | None = None

    @property
    def fingerprint(self) -> str:
        """What a second sight is compared by."""
        return f"{self.code}\n{self.detail or self.cause}"

    @property
    def diagnosis(self) -> Diagnosis:
        """What it becomes once it is believed."""
        return Diagnosis(self.code, self.cause, self.where, self.evidence, self.remedy)
