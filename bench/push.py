"""How long from `git push` until the address serves the revision, and what clients notice of it.

    python bench/push.py                 pushlive beside a plain post-receive hook, in one run, taking turns
    python bench/push.py --piku DIR      and Piku, of which DIR is a copy (see piku.py)
    python bench/push.py --switches 100  then 100 switches of pushlive at 500 requests a second

Prints a table in Markdown. A push counts from the start of `git push` until the address has answered with the new
revision, asked every 5 ms from the moment the push began; so a push that returns early gains nothing.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import piku
from plain_hook import PlainHook
from scratch import memcached, print_machine, scratch, spread

ROOT = Path(__file__).resolve().parents[1]
PUSHLIVE = Path(sys.executable).with_name("pushlive")
LOAD = Path(__file__).with_name("load.py")
SITE = "simplesite"
PUSHES = 5
"""Pushes of each side while visitors come."""
TEMPLATE = "counter/templates/counter/page.html"


class Bench:
    """A developer's repository of the example, and the machine it is pushed to."""

    def __init__(self, root: Path, *, files: Mapping[str, str] | None = None) -> None:
        """Below `root`; `files` are added to the example."""
        self.work = root / "work"
        who = {f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER") for k, v in (("NAME", "B"), ("EMAIL", "b@b.b"))}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
        self.environment = kept | who | {"PUSHLIVE_HOME": str(root / "state"), "GIT_CONFIG_GLOBAL": "/dev/null"}
        shutil.copytree(ROOT / "examples/simplesite", self.work, ignore=shutil.ignore_patterns("__pycache__"))
        for name, text in (files or {}).items():
            (self.work / name).write_text(text)
        self.git("init", "-q", "-b", "master")
        self.number = 0

    def git(self, *arguments: str) -> str:
        """Run git in the repository."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.work, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"git {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def pushlive(self, *arguments: str) -> dict[str, object]:
        """Run a pushlive command and read its JSON."""
        done = subprocess.run(
            [PUSHLIVE, *arguments, "--json"], env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"pushlive {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def change(self) -> str:
        """Commit a change of the template and return its revision."""
        self.number += 1
        path = self.work / TEMPLATE
        path.write_text(path.read_text().partition("<!-- ")[0].rstrip("\n") + f"\n<!-- {self.number} -->\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"Change {self.number}")
        return self.git("rev-parse", "HEAD")

    def note(self) -> None:
        """Commit what no site is made of: a change below notes/."""
        note = self.work / "notes" / "ideas.md"
        note.write_text(note.read_text() + "more\n")
        self.git("commit", "-q", "-a", "-m", "Only notes")


@dataclass
class Side:
    """One way to deploy: whose pushes, the remote, and where its page is. Before a push it may need a `pause`, and a
    random part of `interval`, in seconds. `seconds` are its code changes, `idle` its no-ops.
    """

    name: str
    bench: Bench
    remote: str
    url: str
    pause: float = 0.0
    interval: float = 0.0
    seconds: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)

    def push_change(self) -> float:
        """Seconds from the start of the push until the page shows the revision, and the push has returned."""
        revision = self.bench.change()
        self._rest()
        began = time.monotonic()
        shown: list[float] = []
        asker = threading.Thread(target=lambda: shown.append(_when_shown(self.url, revision)), daemon=True)
        asker.start()
        self._push()
        pushed = time.monotonic()
        asker.join()
        if not shown:
            raise SystemExit(f"{self.url} never showed {revision[:7]}")
        return max(pushed, shown[0]) - began

    def push_nothing(self) -> float:
        """Seconds of a push that changes nothing that counts: only a file below notes/."""
        self.bench.note()
        self._rest()
        began = time.monotonic()
        self._push()
        return time.monotonic() - began

    def _push(self) -> None:
        self.bench.git("push", "-q", "-f", self.remote, "HEAD:refs/heads/master")

    def _rest(self) -> None:
        time.sleep(self.pause + random.uniform(0, self.interval))


def _when_shown(url: str, revision: str, limit: float = 120.0) -> float:
    until = time.monotonic() + limit
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}count.json", timeout=5) as answer:
                if json.load(answer)["revision"] == revision[:7]:
                    return time.monotonic()
        except (urllib.error.URLError, OSError, ValueError):
            pass
        time.sleep(0.005)
    raise SystemExit(f"{url} never showed {revision[:7]}")


@contextmanager
def load(url: str, rate: int) -> Iterator[dict[str, object]]:
    """Steady visitors; what they saw is in the dict afterwards."""
    seen: dict[str, object] = {}
    argv = [sys.executable, str(LOAD), url, "--rate", str(rate)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as visitors:
        yield seen
        seen.update(json.loads(visitors.communicate()[0]))


def help_seconds(runs: int = 15) -> float:
    """The median time of `pushlive --help`."""
    return _median(lambda: subprocess.run([PUSHLIVE, "--help"], capture_output=True, check=True), runs)


def _median(task: Callable[[], object], runs: int) -> float:
    seconds = []
    for _ in range(runs + 1):
        began = time.monotonic()
        task()
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds[1:])


def compare(sides: list[Side], rounds: int) -> None:
    """Push the same changes to every side, taking turns."""
    for number in range(rounds + 1):
        for side in sides:
            took = side.push_change()
            idle = side.push_nothing()
            if number:  # the first installs dependencies
                side.seconds.append(took)
                side.idle.append(idle)


def print_table(sides: list[Side]) -> None:
    """Medians, the range, and the ratio to the first side."""
    print("| | code change to live, s | range, s | ratio | push that changes nothing, s |\n|---|---|---|---|---|")
    first = statistics.median(sides[0].seconds)
    for side in sides:
        median, idle = statistics.median(side.seconds), statistics.median(side.idle)
        print(f"| {side.name} | {median:.2f} | {spread(side.seconds)} | {median / first:.1f} | {idle:.2f} |")


def print_load(title: str, seen: dict[str, object]) -> None:
    """What visitors noticed."""
    print(
        f"| {title} | {seen['requests']} | {seen['failed']} | {seen['median_ms']} | {seen['p99_ms']} | "
        f"{seen['max_ms']} | {seen['stall_ms']} | {seen['stalls_over_100_ms']} |"
    )


def switches(side: Side, count: int, rate: int) -> None:
    """Switch between two releases `count` times while visitors come, by rolling back and forth."""
    with load(side.url, rate) as seen:
        time.sleep(1)
        for _ in range(count):
            side.bench.pushlive("rollback", "--site", SITE)
        time.sleep(1)
    print_load(f"pushlive, {count} switches at {rate}/s", seen)


def pushlive_side(stack: ExitStack, root: Path) -> Side:
    """A site of pushlive, taken down at the end."""
    bench = Bench(root)
    made = bench.pushlive("create", SITE, "--listen", "127.0.0.1:0")
    stack.callback(bench.pushlive, "down", "--site", SITE)
    return Side("pushlive", bench, str(made["remote"]), str(made["url"]))


def plain_side(stack: ExitStack, root: Path, servers: str, python: str) -> Side:
    """The plain hook's site."""
    bench = Bench(root / "plain-developer")
    plain = PlainHook(root / "plain", servers)
    stack.callback(plain.stop)
    remote = plain.set_up(python, bench.work / "requirements.txt")
    return Side("plain hook: pip install, restart gunicorn", bench, remote, plain.url)


def piku_side(stack: ExitStack, root: Path, servers: str, options: argparse.Namespace) -> Side:
    """Piku's site."""
    bench = Bench(root / "piku-developer", files=piku.FILES)
    side = piku.Piku(root / "piku", servers, options.piku)
    stack.callback(side.stop)
    remote = side.set_up(options.python)
    return Side("Piku: uWSGI, emperor", bench, remote, side.url, piku.PAUSE, piku.INTERVAL)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="counted code changes of each side (9)")
    parser.add_argument("--switches", type=int, default=0, help="switches under load afterwards")
    parser.add_argument("--rate", type=int, default=500, help="requests a second during the switches (500)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter of the plain hook")
    parser.add_argument("--piku", type=Path, metavar="DIR", help="measure Piku as well: the folder with its piku.py")
    options = parser.parse_args()
    if options.piku and not (options.piku / "piku.py").is_file():
        parser.error(f"{options.piku} has no piku.py")
    with ExitStack() as stack:
        root = stack.enter_context(scratch())
        servers = stack.enter_context(memcached())
        sides = [pushlive_side(stack, root), plain_side(stack, root, servers, options.python)]
        if options.piku:
            sides.append(piku_side(stack, root, servers, options))
        compare(sides, options.rounds)
        print_table(sides)
        print(f"\n`pushlive --help`: {1000 * help_seconds():.0f} ms\n")
        print("| visitors | requests | failed | median, ms | p99, ms | max, ms | worst stall, ms | over 100 ms |")
        print("|---|---|---|---|---|---|---|---|")
        for side in sides:
            with load(side.url, 50) as seen:
                for _ in range(PUSHES):
                    side.push_change()
            print_load(f"{side.name}, {PUSHES} pushes at 50/s", seen)
        if options.switches:
            switches(sides[0], options.switches, options.rate)
        print_machine()


if __name__ == "__main__":
    main()
