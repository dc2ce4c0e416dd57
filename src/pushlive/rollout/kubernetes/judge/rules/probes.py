"""Containers that run and do not answer as they should: what the kubelet's probes say (events Unhealthy, Killing)."""

import re
from collections.abc import Iterator

from pushlive.rollout.kubernetes.judge.rules.containers import statuses
from pushlive.rollout.kubernetes.judge.rules.meaning import ANY, Meaning, meaning
from pushlive.rollout.kubernetes.judge.snapshot import Plain, Snapshot, condition, is_true, name
from pushlive.rollout.kubernetes.judge.symptom import Logs, Patience, Symptom

_UNHEALTHY, _KILLING = "Unhealthy", "Killing"


_ANSWERS = (
    Meaning(
        "host-refused",
        re.compile(r"statuscode: 400"),
        "the page answers 400: the site does not allow its own host",
        "Add the host that the probe sends to ALLOWED_HOSTS: see `pushlive check`.",
        Patience.SECOND_SIGHT,
    ),
    Meaning(
        "page-error",
        re.compile(r"statuscode: 500"),
        "the page answers 500",
        "The log has its traceback.",
    ),
    Meaning(
        "not-serving",
        re.compile(r"statuscode: 50[234]"),
        "the page says that it cannot be served now",
        "Look at what it waits for: a database, a cache.",
    ),
    Meaning(
        "nothing-listens",
        re.compile(r"connection refused"),
        "nothing listens on the port of the site",
        "The log says how far the server came.",
    ),
    Meaning(
        "slow-answer",
        re.compile(r"deadline exceeded|Client\.Timeout"),
        "the page takes longer than the probe waits",
        "Name a page that is quicker: [verify] path.",
    ),
    Meaning("probe-failed", ANY, "its probes fail", "The message says what the probe saw."),
)


def not_ready(snapshot: Snapshot) -> Iterator[Symptom]:
    """Why new pods that run are not ready."""
    for pod in snapshot.new_pods:
        if is_true(condition(pod, "Ready")):
            continue
        said = [event for event in snapshot.events_of(pod) if event.get("reason") in {_UNHEALTHY, _KILLING}]
        if said:
            yield _symptom(pod, said)


def _symptom(pod: Plain, said: list[Plain]) -> Symptom:
    messages = [str(event.get("message", "")) for event in said]
    last = next((text for text in reversed(messages) if "probe failed" in text), messages[-1])
    answer = meaning(last, _ANSWERS)
    killed = next((text for text in messages if "probe, will be restarted" in text), "")
    status = next(statuses(pod), {})
    return Symptom(
        code=_code(answer, killed),
        patience=answer.patience,
        cause=_cause(answer, killed),
        where=f"Pod {name(pod)}, events",
        evidence=tuple(filter(None, (last, killed))),
        remedy=_remedy(answer, killed),
        logs=Logs(name(pod), str(status["name"]), bool(status.get("restartCount"))) if status else None,
    )


def _code(answer: Meaning, killed: str) -> str:
    if killed and answer.patience is not Patience.SECOND_SIGHT:
        return "start-too-slow" if "startup" in killed else "liveness-killed"
    return answer.code


def _cause(answer: Meaning, killed: str) -> str:
    return f"a replica was stopped, since {answer.cause}" if killed else answer.cause


def _remedy(answer: Meaning, killed: str) -> str:
    slow = " If it needs longer to start, say so: [run] start_timeout." if "startup" in killed else ""
    return f"{answer.remedy}{slow}"
