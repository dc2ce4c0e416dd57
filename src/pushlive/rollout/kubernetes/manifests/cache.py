"""Memcached beside the site: its pods keep their names, so that the site finds each of them."""

from typing import Any

from pushlive.model.release import CacheSpec
from pushlive.rollout.kubernetes.manifests import names, pods
from pushlive.rollout.kubernetes.manifests.workload import Workload

IMAGE = "docker.io/library/memcached:1.6-alpine"
"""The official image."""

_MEBIBYTE = 1024 * 1024
_OVERHEAD = 32
"""MiB that memcached takes beside its items for itself and its threads."""

_HASH_TABLE = 6
"""The table that finds items takes at most one part in so many of their memory beside it: 16 bytes for an item while it
grows, of which the smallest takes 96."""

_A_CONNECTION = 8 * 1024
"""Bytes of buffers of a connection."""


def objects(workload: Workload) -> list[dict[str, Any]]:
    """The headless Service and the StatefulSet; nothing for a site without memcached, or with one elsewhere."""
    spec = workload.release.cache
    if spec is None or spec.servers:
        return []
    budget = pods.budget(workload, names.memcached(workload), names.MEMCACHED, workload.cache_replicas)
    return [_service(workload), *budget, _stateful_set(workload, spec)]


def _service(workload: Workload) -> dict[str, Any]:
    name = names.memcached(workload)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.meta(workload, name, names.labels(workload, names.MEMCACHED)),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,  # DNS keeps it in mind that a name was not there
            "selector": names.selector(workload, names.MEMCACHED),
            "ports": [{"name": "memcached", "port": names.CACHE_PORT, "targetPort": "memcached"}],
        },
    }


def _stateful_set(workload: Workload, spec: CacheSpec) -> dict[str, Any]:
    """No release is in its labels: a rollout of the site must not empty the cache."""
    name = names.memcached(workload)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": names.meta(workload, name, names.labels(workload, names.MEMCACHED)),
        "spec": {
            "serviceName": name,
            "replicas": workload.cache_replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": names.selector(workload, names.MEMCACHED)},
            "template": {
                "metadata": {"labels": names.labels(workload, names.MEMCACHED)},
                "spec": pods.spec(
                    workload,
                    [_container(spec)],
                    terminationGracePeriodSeconds=10,
                    topologySpreadConstraints=pods.spread(workload, names.MEMCACHED),
                ),
            },
        },
    }


def _container(spec: CacheSpec) -> dict[str, Any]:
    tcp = {"tcpSocket": {"port": "memcached"}}
    return {
        "name": "memcached",
        "image": IMAGE,
        "args": arguments(spec),
        "ports": [{"name": "memcached", "containerPort": names.CACHE_PORT}],
        "resources": _resources(spec),
        "securityContext": pods.confined(),
        "readinessProbe": {**tcp, "periodSeconds": 5},
        "livenessProbe": {**tcp, "periodSeconds": 20, "failureThreshold": 6},
    }


def arguments(spec: CacheSpec) -> list[str]:
    """The site's settings as memcached takes them: memory in MiB, the item size in bytes."""
    return [
        f"--memory-limit={spec.memory // _MEBIBYTE}",
        f"--max-item-size={spec.max_item_size}",
        f"--conn-limit={spec.connections}",
        f"--threads={spec.threads}",
    ]


def _resources(spec: CacheSpec) -> dict[str, Any]:
    """Its memory is asked for, and no more given: it is known beforehand."""
    beside = spec.memory // _HASH_TABLE + spec.connections * _A_CONNECTION
    whole = spec.memory // _MEBIBYTE + _OVERHEAD + beside // _MEBIBYTE
    return {"requests": {"cpu": "50m", "memory": f"{whole}Mi"}, "limits": {"memory": f"{whole}Mi"}}
