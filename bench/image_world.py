"""What bench/image.py builds on: a registry, a Docker daemon, a base image, an index of packages, and its example.

The servers are those of the tests.
"""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from package_index import small_wheel
from push import ROOT, Bench
from scratch import free_port, make_environment, wait_for

sys.path.append(str(ROOT))
from tests.servers import base_image, docker, registry

BASE_PACKAGES = ("python3", "python3-venv", "python3-pip", "ca-certificates")
"""As much as the official image of Python has: that one brings pip and venv, too."""
SERVER = (ROOT / "src/pushlive/image/server-requirements.txt").read_text()
"""The servers that pushlive puts into an image: the other sides install the same."""
SERVED = """\
from pathlib import Path

from proj.wsgi import application
from whitenoise import WhiteNoise

application = WhiteNoise(application, root=Path(__file__).with_name("staticfiles"), prefix="static")
"""
DOCKERFILE = Path(__file__).with_name("image.Dockerfile")
MORE = (
    *("celery", "redis", "psycopg[binary]", "pillow", "djangorestframework", "django-cors-headers"),
    *("requests", "cryptography", "lxml", "pyyaml"),
)
"""What a bigger site requires besides the example's packages."""
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")


@dataclass(frozen=True)
class World:
    """Where the registry is, what the base is called there, the folder of the index and its address."""

    host: str
    base: str
    wheels: Path
    index: str
    daemon: docker.Docker

    @property
    def environment(self) -> dict[str, str]:
        """The index, for pip and for uv."""
        return {"PIP_INDEX_URL": self.index, "UV_DEFAULT_INDEX": self.index}

    def extra(self, name: str) -> str:
        """A line that requires a package that nobody has installed before."""
        return small_wheel(self.wheels, f"bench_{name}", "1.0")


def missing() -> str:
    """Why nothing can be measured here; empty when it can."""
    return base_image.missing((*base_image.TOOLS, *docker.TOOLS, "docker-registry", "buildah"))


@contextmanager
def world(root: Path, base: str, wanted: Sequence[str]) -> Iterator[World]:
    """Start the servers below `root`; `wanted` are the requirements that the index must have."""
    with ExitStack() as stack:
        made = stack.enter_context(registry.distribution(root / "registry"))
        name = f"{made.host}/library/python:{base_image.PYTHON}-slim"
        _make_base(root, base, name)
        wheels = root / "wheels"
        _download(root, wheels, wanted)
        port = free_port()
        argv = [sys.executable, str(Path(__file__).with_name("package_index.py")), str(wheels), str(port)]
        server = stack.enter_context(subprocess.Popen(argv))
        stack.callback(server.kill)
        wait_for(port)
        daemon = stack.enter_context(docker.docker())
        yield World(made.host, name, wheels, f"http://127.0.0.1:{port}/simple/", daemon)


def _make_base(root: Path, given: str, name: str) -> None:
    if given:
        argv = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"docker://{given}", f"docker://{name}"]
        subprocess.run(argv, check=True)
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pushlive-checkout/bases"
    layout = base_image.OciLayout(root / "base")
    layout.push(name, layout.image(base_image.debian(cache, BASE_PACKAGES)))


def _download(root: Path, wheels: Path, wanted: Sequence[str]) -> None:
    """Fetch all wheels that a side may ask for from this machine's own index."""
    make_environment(root / "pip", sys.executable)
    pip = [root / "pip/bin/pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:", "-d", wheels]
    target = ["--no-deps", f"--python-version={base_image.PYTHON}", "--platform=manylinux2014_x86_64"]
    target += [f"--platform=manylinux_2_{minor}_x86_64" for minor in range(17, 36)]
    for text in (*wanted, SERVER):
        (root / "wanted.txt").write_text(text)
        subprocess.run([*pip, *target, "-r", root / "wanted.txt"], check=True)


def bigger(given: Path | None) -> str:
    """The requirements of a bigger site, with hashes: those in a file, or the example's and `MORE`, as of today."""
    if given:
        return given.read_text()
    own = (ROOT / "examples/simplesite/requirements.in").read_text()
    argv = [Path(sys.executable).with_name("uv"), "pip", "compile", "-q", "--no-header", "--no-annotate", "-"]
    argv += ["--generate-hashes", f"--python-version={base_image.PYTHON}", "--no-emit-index-url", "--only-binary=:all:"]
    argv += ["--constraint", ROOT / "examples/simplesite/requirements.txt", "--python-platform=x86_64-manylinux_2_28"]
    text = own + "\n".join(MORE)
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


def developer(root: Path, requirements: str, environment: Mapping[str, str]) -> Bench:
    """A repository of the example with these requirements."""
    bench = Bench(root, files={"requirements.txt": requirements})
    bench.environment |= environment
    bench.change()
    return bench


def add_dockerfile(bench: Bench) -> None:
    """What a developer without pushlive has besides: the Dockerfile, and a server that it starts."""
    for name, text in {"server.txt": SERVER, "served.py": SERVED, ".dockerignore": ".git\n"}.items():
        (bench.work / name).write_text(text)
    shutil.copy(DOCKERFILE, bench.work / "Dockerfile")


def manifest(world: World, name: str) -> dict[str, object]:
    """The manifest of an image in the registry; `name` is a repository and its tag."""
    repository, _, tag = name.rpartition(":")
    request = urllib.request.Request(f"http://{world.host}/v2/{repository}/manifests/{tag}")
    request.add_header("Accept", ", ".join(MANIFESTS))
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
