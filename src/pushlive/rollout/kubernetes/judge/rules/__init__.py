"""What can be wrong with a rollout: each rule looks at a snapshot and tells the symptoms that it finds."""

from collections.abc import Callable, Iterable

from pushlive.rollout.kubernetes.judge.rules import crashes, creation, images, outside, probes, scheduling, starting
from pushlive.rollout.kubernetes.judge.snapshot import Snapshot
from pushlive.rollout.kubernetes.judge.symptom import Symptom

Rule = Callable[[Snapshot], Iterable[Symptom]]

RULES: tuple[Rule, ...] = (
    creation.refused,
    images.not_pulled,
    starting.not_started,
    crashes.crashed,
    scheduling.not_scheduled,
    starting.not_mounted,
    probes.not_ready,
    outside.not_selected,
    outside.not_routed,
    scheduling.evicted,
)
"""The gravest and the most exact first: of what is believed, the first is the cause."""


def unreached(snapshot: Snapshot) -> Iterable[Symptom]:
    """Why nobody reaches replicas that are all ready: a rollout has not come to its end before that."""
    yield from outside.not_selected(snapshot)
    yield from outside.not_routed(snapshot)
