"""What the wrapper of pushlive costs a site: the answers to signed probes, and static files without a web server.

    python bench/wrapper.py

The example's page with and without the wrapper, by turns, in two ways. In one process, with no server in between: the
CPU time of a call. Then behind gunicorn (gthread, one process, four threads), asked over one kept connection: the CPU
time of gunicorn's processes a request, and requests a second. The third server is pushlive's own, the wrapper and its
worker together, as a release runs. Prints tables in Markdown.

The ratio is the median of the rounds' ratios: what slows the machine down slows both halves of a round.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from scratch import family, free_port, make_environment, memcached, print_machine, scratch, wait_for

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "src/pushlive/image/server-requirements.txt"
RUNTIME = ROOT / "src/pushlive_runtime"
THREADS = 4


class Place:
    """The example, its environment, and the server layer that pushlive would give it, below `root`."""

    def __init__(self, root: Path, python: str, servers: str) -> None:
        self.site, self.layer, self.venv = root / "site", root / "server", root / "venv"
        shutil.copytree(ROOT / "examples/simplesite", self.site, ignore=shutil.ignore_patterns("__pycache__"))
        target = ["--target", str(self.layer), "-r", str(REQUIREMENTS)]
        make_environment(self.venv, python, ["-r", str(self.site / "requirements.txt")], target)
        shutil.copytree(RUNTIME, self.layer / "pushlive_runtime", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(RUNTIME / "run.py", self.layer)
        shutil.copy(Path(__file__).with_name("wrapped_site.py"), self.site)
        self.environment = {
            "PATH": os.environ["PATH"],
            "SECRET_KEY": "benchmark",
            "MEMCACHED_SERVERS": servers,
            "STATIC_ROOT": str(self.site / "staticfiles"),
            "PYTHONPATH": f"{self.site}:{self.layer}",
        }
        self.run("manage.py", "collectstatic", "--noinput")

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin/python"

    def run(self, *arguments: str) -> str:
        """Run Python there; returns what it prints."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.site,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def gunicorn(self, app: str, port: int) -> list[str]:
        """The argv that serves `app`."""
        options = ["--worker-class", "gthread", "--workers", "1", "--threads", str(THREADS), "--keep-alive", "60"]
        quiet = ["--log-level", "warning", "--no-control-socket"]
        return [str(self.python), "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}", *options, *quiet]


@dataclass
class Server:
    """One server and what its rounds were: microseconds of CPU a request, and requests a second."""

    name: str
    pid: int
    port: int
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def measure(self, path: str, requests: int) -> tuple[float, float]:
        """Ask `requests` times over one connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            _ask(connection, path, requests // 10 + 1)
            before, began = _cpu_time(self.pid), time.monotonic()
            _ask(connection, path, requests)
            took, used = time.monotonic() - began, _cpu_time(self.pid) - before
        finally:
            connection.close()
        return used / requests / 1000, requests / took


def _ask(connection: HTTPConnection, path: str, requests: int) -> None:
    for _ in range(requests):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}")


def _cpu_time(pid: int) -> int:
    """Nanoseconds that all threads of `pid` and its descendants have run so far."""
    total = 0
    for member in family(pid):
        for file in Path(f"/proc/{member}/task").glob("*/schedstat"):
            with suppress(FileNotFoundError):
                total += int(file.read_text().split()[0])
    return total


@contextmanager
def running(place: Place, argv: list[str], environment: dict[str, str], port: int) -> Iterator[int]:
    """Run a server; gives its process id once it listens."""
    with subprocess.Popen(argv, cwd=place.site, env=environment) as process:
        try:
            wait_for(port)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def start_servers(stack: ExitStack, place: Place) -> list[Server]:
    """Gunicorn with the plain site, with the wrapped one, and pushlive's own server."""
    servers = []
    for name, app in (("gunicorn", "plain"), ("gunicorn, with the wrapper", "wrapped")):
        port = free_port()
        argv = place.gunicorn(f"wrapped_site:{app}", port)
        servers.append(Server(name, stack.enter_context(running(place, argv, place.environment, port)), port))
    port = free_port()
    own = {
        "PUSHLIVE_APP": "proj.wsgi:application",
        "PUSHLIVE_THREADS": str(THREADS),
        "PUSHLIVE_KEEPALIVE": "60",
        "PUSHLIVE_PROBE_KEY": "key",
        "PUSHLIVE_STATIC_URL": "/static/",
        "PUSHLIVE_STATIC_ROOT": place.environment["STATIC_ROOT"],
        "PORT": str(port),
    }
    argv = [str(place.python), str(place.layer / "run.py"), "serve"]
    environment = {name: value for name, value in place.environment.items() if name != "PYTHONPATH"} | own
    return [*servers, Server("pushlive's server", stack.enter_context(running(place, argv, environment, port)), port)]


def print_in_process(found: dict[str, dict[str, list[float]]]) -> None:
    """One row for each path."""
    print("In one process, microseconds of CPU a call:\n")
    print("| | plain | wrapped | difference | ratio |\n|---|---|---|---|---|")
    for path, sides in found.items():
        plain, wrapped = statistics.median(sides["plain"]), statistics.median(sides["wrapped"])
        ratio = _ratio(sides["wrapped"], sides["plain"])
        print(f"| {path} | {plain:.1f} | {wrapped:.1f} | {wrapped - plain:+.1f} | {ratio:.3f} |")


def print_servers(path: str, servers: list[Server]) -> None:
    """One row for each server; ratios to the first."""
    print(f"\nBehind gunicorn, {path}:\n")
    print("| | CPU a request, µs | ratio | requests a second | ratio |\n|---|---|---|---|---|")
    for server in servers:
        cpu, rate = statistics.median(server.cpu), statistics.median(server.rate)
        ratios = _ratio(server.cpu, servers[0].cpu), _ratio(server.rate, servers[0].rate)
        print(f"| {server.name} | {cpu:.0f} | {ratios[0]:.3f} | {rate:.0f} | {ratios[1]:.3f} |")


def _ratio(values: list[float], base: list[float]) -> float:
    return statistics.median(value / other for value, other in zip(values, base, strict=True))


def compare(servers: list[Server], path: str, rounds: int, requests: int) -> None:
    """Ask all servers by turns, another one first each time; the first round is not counted."""
    for number in range(rounds + 1):
        first = number % len(servers)
        for server in servers[first:] + servers[:first]:
            cpu, rate = server.measure(path, requests)
            if number:
                server.cpu.append(cpu)
                server.rate.append(rate)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=31, help="counted rounds of each side (31)")
    parser.add_argument("--calls", type=int, default=400, help="calls a round in one process (400)")
    parser.add_argument("--requests", type=int, default=400, help="requests a round behind gunicorn (400)")
    parser.add_argument("--path", default="/", help="what is asked for behind gunicorn (/)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the site's interpreter")
    options = parser.parse_args()
    with ExitStack() as stack:
        root = stack.enter_context(scratch())
        place = Place(root, options.python, stack.enter_context(memcached()))
        print_in_process(json.loads(place.run("wrapped_site.py", str(options.rounds), str(options.calls))))
        servers = start_servers(stack, place)
        compare(servers, options.path, options.rounds, options.requests)
        print_servers(options.path, servers)
        print_machine()


if __name__ == "__main__":
    main()
