"""The address of a site inside the cluster."""

from typing import Any

from pushlive.rollout.kubernetes.manifests import names
from pushlive.rollout.kubernetes.manifests.workload import Workload

PORT = 80


def service(workload: Workload) -> dict[str, Any]:
    """The Service: whichever replicas are ready, of the old release and of the new one."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.meta(workload, workload.site, names.labels(workload, names.WEB)),
        "spec": {
            "type": "ClusterIP",
            "selector": names.selector(workload, names.WEB),
            "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
        },
    }
