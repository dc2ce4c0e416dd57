"""What the programs of a node are told: their arguments and files. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NODE = "node"
ADDRESS = "198.51.100.1"
"""The node's own; no address of the machine or its network (RFC 5737)."""
GATEWAY = "198.51.100.2"
"""Where people reach what the cluster serves: a load balancer's address, led to Envoy."""
BRIDGE = "node0"
SERVICES, PODS = "10.96.0.0/16", "10.244.0.0/24"
API_ADDRESS, DNS = "10.96.0.1", "10.96.0.10"
DOMAIN = "cluster.local"
ETCD = "http://127.0.0.1:2379"
XDS = 8001
METRICS = 4443
PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
HTTP, HTTPS = 8080, 8443
"""Where Envoy listens for the Gateway's ports 80 and 443."""
Manifest = dict[str, Any]

_SYSCTL = {
    "/proc/sys/vm/overcommit_memory": "1",
    "/proc/sys/vm/panic_on_oom": "0",
    "/proc/sys/kernel/panic": "10",
    "/proc/sys/kernel/panic_on_oops": "1",
    "/proc/sys/kernel/keys/root_maxkeys": "1000000",
    "/proc/sys/kernel/keys/root_maxbytes": "25000000",
}
"""What a kubelet else sets in the kernel, for the whole machine: files with these values are mounted over them."""
_PRIVATE = ("/run", "/var/log", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/etc/cni")


@dataclass(frozen=True)
class Place:
    """Where a node is: its folder, its programs, and its ports, the same inside and on the machine."""

    folder: Path
    made: Path
    api: int
    registry: int

    @property
    def server(self) -> str:
        """The API server's address, inside and on the machine."""
        return f"https://127.0.0.1:{self.api}"

    @property
    def images(self) -> str:
        """The registry's, as images are named."""
        return f"localhost:{self.registry}"

    @property
    def cgroup(self) -> str:
        """The control group that pods are in."""
        return self.folder.name

    def program(self, name: str) -> str:
        """A program that was built."""
        return str(self.made / "bin" / name)

    def credential(self, name: str) -> str:
        """A file of certificates.write."""
        return str(self.folder / "credentials" / name)

    def file(self, name: str) -> str:
        """A file of `files`."""
        return str(self.folder / "settings" / name)


def private(place: Place, inherited: list[int]) -> Manifest:
    """What keeper.py lays before anything runs: folders and files of the node's own over the machine's."""
    folders = [(str(place.folder / "root" / path.lstrip("/")), path) for path in _PRIVATE]
    values = [(place.file(f"sysctl-{Path(path).name}"), path) for path in _SYSCTL]
    return {
        "mounts": [*folders, *values, (place.file("resolv.conf"), "/etc/resolv.conf")],
        "sysctl": {"/proc/sys/net/ipv4/ip_forward": "1", "/proc/sys/net/bridge/bridge-nf-call-iptables": "1"},
        "inherited": inherited,
    }


def folders(place: Place) -> list[Path]:
    """What has to be there before."""
    own = [place.folder / name for name in ("logs", "settings/cni", "root")]
    return [*own, *(place.folder / "root" / path.lstrip("/") for path in _PRIVATE)]


def files(place: Place, plugins: str, snapshotter: str) -> Mapping[str, str]:
    """Every settings file by its name."""
    values = {f"sysctl-{Path(path).name}": f"{value}\n" for path, value in _SYSCTL.items()}
    return values | {
        "hosts": "",
        "root.zone": ". 1 IN SOA node. node. 1 1 1 1 1\n. 1 IN NS node.\n",
        "resolv.conf": f"nameserver {ADDRESS}\n",
        "containerd.toml": _containerd(place, plugins, snapshotter),
        "cni/pods.conflist": json.dumps(_network()),
        "registry.yml": json.dumps(_registry(place)),
        "kubelet.yaml": json.dumps(_kubelet(place)),
        "kube-proxy.yaml": json.dumps(_kube_proxy(place)),
        "Corefile": _corefile(place),
        "contour.yaml": json.dumps(_contour()),
    }


def _containerd(place: Place, plugins: str, snapshotter: str) -> str:
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
{cri}]
sandbox_image = "{place.images}/pause:1"
restrict_oom_score_adj = true
{cri}.cni]
bin_dir = "{plugins}"
conf_dir = "{place.folder}/settings/cni"
{cri}.containerd]
snapshotter = "{snapshotter}"
"""


def _network() -> Manifest:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, portmap]}


def _registry(place: Place) -> Manifest:
    return {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(place.folder / "registry")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{place.registry}", "secret": "shared"},
    }


def _kubelet(place: Place) -> Manifest:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": place.credential("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": place.credential("kubelet.crt"),
        "tlsPrivateKeyFile": place.credential("kubelet.key"),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "resolvConf": place.file("resolv.conf"),
        "clusterDNS": [DNS],
        "clusterDomain": DOMAIN,
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "evictionHard": {"memory.available": "50Mi"},
        "imageGCHighThresholdPercent": 100,
    }


def _kube_proxy(place: Place) -> Manifest:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": place.credential("kube-proxy.kubeconfig")},
        "mode": "iptables",
        "clusterCIDR": PODS,
        "hostnameOverride": NODE,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
    }


def _corefile(place: Place) -> str:
    """A node without a way out: what neither `hosts` nor the cluster names does not exist."""
    return f""".:53 {{
  bind {ADDRESS}
  errors
  ready 127.0.0.1:8181
  kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
    kubeconfig {place.credential("admin.kubeconfig")}
    pods insecure
  }}
  hosts {place.file("hosts")} {{
    reload 1s
    fallthrough
  }}
  file {place.file("root.zone")} .
  cache 1
  reload
}}
"""


def _contour() -> Manifest:
    return {
        "gateway": {"gatewayRef": {"namespace": "projectcontour", "name": "contour"}},
        "ingress-status-address": GATEWAY,
        "disablePermitInsecure": False,
    }
