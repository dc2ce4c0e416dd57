"""Images that do not come (container state waiting: ErrImagePull, ImagePullBackOff, InvalidImageName)."""

import re
from collections.abc import Iterator

from pushlive.rollout.kubernetes.judge.rules.containers import waiting
from pushlive.rollout.kubernetes.judge.rules.meaning import ANY, Meaning, meaning
from pushlive.rollout.kubernetes.judge.snapshot import Plain, Snapshot, at, items, name
from pushlive.rollout.kubernetes.judge.symptom import Patience, Symptom

_PULLING = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull"}

_BUSY = (
    r"\b429\b|too ?many ?requests|rate limit|\b50[0234] |"
    r"i/o timeout|no such host|connection re|\bEOF\b|TLS handshake"
)

_DIGEST = re.compile(r"sha256:[0-9a-f]+")
"""Its figures may be those of any answer."""


_TROUBLES = (
    Meaning(
        "image-platform",
        re.compile(r"no match for platform|exec format error"),
        "the image is for another processor than the machine's",
        "Build it for the machines there are: `pushlive build --platform linux/amd64,linux/arm64`.",
        Patience.SECOND_SIGHT,
    ),
    Meaning(
        "registry-busy",
        re.compile(_BUSY, re.IGNORECASE),
        "the registry does not answer the machine, or not now",
        "It is tried again by itself. If it stays so, look from the machine at the registry's name and limits.",
    ),
    Meaning(
        "registry-denied",
        re.compile(r"\b40[13]\b|unauthorized|authentication required|denied|forbidden", re.IGNORECASE),
        "the registry lets the machines of the cluster pull nothing",
        "Give them the right to: a pull secret at the namespace's ServiceAccount, or the machines' own account.",
        Patience.SECOND_SIGHT,
    ),
    Meaning(
        "image-missing",
        re.compile(r"not ?found|manifest unknown|name unknown|\b404\b", re.IGNORECASE),
        "the image is not in the registry",
        "Push it again: deliver the revision. Retention rules of the registry may have removed it.",
        Patience.SECOND_SIGHT,
    ),
    Meaning("image-pull", ANY, "the image cannot be pulled", "The message says why."),
)


def not_pulled(snapshot: Snapshot) -> Iterator[Symptom]:
    """Why the image of a new pod is not there."""
    for pod in snapshot.new_pods:
        for container, state in waiting(pod):
            if state.get("reason") == "InvalidImageName":
                yield _invalid(pod, container, state)
            elif state.get("reason") in _PULLING:
                yield _trouble(snapshot, pod, container, state)


def _invalid(pod: Plain, container: str, state: Plain) -> Symptom:
    return Symptom(
        code="image-name",
        patience=Patience.SECOND_SIGHT,
        cause="the image's name is none that a registry can have",
        where=f"Pod {name(pod)}, container {container}",
        evidence=(str(state.get("message", "")),),
        remedy="Look at [target] registry.",
    )


def _trouble(snapshot: Snapshot, pod: Plain, container: str, state: Plain) -> Symptom:
    """While it is backed off the state says no more than that: what was answered is in the event of the last try."""
    said = [str(event.get("message", "")) for event in snapshot.events_of(pod) if event.get("reason") == "Failed"]
    said.append(str(state.get("message", "")))
    text = next((line for line in reversed(said) if line and not line.startswith(("Back-off", "Error: "))), said[-1])
    answer = _DIGEST.sub("", text)
    trouble = meaning(answer, _TROUBLES)
    image = next((at(each, "image") for each in items(pod, "spec", "containers") if each.get("name") == container), "")
    return Symptom(
        code=trouble.code,
        patience=trouble.patience,
        cause=trouble.cause,
        where=f"Pod {name(pod)}, container {container}: {image}",
        evidence=(text,),
        remedy=trouble.remedy,
    )
