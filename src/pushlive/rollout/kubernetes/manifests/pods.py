"""What the pods of a site have in common: who they run as, what they may, what they are told."""

from typing import Any

from pushlive.rollout.kubernetes.manifests import names, settings
from pushlive.rollout.kubernetes.manifests.workload import Workload

USER = 10001
"""The image's user, as a number: the kubelet sees that it is not root."""

DRAIN = 5
"""Seconds from the end of a pod until its server is told: by then no proxy sends it anything any more."""

SPARE = 5
"""Seconds beyond the drain and the server's own time until a pod is killed."""

_TEMPORARY = "1Gi"
"""Uploads lie there until the site has taken them."""


def spec(workload: Workload, containers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A pod that may do nothing but run (Pod Security Standards, restricted)."""
    return {
        "serviceAccountName": workload.site,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": containers,
        **more,
    }


def confined() -> dict[str, Any]:
    """The part of it that stands with each container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def of_image(workload: Workload, name: str, **more: Any) -> dict[str, Any]:
    """A container of the release's image, with its environment and room for temporary files."""
    return {
        "name": name,
        "image": workload.image,
        "env": [{"name": "PUSHLIVE_REPLICA", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "envFrom": [
            {"configMapRef": {"name": settings.config(workload)["metadata"]["name"]}},
            {"secretRef": {"name": settings.secret(workload)["metadata"]["name"]}},
        ],
        "resources": resources(workload),
        "securityContext": confined(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
        **more,
    }


def temporary() -> list[dict[str, Any]]:
    """The one folder that can be written: its size counts to no other pod."""
    return [{"name": "tmp", "emptyDir": {"sizeLimit": _TEMPORARY}}]


def resources(workload: Workload) -> dict[str, Any]:
    """What a replica asks for. Memory is its limit too; CPU has none: an idle core is nobody's gain."""
    asked = {name: value for name in ("cpu", "memory") if (value := getattr(workload.resources, name))}
    limits = {"memory": asked["memory"]} if "memory" in asked else {}
    return {key: value for key, value in (("requests", asked), ("limits", limits)) if value}


def template(workload: Workload, component: str, pod: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A pod template with the labels of the release, and with `more` metadata."""
    return {"metadata": {"labels": names.of_release(workload, component), **more}, "spec": pod}


def spread(workload: Workload, component: str) -> list[dict[str, Any]]:
    """Over machines and zones where there are several. Who names constraints gets none of the cluster's own."""
    selector = {"matchLabels": names.selector(workload, component)}
    return [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


def budget(workload: Workload, name: str, component: str, least: int) -> list[dict[str, Any]]:
    """The PodDisruptionBudget of a part that has `least` pods. A single one has none: no disruption is announced."""
    if least < 2:  # noqa: PLR2004
        return []
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": names.meta(workload, name, names.labels(workload, component)),
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": names.selector(workload, component)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        }
    ]
