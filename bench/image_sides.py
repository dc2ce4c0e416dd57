"""The ways to build an image and push it that bench/image.py compares.

All get the same example, base, registry and package index, and are asked the same by whole commands. Each side keeps
what it keeps between builds, the downloads included where it has a cache for them.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Protocol

from image_world import World, add_dockerfile, docker
from push import PUSHLIVE, SITE, Bench

CACHE = "RUN --mount=type=cache,target=/root/.cache/pip pip "
"""What a Dockerfile says so that downloads outlive a build; the classic builder does not know it."""


class Side(Protocol):
    """One way; it has a repository of its own to change."""

    name: str
    bench: Bench

    def commit(self) -> None:
        """Make a change known to the side; it is not measured."""

    def build(self, to: str) -> float:
        """Build the image of what was committed last, and push it to `to`; how many seconds that took."""

    def forget(self) -> None:
        """Have no cache, as on a new machine."""


def timed(argv: list[str | Path], bench: Bench, **more: str) -> float:
    """Seconds that a command takes, from before it is started until it has ended well."""
    began = time.monotonic()
    done = subprocess.run(
        argv, cwd=bench.work, env=bench.environment | more, capture_output=True, text=True, check=False
    )
    took = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return took


class Pushlive:
    """`pushlive build --push`. Commits are pushed to a branch that no trigger delivers."""

    name = "pushlive build --push"

    def __init__(self, world: World, bench: Bench) -> None:
        self.world, self.bench = world, bench
        self.home = Path(bench.environment["PUSHLIVE_HOME"])
        self.remote = str(bench.pushlive("create", SITE, "--listen", "127.0.0.1:0")["remote"])
        self.pushes: list[float] = []

    def commit(self) -> None:
        """Push the branch; how long that takes is kept apart."""
        self.pushes.append(timed(["git", "push", "-q", "-f", self.remote, "HEAD:refs/heads/measured"], self.bench))

    def build(self, to: str) -> float:
        """By one command."""
        to = f"{self.world.host}/{to}"
        argv = [PUSHLIVE, "build", "measured", "--site", SITE, "--base", self.world.base, "--push", to]
        return timed([*argv], self.bench)

    def stop(self) -> None:
        """Take the site down."""
        self.bench.pushlive("down", "--site", SITE)

    def forget(self) -> None:
        """Interpreters, packages, downloads, bases, and all images of the site."""
        for folder in (self.home / "cache", self.home / "sites" / SITE / "images"):
            shutil.rmtree(folder, ignore_errors=True)


class Docker:
    """`docker build` and `docker push`, by the classic builder or by BuildKit, and a daemon that does nothing else."""

    def __init__(self, world: World, bench: Bench, daemon: docker.Docker, *, buildkit: bool) -> None:
        self.world, self.bench, self.daemon = world, bench, daemon
        add_dockerfile(bench)
        self.name = "docker build, push: BuildKit" if buildkit else "docker build, push: classic"
        client = {"HOME": str(daemon.socket.parent), "DOCKER_HOST": f"unix://{daemon.socket}"}
        bench.environment |= client | {"DOCKER_BUILDKIT": str(int(buildkit)), "PATH": f"/usr/bin:{os.environ['PATH']}"}
        if buildkit:
            with_cache(bench)

    def commit(self) -> None:
        """The folder is what is built."""

    def build(self, to: str) -> float:
        """By two commands."""
        name = f"{self.world.host}/{to}"
        build = ["docker", "build", "-q", "--network=host", *arguments(self.world), f"--tag={name}", "."]
        return timed([*build], self.bench) + timed(["docker", "push", "-q", name], self.bench)

    def forget(self) -> None:
        """All images and build caches."""
        if images := self.daemon("images", "--all", "--quiet").split():
            self.daemon("rmi", "--force", *set(images), check=False)
        self.daemon("builder", "prune", "--all", "--force")
        self.daemon("system", "prune", "--all", "--force")


class Buildah:
    """`buildah bud` and `buildah push`, with a cache of layers and of downloads."""

    name = "buildah bud, push"

    def __init__(self, world: World, bench: Bench, store: Path) -> None:
        self.world, self.bench, self.store = world, bench, store
        self.argv = ["buildah", "--root", str(store / "root"), "--runroot", str(store / "run")]
        bench.environment |= {"HOME": str(store), "TMPDIR": str(store / "tmp")}
        (store / "tmp").mkdir(parents=True)
        add_dockerfile(bench)
        with_cache(bench)

    def commit(self) -> None:
        """The folder is what is built."""

    def stop(self) -> None:
        """Unmount and remove its storage."""
        docker.clear(self.store)

    def build(self, to: str) -> float:
        """By two commands."""
        name = f"{self.world.host}/{to}"
        build = [*self.argv, "bud", "-q", "--layers", "--network=host", "--tls-verify=false", *arguments(self.world)]
        push = [*self.argv, "push", "-q", "--tls-verify=false", name, f"docker://{name}"]
        return timed([*build, f"--tag={name}", "."], self.bench) + timed([*push], self.bench)

    def forget(self) -> None:
        """All of its storage."""
        subprocess.run([*self.argv, "rmi", "--all", "--force"], capture_output=True, check=False)
        for folder in self.store.rglob("buildah-cache*"):
            shutil.rmtree(folder, ignore_errors=True)


def with_cache(bench: Bench) -> None:
    """Let pip keep its downloads between builds."""
    file = bench.work / "Dockerfile"
    file.write_text(file.read_text().replace("RUN pip ", CACHE))


def arguments(world: World) -> list[str]:
    """What the Dockerfile is told."""
    return [f"--build-arg=BASE={world.base}", f"--build-arg=PIP_INDEX_URL={world.index}"]
