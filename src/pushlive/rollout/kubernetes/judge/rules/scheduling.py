"""Pods that no machine takes, or that one has thrown out: both mend themselves often enough to be waited for."""

import re
from collections.abc import Iterator

from pushlive.rollout.kubernetes.judge.rules.meaning import ANY, Meaning, meaning
from pushlive.rollout.kubernetes.judge.snapshot import Snapshot, at, condition, is_false, name
from pushlive.rollout.kubernetes.judge.symptom import Patience, Symptom

_LACKS = (
    Meaning(
        "no-capacity",
        re.compile(r"Insufficient (\S+)"),
        "no machine of the cluster has room for another replica",
        "Ask for less, [run] resources, or add a machine. A rollout needs room for one replica more.",
    ),
    Meaning(
        "volume-unbound",
        re.compile(r"unbound immediate PersistentVolumeClaims|persistentvolumeclaim .* not found"),
        "a volume that the pod wants is not there",
        "Look at its PersistentVolumeClaim: its events say what is missing.",
    ),
    Meaning(
        "no-fitting-machine",
        re.compile(r"untolerated taint|node affinity|node selector|didn't match"),
        "no machine of the cluster is one that the pod may run on",
        "Compare the pod's tolerations and selectors with the machines' taints and labels.",
    ),
    Meaning(
        "unschedulable",
        ANY,
        "the scheduler finds no machine for the pod",
        "The message counts for each reason the machines that it rules out.",
    ),
)
_COMING = "TriggeredScaleUp"


def not_scheduled(snapshot: Snapshot) -> Iterator[Symptom]:
    """Why new pods have no machine."""
    for pod in snapshot.new_pods:
        found = condition(pod, "PodScheduled")
        if not is_false(found):
            continue
        message = str(found.get("message", ""))
        coming = [str(event.get("message", "")) for event in snapshot.events_of(pod) if event.get("reason") == _COMING]
        lack = meaning(message, _LACKS)
        yield Symptom(
            code="scale-up" if coming else lack.code,
            patience=lack.patience,
            cause="a machine is being added for the pod" if coming else lack.cause,
            where=f"Pod {name(pod)}, condition PodScheduled",
            evidence=(*coming, message),
            remedy=lack.remedy,
        )


def evicted(snapshot: Snapshot) -> Iterator[Symptom]:
    """New pods that a machine has thrown out: the ReplicaSet makes others."""
    for pod in snapshot.new_pods:
        if at(pod, "status", "reason") == "Evicted":
            yield Symptom(
                code="evicted",
                patience=Patience.DEADLINE,
                cause="a machine threw a replica out, since it lacks room itself",
                where=f"Pod {name(pod)}",
                evidence=(str(at(pod, "status", "message") or ""),),
                remedy="Another one takes its place by itself. If it stays so, say what one needs: [run] resources.",
            )
