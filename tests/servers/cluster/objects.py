"""What a node's API server is told of the programs beside it: names, metrics, and the way in. Pure."""

import json
from typing import Any

from tests.servers.cluster.settings import ADDRESS, DNS, GATEWAY, HTTP, HTTPS, METRICS

CLASS = "contour"
"""The name of the GatewayClass, of the IngressClass and of the Gateway."""
SYSTEM, CONTOUR = "kube-system", "projectcontour"
Manifest = dict[str, Any]


def beside() -> str:
    """Name service and metrics: Services whose one endpoint is the node."""
    dns = _served(SYSTEM, "kube-dns", DNS, {"dns": ("UDP", 53, 53), "dns-tcp": ("TCP", 53, 53)})
    metrics = _served(SYSTEM, "metrics-server", None, {"https": ("TCP", 443, METRICS)})
    return _list(*dns, *metrics, _metrics_api())


def way_in() -> str:
    """The classes, the Gateway, and the load balancer's Service that leads to Envoy."""
    controller = "projectcontour.io/gateway-controller"
    gates = {"http": ("TCP", 80, HTTP), "https": ("TCP", 443, HTTPS)}
    return _list(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CONTOUR}},
        _object("gateway.networking.k8s.io/v1", "GatewayClass", CLASS, spec={"controllerName": controller}),
        _object(
            "networking.k8s.io/v1", "IngressClass", CLASS, spec={"controller": "projectcontour.io/ingress-controller"}
        ),
        _object(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            CLASS,
            namespace=CONTOUR,
            spec={"gatewayClassName": CLASS, "listeners": [_listener()]},
        ),
        *_served(CONTOUR, "envoy", None, gates, kind="LoadBalancer"),
    )


def balanced() -> str:
    """The status that a cloud would write: where the load balancer is."""
    return json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": GATEWAY}]}}})


def _listener() -> Manifest:
    return {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}


def _metrics_api() -> Manifest:
    spec = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "service": {"namespace": SYSTEM, "name": "metrics-server"},
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    return _object("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", spec=spec)


def _served(
    namespace: str, name: str, address: str | None, ports: dict[str, tuple[str, int, int]], kind: str = "ClusterIP"
) -> tuple[Manifest, Manifest]:
    """A Service without a selector, and its one endpoint: each port's protocol, the Service's and the node's number."""
    offered = [
        {"name": port, "protocol": protocol, "port": outer, "targetPort": inner}
        for port, (protocol, outer, inner) in ports.items()
    ]
    spec = {"type": kind, "ports": offered, **({"clusterIP": address} if address else {})}
    service = _object("v1", "Service", name, namespace=namespace, spec=spec)
    endpoint = _object("discovery.k8s.io/v1", "EndpointSlice", f"{name}-node", namespace=namespace)
    endpoint["metadata"]["labels"] = {"kubernetes.io/service-name": name}
    endpoint |= {
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
        "ports": [{"name": port, "protocol": told[0], "port": told[2]} for port, told in ports.items()],
    }
    return service, endpoint


def _object(version: str, kind: str, name: str, *, namespace: str = "", spec: Manifest | None = None) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {})}


def _list(*items: Manifest) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
