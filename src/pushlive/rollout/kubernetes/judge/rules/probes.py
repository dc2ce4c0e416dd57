"""Containers that run and do not answer as they should: what the kubelet's probes say (events Unhealthy, Killing)."""

import re
from collections.abc import Iterator

from msgspec import Struct

from pushlive.rollout.kubernetes.judge.rules.containers import statuses
from pushlive.rollout.kubernetes.judge.snapshot import Plain, Snapshot, condition, is_true, name
from pushlive.rollout.kubernetes.judge.symptom import Logs, Patience, Symptom

_UNHEALTHY, _KILLING = "Unhealthy", "Killing"


class _Answer(Struct, frozen=True):
    code: str
    words: re.Pattern[str]
    patience: Patience
    cause: str
    remedy: str


_ANSWERS = (
    _Answer(
        "host-refused",
        re.compile(r"statuscode: 400"),
        Patience.SECOND_SIGHT,
        "the page answers 400: the site does not allow its own host",
        "Add the host that the probe sends to ALLOWED_HOSTS: see `pushlive check`.",
    ),
    _Answer(
        "page-error",
        re.compile(r"statuscode: 500"),
        Patience.DEADLINE,
        "the page answers 500",
        "The log has its traceback.",
    ),
    _Answer(
        "not-serving",
        re.compile(r"statuscode: 50[234]"),
        Patience.DEADLINE,
        "the page says that it cannot be served now",
        "Look at what it waits for: a database, a cache.",
    ),
    _Answer(
        "nothing-listens",
        re.compile(r"connection refused"),
        Patience.DEADLINE,
        "nothing listens on the port of the site",
        "The log says how far the server came.",
    ),
    _Answer(
        "slow-answer",
        re.compile(r"deadline exceeded|Client\.Timeout"),
        Patience.DEADLINE,
        "the page takes longer than the probe waits",
        "Name a page that is quicker: [verify] path.",
    ),
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
    known = next((each for each in _ANSWERS if each.words.search(last)), None)
    killed = next((text for text in messages if "probe, will be restarted" in text), "")
    status = next(statuses(pod), {})
    return Symptom(
        code=_code(known, killed),
        patience=known.patience if known else Patience.DEADLINE,
        cause=_cause(known, killed),
        where=f"Pod {name(pod)}, events",
        evidence=tuple(filter(None, (last, killed))),
        remedy=_remedy(known, killed),
        logs=Logs(name(pod), str(status["name"]), bool(status.get("restartCount"))) if status else None,
    )


def _code(known: _Answer | None, killed: str) -> str:
    if known and known.patience is Patience.SECOND_SIGHT:
        return known.code
    if killed:
        return "start-too-slow" if "startup" in killed else "liveness-killed"
    return known.code if known else "probe-failed"


def _cause(known: _Answer | None, killed: str) -> str:
    answer = known.cause if known else "its probes fail"
    return f"a replica was stopped, since {answer}" if killed else answer


def _remedy(known: _Answer | None, killed: str) -> str:
    slow = " If it needs longer to start, say so: [run] start_timeout." if "startup" in killed else ""
    return f"{known.remedy if known else 'The message says what the probe saw.'}{slow}"
