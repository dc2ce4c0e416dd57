"""The argv of every program of a node. Pure."""

import sys
from pathlib import Path

from tests.servers.cluster.settings import ADDRESS, ETCD, GATEWAY, METRICS, NODE, PODS, SERVICES, XDS, Place

HERE = Path(__file__).parent
FIRST = ("forwarder", "etcd", "kube-apiserver", "containerd", "registry")
"""What needs nothing of the others to begin. The rest asks the API server."""
REST = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns", "metrics-server")
GATES = ("contour", "envoy")
"""What needs kinds of its own in the API server first."""


def all_of(place: Place, registry: str, inherited: list[int]) -> dict[str, list[str]]:
    """Every program's argv by name; `registry` is docker-registry's path, `inherited` the two sockets to lead in."""
    leads = [f"{descriptor}={port}" for descriptor, port in zip(inherited, (place.api, place.registry), strict=True)]
    return {
        "forwarder": [sys.executable, "-I", str(HERE / "forwarder.py"), *leads],
        "etcd": _etcd(place),
        "kube-apiserver": _apiserver(place),
        "containerd": ["containerd", "--config", place.file("containerd.toml")],
        "registry": [registry, "serve", place.file("registry.yml")],
        "kube-controller-manager": _controllers(place),
        "kube-scheduler": _called(place, "kube-scheduler", "--leader-elect=false"),
        "kubelet": _kubelet(place),
        "kube-proxy": [place.program("kube-proxy"), f"--config={place.file('kube-proxy.yaml')}"],
        "coredns": [place.program("coredns"), "-conf", place.file("Corefile")],
        "metrics-server": _metrics(place),
        "contour": _contour(place),
        "envoy": _envoy(place),
    }


def bootstrap(place: Place) -> list[str]:
    """What writes Envoy's settings."""
    told = ("--xds-address=127.0.0.1", f"--xds-port={XDS}", f"--admin-address={place.folder}/envoy.sock")
    return [place.program("contour"), "bootstrap", *told, place.file("envoy.json")]


def _called(place: Place, name: str, *further: str) -> list[str]:
    """A program that asks the API server in its own name."""
    return [place.program(name), f"--kubeconfig={place.credential(f'{name}.kubeconfig')}", *further]


def _etcd(place: Place) -> list[str]:
    told = (f"--data-dir={place.folder}/etcd", f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}")
    peers = "http://127.0.0.1:2380"
    alone = (f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}")
    return [
        *(place.program("etcd"), "--unsafe-no-fsync", *told, *alone),
        *(f"--initial-cluster=default={peers}", "--log-level=warn"),
    ]


def _apiserver(place: Place) -> list[str]:
    own = place.credential
    return [
        place.program("kube-apiserver"),
        *(f"--advertise-address={ADDRESS}", f"--secure-port={place.api}", f"--etcd-servers={ETCD}"),
        *(f"--service-cluster-ip-range={SERVICES}", "--authorization-mode=Node,RBAC"),
        *("--enable-admission-plugins=NodeRestriction", "--allow-privileged", f"--client-ca-file={own('ca.crt')}"),
        *(f"--tls-cert-file={own('apiserver.crt')}", f"--tls-private-key-file={own('apiserver.key')}"),
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={own('ca.crt')}",
        f"--kubelet-client-certificate={own('apiserver-kubelet.crt')}",
        f"--kubelet-client-key={own('apiserver-kubelet.key')}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={own('service-accounts.crt')}",
        f"--service-account-signing-key-file={own('service-accounts.key')}",
        f"--requestheader-client-ca-file={own('ca.crt')}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        *("--requestheader-group-headers=X-Remote-Group", "--requestheader-username-headers=X-Remote-User"),
        *(f"--proxy-client-cert-file={own('front-proxy.crt')}", f"--proxy-client-key-file={own('front-proxy.key')}"),
        "--enable-aggregator-routing",
    ]


def _controllers(place: Place) -> list[str]:
    """Autoscaling looks sooner than it does by default: a test need not wait five minutes for a first figure."""
    own = place.credential
    return _called(
        *(place, "kube-controller-manager", "--leader-elect=false", "--use-service-account-credentials"),
        *(f"--service-account-private-key-file={own('service-accounts.key')}", f"--root-ca-file={own('ca.crt')}"),
        *(f"--cluster-signing-cert-file={own('ca.crt')}", f"--cluster-signing-key-file={own('ca.key')}"),
        *("--allocate-node-cidrs", f"--cluster-cidr={PODS}", "--node-cidr-mask-size=24"),
        f"--service-cluster-ip-range={SERVICES}",
        *("--horizontal-pod-autoscaler-sync-period=5s", "--horizontal-pod-autoscaler-initial-readiness-delay=5s"),
        "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
        "--horizontal-pod-autoscaler-downscale-stabilization=30s",
    )


def _kubelet(place: Place) -> list[str]:
    told = (f"--config={place.file('kubelet.yaml')}", f"--hostname-override={NODE}", f"--node-ip={ADDRESS}")
    return _called(place, "kubelet", *told)


def _metrics(place: Place) -> list[str]:
    admin = place.credential("admin.kubeconfig")
    return [
        *(place.program("metrics-server"), f"--kubeconfig={admin}", f"--authentication-kubeconfig={admin}"),
        *(f"--authorization-kubeconfig={admin}", "--kubelet-insecure-tls"),
        *("--kubelet-preferred-address-types=InternalIP", "--metric-resolution=15s"),
        *(f"--secure-port={METRICS}", f"--cert-dir={place.folder}/metrics"),
    ]


def _contour(place: Place) -> list[str]:
    return [
        *(place.program("contour"), "serve", "--insecure", "--disable-leader-election"),
        *("--xds-address=127.0.0.1", f"--xds-port={XDS}", f"--ingress-status-address={GATEWAY}"),
        *(f"--kubeconfig={place.credential('admin.kubeconfig')}", f"--config-path={place.file('contour.yaml')}"),
    ]


def _envoy(place: Place) -> list[str]:
    told = ("--service-cluster", "contour", "--service-node", NODE, "--log-level", "warn", "--concurrency", "2")
    return [place.program("envoy"), "-c", place.file("envoy.json"), *told, "--disable-hot-restart"]
