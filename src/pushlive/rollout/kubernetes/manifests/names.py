"""What objects are called, and the labels by which they find each other."""

from hashlib import sha256
from typing import Any

import msgspec

from pushlive.rollout.kubernetes.manifests.workload import Workload

WEB, MEMCACHED, RELEASE = "web", "memcached", "release"
"""The parts of a site."""

REVISION, RELEASED = "pushlive/revision", "pushlive/release"
"""Labels of our own."""

PORT, CACHE_PORT = 8000, 11211
"""Where the site and memcached listen in their pods."""

_DIGITS = 10
_LONGEST_LABEL = 63
"""Characters of a label's value: one less than a revision has in a repository of SHA-256."""


def memcached(workload: Workload) -> str:
    """The name of memcached's StatefulSet and of its Service."""
    return f"{workload.site}-memcached"


def cache_servers(workload: Workload) -> tuple[str, ...]:
    """Where memcached is, as host:port: each pod by its own name, so that a key stays with the server that has it."""
    spec = workload.release.cache
    if spec is None or spec.servers:
        return spec.servers if spec else ()
    name = memcached(workload)
    pods = range(workload.cache_replicas)
    return tuple(f"{name}-{number}.{name}.{workload.namespace}.svc:{CACHE_PORT}" for number in pods)


def hashed(workload: Workload, content: object) -> str:
    """A name that changes with the content: a release keeps its settings, and pods that start late find their own."""
    digest = sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:_DIGITS]
    return f"{workload.site}-env-{digest}"


def selector(workload: Workload, component: str) -> dict[str, str]:
    """By which labels a part's pods are found. These never change: a Deployment's selector is immutable."""
    return {"app.kubernetes.io/instance": workload.site, "app.kubernetes.io/component": component}


def labels(workload: Workload, component: str) -> dict[str, str]:
    """The labels of what outlives a release (kubernetes.io, recommended labels)."""
    return selector(workload, component) | {
        "app.kubernetes.io/name": component if component == MEMCACHED else workload.site,
        "app.kubernetes.io/part-of": workload.site,
        "app.kubernetes.io/managed-by": "pushlive",
    }


def of_release(workload: Workload, component: str) -> dict[str, str]:
    """The labels of what belongs to one release."""
    return labels(workload, component) | {
        "app.kubernetes.io/version": workload.release.name,
        RELEASED: workload.release.name,
        REVISION: workload.release.revision[:_LONGEST_LABEL],
    }


def meta(workload: Workload, name: str, labels: dict[str, str], annotations: dict[str, str] | None = None) -> Any:
    """The metadata of an object."""
    more = {"annotations": annotations} if annotations else {}
    return {"name": name, "namespace": workload.namespace, "labels": labels, **more}
