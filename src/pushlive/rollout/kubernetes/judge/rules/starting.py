"""Containers that cannot be made or started: their configuration, their command, what is to be mounted."""

import re
from collections.abc import Iterator

from pushlive.rollout.kubernetes.judge.rules.containers import ended, statuses, waiting
from pushlive.rollout.kubernetes.judge.rules.meaning import ANY, Meaning, meaning
from pushlive.rollout.kubernetes.judge.snapshot import Plain, Snapshot, condition, is_true, name
from pushlive.rollout.kubernetes.judge.symptom import Patience, Symptom

_CONFIGURATION = (
    Meaning(
        "secret-key-missing",
        re.compile(r"couldn't find key (\S+)"),
        "a Secret or ConfigMap lacks a key that the pod names",
        "Set it: `pushlive env set NAME=...`, and deliver.",
        Patience.SECOND_SIGHT,
    ),
    Meaning(
        "settings-missing",
        re.compile(r'(?:secret|configmap)s? "?([^" ]+)"? not found'),
        "a Secret or ConfigMap that the pod names is not there",
        "Somebody removed it: deliver again, which makes it.",
        Patience.SECOND_SIGHT,
    ),
    Meaning(
        "root-image",
        re.compile(r"runAsNonRoot"),
        "the image runs as root, which the pod forbids",
        "Give it a numeric user (USER 10001 in the Dockerfile).",
        Patience.SECOND_SIGHT,
    ),
    Meaning(
        "container-config",
        ANY,
        "the container cannot be made",
        "The message says why.",
        Patience.SECOND_SIGHT,
    ),
)
_COMMAND = Meaning(
    "bad-command",
    ANY,
    "the container's command cannot be started",
    "Correct the command, or put the program into the image: `pushlive image ls` shows what is in it.",
    Patience.SECOND_SIGHT,
)
_PASSING = re.compile("failed to sync|is reserved for|deadline exceeded|timed out")
"""A machine that is busy: its cache of Secrets, its runtime."""

_STARTING = {"CreateContainerConfigError", "CreateContainerError"}
_RUNNING = {"RunContainerError", "StartError", "ContainerCannotRun"}
_EXIT_START = 128


def not_started(snapshot: Snapshot) -> Iterator[Symptom]:
    """Why a container of a new pod is not made, or does not begin to run."""
    for pod in snapshot.new_pods:
        for container, state in waiting(pod):
            if state.get("reason") in _STARTING:
                message = str(state.get("message", ""))
                yield _symptom(pod, container, message, meaning(message, _CONFIGURATION))
            elif state.get("reason") in _RUNNING:
                yield _symptom(pod, container, str(state.get("message", "")), _COMMAND)
        for status in statuses(pod):
            last, _ = ended(status)
            if status.get("ready"):
                continue
            if last.get("reason") in _RUNNING or last.get("exitCode") == _EXIT_START:
                yield _symptom(pod, str(status.get("name")), str(last.get("message", "")), _COMMAND)


def not_mounted(snapshot: Snapshot) -> Iterator[Symptom]:
    """Why the kubelet cannot prepare a new pod: a volume, its network."""
    for pod in snapshot.new_pods:
        if is_true(condition(pod, "Initialized")) and is_true(condition(pod, "ContainersReady")):
            continue
        for event in snapshot.events_of(pod):
            message = str(event.get("message", ""))
            if event.get("reason") == "FailedMount":
                yield _prepared(pod, "volume", "a volume of the pod cannot be mounted", message)
            elif event.get("reason") == "FailedCreatePodSandBox":
                yield _prepared(pod, "network", "the machine cannot give the pod its network", message)


def _symptom(pod: Plain, container: str, message: str, found: Meaning) -> Symptom:
    return Symptom(
        code=found.code,
        patience=Patience.DEADLINE if _PASSING.search(message) else found.patience,
        cause=found.cause,
        where=f"Pod {name(pod)}, container {container}",
        evidence=(message,) if message else (),
        remedy=found.remedy,
    )


def _prepared(pod: Plain, code: str, cause: str, message: str) -> Symptom:
    return Symptom(
        code=f"{code}-failed",
        patience=Patience.DEADLINE,
        cause=cause,
        where=f"Pod {name(pod)}, events",
        evidence=(message,),
        remedy="The kubelet tries again by itself. If it stays so, look at what the message names, and at the machine.",
    )
