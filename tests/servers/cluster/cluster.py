"""A cluster as tests use it, whoever made it: reached, asked, and given a namespace for each test."""

import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import base_image
from tests.servers.cluster import built, namespaces
from tests.servers.cluster.node import LIMIT, Node

BASE = ("python3",)
"""What the base image has of Debian."""


@dataclass(frozen=True)
class Page:
    """What was answered over HTTP."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Cluster:
    """A running cluster: how it is reached from here, and what it has."""

    kubeconfig: Path
    version: str
    """The API server's, as v1.37.2."""
    origin: str
    """Whose it is, as the summary says it."""
    registry: str
    """Host and port of one that its nodes pull from by plain HTTP and tests push to; empty where there is none."""
    gateway: str
    """The address of the Gateway and of Ingresses, as people use it; empty where there is none."""
    node: Node | None = None
    """Our own, whose programs can be stopped and started; none of somebody else's cluster."""

    def kubectl(self, *arguments: str, given: str = "", check: bool = True, limit: float = LIMIT) -> str:
        """Run kubectl; what it printed on its standard output, and with `check` off on standard error too."""
        with tempfile.TemporaryDirectory() as home:
            argv = [kubectl(), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={home}", *arguments]
            done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False, timeout=limit)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    def read(self, *arguments: str) -> Any:
        """What `kubectl get` answers, as values."""
        return json.loads(self.kubectl("get", *arguments, "-o=json"))

    def apply(self, namespace: str, *manifests: Mapping[str, Any]) -> None:
        """Apply objects in a namespace."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        self.kubectl("apply", "--server-side", f"--namespace={namespace}", "-f", "-", given=given)

    def argv(self, *command: str) -> list[str]:
        """A command as it has to be run to reach what the cluster serves; run as root for our own node."""
        return self.node.argv(*command) if self.node else list(command)

    def connect(self, address: str, port: int, timeout: float = 10) -> socket.socket:
        """A connection to an address of the cluster's network, for this process.

        Raises:
            OSError: nobody answers there.
        """

        def call() -> socket.socket:
            return socket.create_connection((address, port), timeout)

        return namespaces.within(self.node.pid, call) if self.node else call()

    def page(self, host: str, path: str = "/", *, address: str = "", port: int = 80) -> Page:
        """Ask for a page of a host, through the Gateway's address or another.

        Raises:
            OSError, http.client.HTTPException: nobody answers as a web server does.
        """
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.sock = self.connect(address or self.gateway, port)
        try:
            connection.request("GET", path, headers={"Host": host, "Connection": "close"})
            answer = connection.getresponse()
            return Page(answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace"))
        finally:
            connection.close()

    def resolve(self, **names: str) -> None:
        """Let names (with `_` for `.`) resolve to addresses for what `argv` runs and for pods. Our own node only."""
        assert self.node, f"{self.origin} has no name service that tests may write to"
        lines = [f"{address} {name.replace('_', '.')}\n" for name, address in names.items()]
        with Path(self.node.place.file("hosts")).open("a") as hosts:
            hosts.writelines(lines)

    @contextmanager
    def namespace(self) -> Iterator[str]:
        """A namespace for as long as the block takes, ready for pods."""
        name = f"test-{secrets.token_hex(4)}"
        self.kubectl("create", "namespace", name)
        try:
            account = ("get", "serviceaccount", "default", f"--namespace={name}", "--ignore-not-found", "-o=name")
            wait(f"{name}'s service account", lambda: self.kubectl(*account))
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")

    def base(self) -> str:
        """A Debian with Python in the registry, by digest; pushed when it is asked for."""
        with tempfile.TemporaryDirectory() as scratch:
            layout = base_image.OciLayout(Path(scratch))
            made = layout.image(base_image.debian(built.cache() / "bases", BASE))
            layout.push(f"{self.registry}/base:python", made)
            return f"{self.registry}/base@{made['digest']}"


def wait(what: str, ready: Callable[[], object], why: Callable[[], str] = str, limit: float = LIMIT) -> None:
    """Wait until something is so; else fail with what was awaited, and `why` it may not have come.

    A question that fails counts as a no: on a busy machine the API server can be slow to answer one.
    """
    until, failed = time.monotonic() + limit, ""
    while True:
        try:
            if ready():
                return
        except AssertionError as error:
            failed = str(error)
        if time.monotonic() > until:
            raise AssertionError(f"waited {limit:.0f} s for {what}\n{failed}\n{why()}")
        time.sleep(0.2)


def kubectl() -> str:
    """The one that was built, else the machine's."""
    own = built.folder() / "bin/kubectl"
    place = str(own) if own.exists() else shutil.which("kubectl", path=os.environ.get("PATH", os.defpath))
    assert place, "no kubectl: neither built (`tools/cluster build`) nor installed"
    return place
