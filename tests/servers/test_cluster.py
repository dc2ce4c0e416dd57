"""The cluster that tests of the Kubernetes engine run on is a real one: it does what people's clusters do."""

import subprocess
from typing import Any

import pytest

from tests.servers.cluster.cluster import Cluster, wait
from tests.servers.cluster.fixtures import IN_CLUSTER

pytestmark = list(IN_CLUSTER)
PAGE = "from http.server import *; HTTPServer(('', 8000), SimpleHTTPRequestHandler).serve_forever()"
BUSY = "while True: pass"


def _pod(image: str, program: str, *, cpu: str = "50m") -> dict[str, Any]:
    container = {
        "name": "web",
        "image": image,
        "command": ["python3", "-u", "-c", program],
        "resources": {"requests": {"cpu": cpu, "memory": "32Mi"}, "limits": {"cpu": "200m"}},
    }
    return {"terminationGracePeriodSeconds": 0, "containers": [container]}


def _deployment(pod: dict[str, Any], **probes: Any) -> dict[str, Any]:
    pod["containers"][0] |= probes
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def _site(image: str) -> tuple[dict[str, Any], dict[str, Any]]:
    ready = {"readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}}
    ports = [{"port": 80, "targetPort": 8000}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    return _deployment(_pod(image, PAGE), **ready), service | {"spec": {"selector": {"app": "web"}, "ports": ports}}


def _why(cluster: Cluster, namespace: str):
    """What a failed wait shows."""
    return lambda: cluster.kubectl("get", "pods,events", f"--namespace={namespace}", check=False)


def _served(cluster: Cluster, namespace: str, host: str) -> None:
    """Until the host's page is answered through the Gateway's address."""
    seen: list[Any] = []

    def answers() -> bool:
        try:
            seen.append(cluster.page(host))
        except OSError as error:
            seen.append(error)
            return False
        return seen[-1].status == 200 and "Directory listing" in seen[-1].text

    wait(f"http://{host}/", answers, lambda: f"{seen[-1]}\n{_why(cluster, namespace)()}")


def _completed(cluster: Cluster, namespace: str, name: str, image: str, program: str) -> str:
    """Run a pod to its end; its log."""
    spec = _pod(image, program) | {"restartPolicy": "Never"}
    cluster.apply(namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    read = ("pod", name, f"--namespace={namespace}")
    ended = ("Succeeded", "Failed")
    wait(f"pod {name}", lambda: cluster.read(*read)["status"]["phase"] in ended, _why(cluster, namespace))
    return cluster.kubectl("logs", name, f"--namespace={namespace}")


def test_its_node_is_ready(cluster: Cluster):
    conditions = {each["type"]: each["status"] for each in cluster.read("nodes")["items"][0]["status"]["conditions"]}

    assert conditions["Ready"] == "True"
    assert cluster.version.startswith("v1.")


def test_a_pod_from_the_registry_runs_and_its_log_can_be_read(cluster: Cluster, namespace: str, base: str):
    assert _completed(cluster, namespace, "said", base, "print('counted: 1')") == "counted: 1\n"


def test_commands_run_in_a_pod(cluster: Cluster, namespace: str, base: str):
    cluster.apply(namespace, _deployment(_pod(base, PAGE)))
    cluster.kubectl("rollout", "status", "deployment/web", f"--namespace={namespace}", "--timeout=120s")

    told = ("exec", "deployment/web", f"--namespace={namespace}", "--", "python3", "-c", "print(6 * 7)")
    assert cluster.kubectl(*told) == "42\n"


def test_a_route_leads_from_the_gateways_address_to_a_page(cluster: Cluster, namespace: str, base: str):
    _gateway_needed(cluster)
    gateway = cluster.read("gateways", "--all-namespaces")["items"][0]["metadata"]
    parent = {"name": gateway["name"], "namespace": gateway["namespace"]}
    host = f"{namespace}.example.com"
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"}}
    rules = [{"backendRefs": [{"name": "web", "port": 80}]}]
    route |= {"spec": {"parentRefs": [parent], "hostnames": [host], "rules": rules}}

    cluster.apply(namespace, *_site(base), route)

    _served(cluster, namespace, host)


def test_an_ingress_leads_to_a_page(cluster: Cluster, namespace: str, base: str):
    _gateway_needed(cluster)
    host = f"{namespace}.example.com"
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}}

    cluster.apply(namespace, *_site(base), ingress | {"spec": {"ingressClassName": "contour", "rules": [rule]}})

    _served(cluster, namespace, host)
    address = cluster.read("ingress", "web", f"--namespace={namespace}")["status"]["loadBalancer"]["ingress"]
    assert address == [{"ip": cluster.gateway}]


def test_pods_find_services_by_name(cluster: Cluster, namespace: str, base: str):
    cluster.apply(namespace, *_site(base))
    cluster.kubectl("rollout", "status", "deployment/web", f"--namespace={namespace}", "--timeout=120s")
    program = "import urllib.request as r; print(r.urlopen('http://web/', timeout=20).status)"

    assert _completed(cluster, namespace, "asks", base, program) == "200\n"


def test_the_autoscaler_acts_on_real_figures(cluster: Cluster, namespace: str, base: str):
    target = {"type": "Utilization", "averageUtilization": 50}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 2,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    deployment = _deployment(_pod(base, BUSY, cpu="20m"))
    del deployment["spec"]["replicas"]

    cluster.apply(namespace, deployment, scaler | {"spec": spec})

    def scaled() -> bool:
        return cluster.read("deployment", "web", f"--namespace={namespace}")["spec"].get("replicas") == 2

    why = ("describe", "hpa", "web", f"--namespace={namespace}")
    wait("a second replica", scaled, lambda: cluster.kubectl(*why, check=False), limit=240)
    assert "web-" in cluster.kubectl("top", "pods", f"--namespace={namespace}", "--no-headers")


def test_commands_reach_what_the_cluster_serves(cluster: Cluster, namespace: str):
    if not cluster.node:
        pytest.skip(f"{cluster.origin} is not in a network of its own")
    cluster.resolve(shop_example_com=cluster.gateway)
    program = "import socket; print(socket.gethostbyname('shop.example.com'))"

    def resolved() -> str:
        done = subprocess.run(cluster.argv("python3", "-c", program), capture_output=True, text=True, check=False)
        return done.stdout.strip()

    wait("shop.example.com", lambda: resolved() == cluster.gateway)


def test_the_api_server_can_be_stopped_and_started(cluster: Cluster, namespace: str):
    if not cluster.node:
        pytest.skip(f"{cluster.origin} is not ours to stop")
    cluster.node.stop("kube-apiserver")
    asks = ("get", "namespace", namespace)
    wait("a refusal", lambda: "refused" in cluster.kubectl(*asks, check=False))

    cluster.node.start("kube-apiserver")

    wait("the API server", lambda: cluster.node.says("get", "--raw", "/readyz") == "ok")
    assert cluster.read("namespace", namespace)["metadata"]["name"] == namespace


def _gateway_needed(cluster: Cluster) -> None:
    if not cluster.gateway:
        pytest.skip(f"{cluster.origin} has no Gateway with an address")
