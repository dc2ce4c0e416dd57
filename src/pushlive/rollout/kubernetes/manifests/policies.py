"""Who may reach whom. What is not let through here is refused, where the cluster's network enforces policies."""

from typing import Any

from pushlive.rollout.kubernetes.manifests import names
from pushlive.rollout.kubernetes.manifests.workload import Workload


def policies(workload: Workload) -> list[dict[str, Any]]:
    """One for the replicas and one for the release command; one for memcached, where it runs."""
    found = [_site(workload), _command(workload)]
    if workload.release.cache and not workload.release.cache.servers:
        found.append(_memcached(workload))
    return found


def _site(workload: Workload) -> dict[str, Any]:
    """Anybody may ask the site's port, as the cluster's proxies do; it may ask anybody: databases, other sites."""
    return _policy(
        workload,
        workload.site,
        names.WEB,
        ingress=[{"ports": [{"protocol": "TCP", "port": names.PORT}]}],
        egress=[{}],
    )


def _command(workload: Workload) -> dict[str, Any]:
    return _policy(workload, f"{workload.site}-release", names.RELEASE, ingress=[], egress=[{}])


def _memcached(workload: Workload) -> dict[str, Any]:
    """Memcached asks no password: the site alone gets to it, and it gets nowhere."""
    own = [{"podSelector": {"matchLabels": names.selector(workload, part)}} for part in (names.WEB, names.RELEASE)]
    return _policy(
        workload,
        names.memcached(workload),
        names.MEMCACHED,
        ingress=[{"from": own, "ports": [{"protocol": "TCP", "port": names.CACHE_PORT}]}],
        egress=[],
    )


def _policy(
    workload: Workload, name: str, component: str, *, ingress: list[dict[str, Any]], egress: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": names.meta(workload, name, names.labels(workload, component)),
        "spec": {
            "podSelector": {"matchLabels": names.selector(workload, component)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }
