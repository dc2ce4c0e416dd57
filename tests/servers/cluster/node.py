"""A Kubernetes node of our own: up, down, and its programs one by one."""

import json
import signal
import socket
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.servers import base_image
from tests.servers.cluster import built, certificates, namespaces, objects, programs, settings
from tests.servers.cluster.settings import ADDRESS, BRIDGE, NODE, Place
from tests.servers.registry import free_port

LIMIT = 120.0
"""Seconds that any one thing may take; what takes a second on an idle machine takes many on a busy one."""
_CREATE = ("create", "--validate=ignore", "-f")


@dataclass(frozen=True)
class Node:
    """A node by its place. All that it is can be read from its folder, by any process."""

    place: Place

    @property
    def pid(self) -> int:
        """Its first process, whose namespaces are the node's; 0 when it is down."""
        return namespaces.living(self.place.folder)

    @property
    def kubeconfig(self) -> Path:
        """An administrator's; the address in it answers on the machine and in the node's network."""
        return Path(self.place.credential(f"{certificates.ADMIN}.kubeconfig"))

    def kubectl(self, *arguments: str, given: str = "", limit: float = LIMIT) -> str:
        """Run kubectl; what it printed."""
        done = self._kubectl(arguments, given, limit)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def _kubectl(self, arguments: Sequence[str], given: str = "", limit: float = LIMIT) -> subprocess.CompletedProcess:
        own = (f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.place.folder}/kubectl")
        argv = [self.place.program("kubectl"), *own, *arguments]
        return subprocess.run(argv, input=given, capture_output=True, text=True, check=False, timeout=limit)

    def start(self, *names: str) -> None:
        """Start programs that do not run."""
        told = json.loads((self.place.folder / "programs.json").read_text())
        for name in names:
            namespaces.ask(self.place.folder, start=name, argv=told[name])

    def signal(self, name: str, number: int) -> None:
        """Send a program a signal, as SIGSTOP or SIGKILL; it stays ended until it is started."""
        namespaces.ask(self.place.folder, signal=name, number=number)

    def stop(self, name: str) -> None:
        """End a program, and wait for that."""
        self.signal(name, signal.SIGKILL)
        self.wait(f"{name} to end", lambda: name not in self.running(), quitters=(name,))

    def running(self) -> dict[str, int]:
        """The programs that run, with their process as the node counts them."""
        return namespaces.ask(self.place.folder)["running"]

    def log(self, name: str) -> str:
        """The end of a program's log."""
        return built.tail(self.place.folder / "logs" / name)

    def argv(self, *command: str) -> list[str]:
        """A command as it is run in the node's network."""
        return namespaces.entering(self.pid, command)

    def wait(
        self,
        what: str,
        ready: Callable[[], object],
        *,
        of: str = "",
        limit: float = LIMIT,
        quitters: Sequence[str] = (),
    ) -> None:
        """Wait until something is so.

        Raises:
            AssertionError: it is not within `limit` seconds, or a program ended that is not one of `quitters`.
        """
        until = time.monotonic() + limit
        while not ready():
            for name, code in namespaces.ask(self.place.folder)["ended"].items():
                assert name in quitters, f"waited for {what}: {name} ended ({code}):\n{self.log(name)}"
            assert time.monotonic() < until, f"waited {limit:.0f} s for {what}:\n{self.log(of) if of else ''}"
            time.sleep(0.1)

    def says(self, *arguments: str) -> str:
        """What kubectl printed; empty when it failed."""
        done = self._kubectl(arguments)
        return done.stdout.strip() if done.returncode == 0 else ""


def up(folder: Path) -> Node:
    """Make a node in `folder`, after taking down what is left of one there.

    Raises:
        AssertionError: something did not come up: which, with the end of its log. Nothing is left then.
    """
    down(folder)
    outer = [_bound(), _bound()]
    api, registry = (each.getsockname()[1] for each in outer)
    node = Node(Place(folder, built.folder(), api, registry))
    try:
        inherited = [each.fileno() for each in outer]
        _lay(node.place, inherited)
        namespaces.begin(folder, inherited)
        _come_up(node)
    except BaseException:
        down(folder)
        raise
    finally:
        for each in outer:
            each.close()
    return node


def _bound() -> socket.socket:
    """A port of loopback for forwarder.py, which listens on it while somebody does inside.

    A port that is named stays with its socket when that ceases to listen; one that the kernel chose does not.
    """
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", free_port()))
    return made


def down(folder: Path) -> None:
    """End the node in `folder`, whole or in part; nothing of it is left."""
    namespaces.end(folder)


def found(folder: Path) -> Node | None:
    """The node in `folder`, if it is up and all its programs run."""
    try:
        told = json.loads((folder / "place.json").read_text())
        node = Node(Place(folder, Path(told["made"]), told["api"], told["registry"]))
        names = {*programs.FIRST, *programs.REST, *programs.GATES}
        return node if node.pid and (folder / "ready").exists() and names <= set(node.running()) else None
    except (OSError, ValueError, AssertionError):
        return None


def _lay(place: Place, inherited: list[int]) -> None:
    """All files, before anything runs."""
    for each in settings.folders(place):
        each.mkdir(parents=True, exist_ok=True)
    names = (f"IP:{ADDRESS}", "IP:127.0.0.1", f"IP:{settings.API_ADDRESS}", f"DNS:{NODE}", "DNS:localhost")
    inside = ("DNS:kubernetes", "DNS:kubernetes.default", "DNS:kubernetes.default.svc")
    certificates.write(place.folder / "credentials", place.server, (*names, *inside))
    for name, text in settings.files(place, built.plugins(), _snapshotter(place.folder)).items():
        Path(place.file(name)).write_text(text)
    told = programs.all_of(place, built.program("docker-registry"), inherited)
    (place.folder / "programs.json").write_text(json.dumps(told))
    (place.folder / "private.json").write_text(json.dumps(settings.private(place, inherited)))
    known = {"made": str(place.made), "api": place.api, "registry": place.registry}
    (place.folder / "place.json").write_text(json.dumps(known))
    namespaces.make_cgroups(place.cgroup)


def _snapshotter(folder: Path) -> str:
    """How layers are laid on one another: by overlays, where they can be mounted."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for name in ("lower", "upper", "work", "merged"):
            (Path(scratch) / name).mkdir()
        options = ",".join(f"{name}dir={scratch}/{name}" for name in ("lower", "upper", "work"))
        argv = ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, f"{scratch}/merged"]
        done = subprocess.run(argv, capture_output=True, check=False)
    return "native" if done.returncode else "overlayfs"


def _come_up(node: Node) -> None:
    folder = node.place.folder
    until = time.monotonic() + LIMIT
    while not (folder / "control").exists():
        assert node.pid, f"the node's keeper ended:\n{node.log('keeper')}"
        assert time.monotonic() < until, f"the node's keeper did not begin in {LIMIT:.0f} s:\n{node.log('keeper')}"
        time.sleep(0.01)
    _network(node)
    node.start(*programs.FIRST)
    with ThreadPoolExecutor(2) as pool:
        image = pool.submit(_push_pause, node)
        node.wait("the API server", lambda: _ready(node), of="kube-apiserver")
        node.start(*programs.REST)
        image.result()
    _tell(node)
    node.start("contour")
    subprocess.run(programs.bootstrap(node.place), check=True, capture_output=True)
    node.start("envoy")
    _await_all(node)
    (folder / "ready").touch()


def _network(node: Node) -> None:
    """The node's address is a bridge's: some kernels have no dummy device, and no server may advertise loopback."""
    commands = (
        ("link", "set", "lo", "up"),
        ("link", "add", BRIDGE, "type", "bridge"),
        ("addr", "add", f"{ADDRESS}/24", "dev", BRIDGE),
        ("link", "set", BRIDGE, "up"),
        ("route", "add", "default", "via", ADDRESS, "dev", BRIDGE),
    )
    for command in commands:
        done = subprocess.run(node.argv("ip", *command), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"ip {' '.join(command)}: {done.stderr}"


def _ready(node: Node) -> bool:
    """Whether the API server answers that it is."""
    return node.says("get", "--raw", "/readyz") == "ok"


def _push_pause(node: Node) -> None:
    """What pods' sandboxes run: a program of our own, since no registry is asked for one."""
    node.wait("the registry", lambda: _listens(node.place.registry), of="registry")
    with tempfile.TemporaryDirectory(dir=node.place.folder) as scratch:
        layout = base_image.OciLayout(Path(scratch))
        program = (node.place.made / "bin/pause").read_bytes()
        layout.push(f"{node.place.images}/pause:1", layout.image(base_image.files({"pause": program}), run=["/pause"]))


def _listens(port: int) -> bool:
    """Whether forwarder.py does, and so somebody inside."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def _tell(node: Node) -> None:
    """The kinds that the Gateway's controller wants first; then what stands beside the node."""
    kinds = sorted(map(str, (node.place.made / "crds").iterdir()))
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(node.kubectl, *_CREATE, kind) for kind in kinds]
        for each in done:
            each.result()
    node.kubectl("wait", "--for=condition=Established", "crd", "--all", f"--timeout={LIMIT:.0f}s", limit=LIMIT + 10)
    node.kubectl(*_CREATE, "-", given=objects.beside())
    node.kubectl(*_CREATE, "-", given=objects.way_in())
    patch = ("--subresource=status", "--type=merge", f"--patch={objects.balanced()}")
    node.kubectl("patch", "service", "envoy", f"--namespace={objects.CONTOUR}", *patch)


def _await_all(node: Node) -> None:
    """Until pods can run and people be served; metrics take longer and are waited for by those who want them."""
    for what, of, kind, name, path in (
        ("the node to be Ready", "kubelet", "node", NODE, "Ready"),
        ("the Gateway to be Programmed", "contour", "gateway", objects.CLASS, "Programmed"),
    ):
        told = ("get", kind, name, f"--namespace={objects.CONTOUR}")
        query = f"-o=jsonpath={{.status.conditions[?(@.type=='{path}')].status}}"
        node.wait(what, lambda told=told, query=query: node.says(*told, query) == "True", of=of)
    account = ("get", "serviceaccount", "default", "-o=name")
    node.wait("the default service account", lambda: node.says(*account), of="kube-controller-manager")


def folder_of(checkout: Path) -> Path:
    """Where a checkout's node is: one for each, short, since sockets lie in it."""
    return Path(tempfile.gettempdir()) / f"pushlive-node-{zlib.crc32(str(checkout.resolve()).encode()):08x}"
