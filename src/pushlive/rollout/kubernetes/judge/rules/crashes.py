"""Containers that end: the site's own code, its server, the memory."""

from collections.abc import Iterator

from msgspec import Struct

from pushlive.rollout.kubernetes.judge.rules.containers import ended, statuses
from pushlive.rollout.kubernetes.judge.snapshot import Plain, Snapshot, at, name
from pushlive.rollout.kubernetes.judge.symptom import Logs, Patience, Symptom

_TAIL = 6
"""Lines of a log that are shown as evidence; all of it is for the diagnosis."""

_SIGNALS = {137, 143}


class _Ending(Struct, frozen=True):
    code: str
    cause: str
    remedy: str


_ENDINGS = {
    2: _Ending(
        "server-configuration", "the server cannot use what it is told", "The log's last line names the variable."
    ),
    3: _Ending("app-crash", "the site's code fails when it is imported", "The traceback in the log says where."),
    4: _Ending("app-missing", "the application is not where [app] says", "Correct [app] wsgi or asgi."),
}
_OOM = _Ending(
    "out-of-memory",
    "a replica takes more memory than it may",
    "Raise [run] resources memory, or have fewer workers and threads.",
)
_CRASH = _Ending("crash", "the container ends by itself", "The log says why.")
_PLATFORM = _Ending(
    "image-platform",
    "the image is for another processor than the machine's",
    "Build it for the machines there are: `pushlive build --platform linux/amd64,linux/arm64`.",
)


def crashed(snapshot: Snapshot) -> Iterator[Symptom]:
    """Why containers of new pods end. A pod that is evicted ends for another reason."""
    for pod in snapshot.new_pods:
        if at(pod, "status", "reason") == "Evicted":
            continue
        for status in statuses(pod):
            last, restarted = ended(status)
            if status.get("ready") or _is_stopped(snapshot, pod, last):
                continue
            if last and last.get("exitCode") != 0 and last.get("reason") not in {"StartError", "ContainerCannotRun"}:
                yield _symptom(snapshot, pod, status, last, restarted=restarted)


def _is_stopped(snapshot: Snapshot, pod: Plain, last: Plain) -> bool:
    """The kubelet ended it for its probes (SIGTERM, then SIGKILL): that is what the probes' rule tells."""
    if last.get("exitCode") not in _SIGNALS or last.get("reason") == "OOMKilled":
        return False
    killings = (event for event in snapshot.events_of(pod) if event.get("reason") == "Killing")
    return any("probe, will be restarted" in str(event.get("message")) for event in killings)


def _symptom(snapshot: Snapshot, pod: Plain, status: Plain, last: Plain, *, restarted: bool) -> Symptom:
    container = str(status.get("name"))
    logs = Logs(name(pod), container, restarted)
    text = snapshot.logs.get((logs.pod, logs.container, logs.previous)) or str(last.get("message") or "")
    found = _ending(last, text)
    return Symptom(
        code=found.code,
        patience=Patience.SECOND_SIGHT if found is _PLATFORM else Patience.CRASHES,
        cause=found.cause,
        where=f"Pod {name(pod)}, container {container}",
        evidence=(f"exit code {last.get('exitCode')} ({last.get('reason')})", *_tail(text)),
        remedy=found.remedy,
        detail=f"{container} {last.get('exitCode')} {last.get('reason')}",
        crashes=int(status.get("restartCount") or 0) + (0 if at(status, "state", "running") else 1),
        logs=logs,
    )


def _ending(last: Plain, text: str) -> _Ending:
    if "exec format error" in text:
        return _PLATFORM
    if last.get("reason") == "OOMKilled" or "Perhaps out of memory?" in text:
        return _OOM
    return _ENDINGS.get(int(last.get("exitCode") or 0), _CRASH)


def _tail(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line.strip())[-_TAIL:]
