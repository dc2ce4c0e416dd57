"""How many replicas there are by load, and how many at least while machines are emptied."""

from typing import Any

from pushlive.rollout.kubernetes.manifests import names, pods
from pushlive.rollout.kubernetes.manifests.workload import Workload


def autoscaler(workload: Workload) -> list[dict[str, Any]]:
    """The HorizontalPodAutoscaler, where the site asks for one."""
    scale = workload.autoscale
    if scale is None:
        return []
    target = {"type": "Utilization", "averageUtilization": scale.cpu}
    return [
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": names.meta(workload, workload.site, names.labels(workload, names.WEB)),
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.site},
                "minReplicas": scale.min,
                "maxReplicas": scale.max,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            },
        }
    ]


def budget(workload: Workload) -> list[dict[str, Any]]:
    """The PodDisruptionBudget of the replicas."""
    least = workload.autoscale.min if workload.autoscale else workload.release.replicas
    return pods.budget(workload, workload.site, names.WEB, least)
