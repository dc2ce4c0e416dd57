"""Objects in the API's own form, as a cluster shows them in the middle of a rollout."""

from typing import Any

from pushlive.rollout.kubernetes.judge import CommandSnapshot, Snapshot

OLD, NEW = "counter-5d8f7c9b4", "counter-7c9f6d5b8"
IMAGE = "registry.example/sites/counter@sha256:" + "0123456789abcdef" * 4


def meta(name: str, *, owner: str = "", **more: Any) -> dict[str, Any]:
    owners = [{"uid": f"uid-{owner}", "controller": True, "name": owner}] if owner else []
    return {"name": name, "namespace": "sites", "uid": f"uid-{name}", "ownerReferences": owners, **more}


def deployment(*, replicas=2, updated=0, total=None, available=None, observed=3, generation=3) -> dict[str, Any]:
    total = replicas if total is None else total
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta("counter", generation=generation, annotations={"deployment.kubernetes.io/revision": "7"}),
        "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": observed,
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": total,
            "availableReplicas": replicas if available is None else available,
        },
    }


def replica_set(name: str, revision: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "ReplicaSet",
        "metadata": meta(name, owner="counter", annotations={"deployment.kubernetes.io/revision": revision}),
        "status": {"conditions": list(conditions)},
    }


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def pod(
    number: int = 1, *, owner: str = NEW, state=None, last=None, restarts=0, ready=False, **more: Any
) -> dict[str, Any]:
    name = f"{owner}-{number:05}"
    scheduled = more.pop("scheduled", condition("PodScheduled", "True"))
    status = {
        "name": "web",
        "image": IMAGE,
        "ready": ready,
        "restartCount": restarts,
        "state": state
        or (
            {"running": {"startedAt": "2026-11-01T00:00:00Z"}}
            if ready
            else {"waiting": {"reason": "ContainerCreating"}}
        ),
        "lastState": last or {},
    }
    return {
        "kind": "Pod",
        "metadata": meta(name, owner=owner, labels={"app": "counter"}) | more.pop("metadata", {}),
        "spec": {"containers": [{"name": "web", "image": IMAGE}]},
        "status": {
            "phase": "Running" if ready else "Pending",
            "conditions": [scheduled, condition("Ready", str(ready))],
            "containerStatuses": [status] if scheduled["status"] == "True" else [],
            **more,
        },
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def terminated(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def event(about: dict[str, Any], reason: str, message: str, kind: str = "Warning") -> dict[str, Any]:
    involved = {"kind": about["kind"], "name": about["metadata"]["name"], "uid": about["metadata"]["uid"]}
    return {"kind": "Event", "involvedObject": involved, "reason": reason, "message": message, "type": kind, "count": 1}


def rollout(*pods: dict[str, Any], events=(), logs=None, refused=None, of=None, **more: Any) -> Snapshot:
    """A rollout in its middle: both replicas of the old release serve, and these pods of the new one are there."""
    new = replica_set(NEW, "7", *([refused] if refused else []))
    old = [pod(number, owner=OLD, ready=True) for number in (1, 2)]
    return Snapshot(
        deployment=of or deployment(updated=len(pods), total=2 + len(pods)),
        replica_sets=(replica_set(OLD, "6"), new),
        pods=(*old, *pods),
        events=tuple(events),
        logs=logs or {},
        **more,
    )


def command(*pods: dict[str, Any], end: dict[str, Any] | None = None, logs=None, events=()) -> CommandSnapshot:
    """The release command's Job."""
    job = {"kind": "Job", "metadata": meta("counter-release-v12"), "status": {"conditions": [end] if end else []}}
    return CommandSnapshot(deployment=job, pods=pods, logs=logs or {}, events=tuple(events))
