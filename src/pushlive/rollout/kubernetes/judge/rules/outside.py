"""Pods that are ready and that nobody reaches: the Service, and what leads to it from outside."""

from collections.abc import Iterator

from pushlive.rollout.kubernetes.judge.snapshot import Plain, Snapshot, at, condition, is_false, is_true, items, name
from pushlive.rollout.kubernetes.judge.symptom import Patience, Symptom

_WRONG = ("Accepted", "ResolvedRefs", "Programmed")


def not_selected(snapshot: Snapshot) -> Iterator[Symptom]:
    """The Service selects nothing, though pods are ready."""
    ready = [pod for pod in snapshot.new_pods if is_true(condition(pod, "Ready"))]
    if not (snapshot.service and ready) or any(items(each, "endpoints") for each in snapshot.endpoints):
        return
    yield Symptom(
        code="service-selects-nothing",
        patience=Patience.DEADLINE if _selects(snapshot.service, ready[0]) else Patience.SECOND_SIGHT,
        cause="the Service selects none of the replicas",
        where=f"Service {name(snapshot.service)}, spec.selector",
        evidence=(
            f"selector {dict(at(snapshot.service, 'spec', 'selector') or {})}",
            f"labels of {name(ready[0])}: {dict(at(ready[0], 'metadata', 'labels') or {})}",
        ),
        remedy="Somebody changed it: deliver again, which sets it right.",
    )


def _selects(service: Plain, pod: Plain) -> bool:
    """It does, and the EndpointSlices are only behind."""
    selector, labels = at(service, "spec", "selector") or {}, at(pod, "metadata", "labels") or {}
    return bool(selector) and selector.items() <= labels.items()


def not_routed(snapshot: Snapshot) -> Iterator[Symptom]:
    """A route, a Gateway or a certificate that its controller refuses."""
    for route in snapshot.routes:
        for found in _refusals(route):
            kind = str(route.get("kind", "route"))
            yield Symptom(
                code="route-refused",
                patience=Patience.DEADLINE if found.get("reason") == "Pending" else Patience.SECOND_SIGHT,
                cause=f"the {kind} {name(route)} leads nobody here: {found.get('type')} is false",
                where=f"{kind} {name(route)}, condition {found.get('type')}",
                evidence=(f"{found.get('reason')}: {found.get('message')}",),
                remedy="The message says why. Look at the Gateway's name, [target], and at which routes it allows.",
            )


def _refusals(route: Plain) -> Iterator[Plain]:
    parents = [each for parent in items(route, "status", "parents") for each in items(parent, "conditions")]
    own = items(route, "status", "conditions")
    yield from (
        each for each in (*parents, *own) if each.get("type") in _WRONG and is_false(each) and _is_of_now(route, each)
    )


def _is_of_now(route: Plain, found: Plain) -> bool:
    """Its controller has seen the route as it now is."""
    now = int(at(route, "metadata", "generation") or 0)
    return int(found.get("observedGeneration") or now) >= now
