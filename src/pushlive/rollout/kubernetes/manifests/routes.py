"""How requests come in from outside: a route of a Gateway, or an Ingress."""

from typing import Any

from pushlive.rollout.kubernetes.manifests import names
from pushlive.rollout.kubernetes.manifests.service import PORT
from pushlive.rollout.kubernetes.manifests.workload import Route, Workload

DEFAULT_GATEWAY = "gateway"
"""The Gateway in the site's own namespace that a route is attached to where none is named."""

_GKE_CLASSES = ("gce", "gce-internal")
"""Classes that GKE reads from the annotation alone: it passes over an Ingress that has them in ingressClassName."""


def routes(workload: Workload) -> list[dict[str, Any]]:
    """The HTTPRoute, or the Ingress and what its certificate needs."""
    if workload.route is Route.GATEWAY:
        return [_http_route(workload)]
    return [*_certificate(workload), _ingress(workload)]


def _http_route(workload: Workload) -> dict[str, Any]:
    """external-dns reads a route's host names by itself; the certificate is the Gateway's."""
    namespace, _, gateway = workload.gateway.rpartition("/")
    parent = {"name": gateway or DEFAULT_GATEWAY} | ({"namespace": namespace} if namespace else {})
    hosts = {"hostnames": _hosts(workload)} if workload.hosts else {}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": names.meta(workload, workload.site, names.labels(workload, names.WEB)),
        "spec": {
            "parentRefs": [parent],
            **hosts,
            "rules": [{"backendRefs": [{"name": workload.site, "port": PORT}]}],
        },
    }


def _ingress(workload: Workload) -> dict[str, Any]:
    backend = {"service": {"name": workload.site, "port": {"name": "http"}}}
    paths = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    named: list[dict[str, Any]] = [{"host": each, **paths} for each in _hosts(workload)]
    annotated = workload.gateway in _GKE_CLASSES
    secret = {"hosts": _hosts(workload), "secretName": f"{workload.site}-tls"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": names.meta(
            workload, workload.site, names.labels(workload, names.WEB), _annotations(workload) or None
        ),
        "spec": {
            **({"ingressClassName": workload.gateway} if workload.gateway and not annotated else {}),
            **({"tls": [secret]} if workload.tls.issuer else {}),
            "rules": named or [paths],
        },
    }


def _annotations(workload: Workload) -> dict[str, str]:
    hosts = ",".join(_hosts(workload))
    found = {"external-dns.alpha.kubernetes.io/hostname": hosts} if hosts else {}
    if workload.gateway in _GKE_CLASSES:
        found["kubernetes.io/ingress.class"] = workload.gateway
    if workload.tls.issuer:
        found["cert-manager.io/cluster-issuer"] = workload.tls.issuer
    if workload.tls.managed:
        found["networking.gke.io/managed-certificates"] = workload.site
    return found


def _certificate(workload: Workload) -> list[dict[str, Any]]:
    if not workload.tls.managed:
        return []
    return [
        {
            "apiVersion": "networking.gke.io/v1",
            "kind": "ManagedCertificate",
            "metadata": names.meta(workload, workload.site, names.labels(workload, names.WEB)),
            "spec": {"domains": _hosts(workload)},
        }
    ]


def _hosts(workload: Workload) -> list[str]:
    """Each host once. Django's `.example.com` is the domain and every name below it, which are two to Kubernetes."""
    return list(dict.fromkeys(each for name in workload.hosts for each in _spelled(name)))


def _spelled(name: str) -> tuple[str, ...]:
    return (name[1:], f"*{name}") if name.startswith(".") else (name,)
