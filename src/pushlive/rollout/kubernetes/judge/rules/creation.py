"""Pods that the API server lets nobody make (ReplicaSet condition ReplicaFailure, reason FailedCreate)."""

from collections.abc import Iterator

from msgspec import Struct

from pushlive.rollout.kubernetes.judge.snapshot import Snapshot, at, condition, is_true, name
from pushlive.rollout.kubernetes.judge.symptom import Patience, Symptom


class _Refusal(Struct, frozen=True):
    code: str
    words: str
    cause: str
    remedy: str
    patience: Patience = Patience.SECOND_SIGHT


_REFUSALS = (
    _Refusal(
        "quota",
        "exceeded quota",
        "the namespace's quota has no room for another replica",
        "Ask for less, [run] resources or replicas, or raise the ResourceQuota. A rollout needs one replica more.",
    ),
    _Refusal(
        "pod-security",
        "violates PodSecurity",
        "the namespace's Pod Security level refuses the pod",
        "Compare the level (label pod-security.kubernetes.io/enforce) with what the message names.",
    ),
    _Refusal(
        "limit-range",
        "usage per ",
        "the namespace's LimitRange refuses what a replica asks for",
        "Ask for as much as it allows: [run] resources.",
    ),
    _Refusal(
        "webhook-down",
        "failed calling webhook",
        "an admission webhook of the cluster does not answer",
        "It is tried again by itself. If it stays so, look at the webhook's own pods.",
        Patience.DEADLINE,
    ),
    _Refusal(
        "admission-webhook",
        "admission webhook",
        "an admission webhook of the cluster refuses the pod",
        "The message names the webhook and its reason: talk to whoever runs it.",
    ),
    _Refusal(
        "service-account-missing",
        "serviceaccount",
        "the ServiceAccount of the pods is not there",
        "Somebody removed it: deliver again, which makes it.",
    ),
)


def refused(snapshot: Snapshot) -> Iterator[Symptom]:
    """Why no pod of the new ReplicaSet is made."""
    found = condition(snapshot.new, "ReplicaFailure")
    if not is_true(found):
        return
    message = str(found.get("message", ""))
    known = next((each for each in _REFUSALS if each.words in message), None)
    yield Symptom(
        code=known.code if known else "pod-refused",
        patience=_patience(snapshot, known),
        cause=known.cause if known else "the API server refuses the pods of the release",
        where=f"ReplicaSet {name(snapshot.new)}, condition ReplicaFailure",
        evidence=(message,) if message else (),
        remedy=known.remedy if known else "The message says why.",
    )


def _patience(snapshot: Snapshot, known: _Refusal | None) -> Patience:
    """A pod that is ending counts in the quota until it is gone, and the next one is made before that."""
    if known and known.code == "quota" and any(at(pod, "metadata", "deletionTimestamp") for pod in snapshot.pods):
        return Patience.DEADLINE
    return known.patience if known else Patience.SECOND_SIGHT
