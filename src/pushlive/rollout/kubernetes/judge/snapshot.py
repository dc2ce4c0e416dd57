"""What was read of a rollout at one moment: the API's own JSON, and how to find one's way in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

Plain = Mapping[str, Any]
"""An object as the API gives it."""


class Snapshot(Struct, frozen=True):
    """A Deployment, and what belongs to it; lists are those of its namespace, of anybody's.

    `logs` are tails of the output of containers, by pod, container and whether of the run before. `endpoints` are the
    EndpointSlices of its Service, `routes` what leads to that from outside; what was not asked for is empty.
    """

    deployment: Plain
    replica_sets: tuple[Plain, ...] = ()
    pods: tuple[Plain, ...] = ()
    events: tuple[Plain, ...] = ()
    logs: Mapping[tuple[str, str, bool], str] = field(default_factory=dict)
    service: Plain = field(default_factory=dict)
    endpoints: tuple[Plain, ...] = ()
    routes: tuple[Plain, ...] = ()

    @property
    def is_observed(self) -> bool:
        """The controller has seen the Deployment as it now is."""
        return self.status("observedGeneration") >= int(at(self.deployment, "metadata", "generation") or 0)

    @property
    def wanted(self) -> int:
        """How many replicas there are to be."""
        found = at(self.deployment, "spec", "replicas")
        return 1 if found is None else int(found)

    def status(self, name: str) -> int:
        """A number of the Deployment's status."""
        return int(at(self.deployment, "status", name) or 0)

    @property
    def new(self) -> Plain:
        """The ReplicaSet of the Deployment's template of now; empty before there is one."""
        wanted = at(self.deployment, "metadata", "annotations", REVISION)
        mine = (each for each in self.replica_sets if _owner(each) == at(self.deployment, "metadata", "uid"))
        return next((each for each in mine if at(each, "metadata", "annotations", REVISION) == wanted), {})

    @property
    def new_pods(self) -> tuple[Plain, ...]:
        """Its pods, but for those that are being deleted."""
        uid = at(self.new, "metadata", "uid")
        return tuple(
            pod for pod in self.pods if uid and _owner(pod) == uid and not at(pod, "metadata", "deletionTimestamp")
        )

    def events_of(self, obj: Plain) -> Iterator[Plain]:
        """The events about one object as it is now, in time: one of its name that was before it has another uid."""
        uid = at(obj, "metadata", "uid")
        mine = (event for event in self.events if uid and at(event, "involvedObject", "uid") == uid)
        return iter(sorted(mine, key=_moment))


class CommandSnapshot(Snapshot, frozen=True):
    """The release command's Job, in the place of the Deployment, and its pods."""

    @property
    def new(self) -> Plain:
        """What owns the pods: the Job itself."""
        return self.deployment


REVISION = "deployment.kubernetes.io/revision"


def at(plain: Any, *path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in path:
        plain = plain.get(key) if isinstance(plain, Mapping) else None
    return plain


def items(plain: Any, *path: str) -> list[Plain]:
    """The objects of the list at a path; none where there is no list."""
    found = at(plain, *path)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def condition(plain: Plain, kind: str) -> Plain:
    """The condition of that type; empty where there is none."""
    return next((each for each in items(plain, "status", "conditions") if each.get("type") == kind), {})


def name(plain: Plain) -> str:
    """What an object is called."""
    return str(at(plain, "metadata", "name") or "")


def is_true(found: Plain) -> bool:
    """A condition holds."""
    return found.get("status") == "True"


def is_false(found: Plain) -> bool:
    """A condition says no; one that is Unknown or not there does not."""
    return found.get("status") == "False"


def _moment(event: Plain) -> str:
    """When it was last seen: repeated events are counted in the first, and listed in its place."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")


def _owner(plain: Plain) -> Any:
    owners = items(plain, "metadata", "ownerReferences")
    return next((each.get("uid") for each in owners if each.get("controller")), None)
