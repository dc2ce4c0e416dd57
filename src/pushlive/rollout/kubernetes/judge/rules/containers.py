"""The containers of a pod, those that prepare it among them, and what they are at."""

from collections.abc import Iterator

from pushlive.rollout.kubernetes.judge.snapshot import Plain, at, items


def statuses(pod: Plain) -> Iterator[Plain]:
    """What is said of each container."""
    yield from items(pod, "status", "initContainerStatuses")
    yield from items(pod, "status", "containerStatuses")


def waiting(pod: Plain) -> Iterator[tuple[str, Plain]]:
    """Containers that wait, by name, and for what."""
    for each in statuses(pod):
        if state := at(each, "state", "waiting"):
            yield str(each.get("name")), state


def ended(container: Plain) -> tuple[Plain, bool]:
    """How a container's last run ended, and whether another has begun since; empty where none has."""
    now, before = at(container, "state", "terminated"), at(container, "lastState", "terminated")
    return (now, False) if now else (before or {}, bool(before))
