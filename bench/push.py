"""How long from `git push` until the address serves the revision, and what clients notice of it.

    python bench/push.py                 pushlive beside a plain post-receive hook, in one run, taking turns
    python bench/push.py --piku DIR      and Piku, of which DIR is a copy
    python bench/push.py --switches 100  then 100 switches of pushlive at 500 requests a second

Prints a table in Markdown. A push counts from the start of `git push` until the address has answered with the new
revision, asked every 5 ms from the moment the push began; so a push that returns early gains nothing.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from plain_hook import PlainHook

ROOT = Path(__file__).resolve().parents[1]
PUSHLIVE = Path(sys.executable).with_name("pushlive")
LOAD = Path(__file__).with_name("load.py")
TEMPLATE = "counter/templates/counter/page.html"


@dataclass
class Side:
    """One way to deploy: a remote, and where its page is. `seconds` are its code changes, `idle` its no-ops."""

    name: str
    remote: str
    url: str
    seconds: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)


class Bench:
    """A developer's repository of the example, and the machine it is pushed to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        who = {f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER") for k, v in (("NAME", "B"), ("EMAIL", "b@b.b"))}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self.environment = kept | who | {"PUSHLIVE_HOME": str(root / "state"), "GIT_CONFIG_GLOBAL": "/dev/null"}
        shutil.copytree(ROOT / "examples/simplesite", self.work, ignore=shutil.ignore_patterns("__pycache__"))
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

    def time_push(self, side: Side, revision: str) -> float:
        """Seconds from the start of the push until the page shows the revision, and the push has returned."""
        began = time.monotonic()
        shown: list[float] = []
        asker = threading.Thread(target=lambda: shown.append(_when_shown(side.url, revision) - began))
        asker.start()
        self.git("push", "-q", "-f", side.remote, "HEAD:refs/heads/master")
        pushed = time.monotonic() - began
        asker.join()
        return max(pushed, shown[0])

    def time_no_op(self, side: Side) -> float:
        """Seconds of a push that changes nothing that counts: only a file below notes/."""
        note = self.work / "notes" / "ideas.md"
        note.write_text(note.read_text() + "more\n")
        self.git("commit", "-q", "-a", "-m", "Only notes")
        began = time.monotonic()
        self.git("push", "-q", "-f", side.remote, "HEAD:refs/heads/master")
        return time.monotonic() - began


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
def memcached() -> Iterator[str]:
    """A memcached for the plain hook's site."""
    address = "127.0.0.1:21219"
    program = shutil.which("memcached") or "/usr/bin/memcached"
    with subprocess.Popen([program, "-u", "nobody", "-l", "127.0.0.1", "-p", "21219"]) as server:
        try:
            yield address
        finally:
            server.kill()


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


def compare(bench: Bench, sides: list[Side], rounds: int) -> None:
    """Push the same changes to every side, taking turns."""
    for number in range(rounds + 1):
        for side in sides:
            took = bench.time_push(side, bench.change())
            idle = bench.time_no_op(side)
            if number:  # the first installs dependencies
                side.seconds.append(took)
                side.idle.append(idle)


def print_table(sides: list[Side]) -> None:
    """Medians, the range, and the ratio to the first side."""
    print("| | code change to live, s | range, s | ratio | push that changes nothing, s |\n|---|---|---|---|---|")
    first = statistics.median(sides[0].seconds)
    for side in sides:
        median, idle = statistics.median(side.seconds), statistics.median(side.idle)
        spread = f"{min(side.seconds):.2f} to {max(side.seconds):.2f}"
        print(f"| {side.name} | {median:.2f} | {spread} | {median / first:.1f} | {idle:.2f} |")


def print_load(title: str, seen: dict[str, object]) -> None:
    """What visitors noticed."""
    print(
        f"| {title} | {seen['requests']} | {seen['failed']} | {seen['median_ms']} | {seen['p99_ms']} | "
        f"{seen['max_ms']} | {seen['stall_ms']} | {seen['stalls_over_100_ms']} |"
    )


def switches(bench: Bench, site: str, url: str, count: int, rate: int) -> None:
    """Switch between two releases `count` times while visitors come, by rolling back and forth."""
    with load(url, rate) as seen:
        time.sleep(1)
        for _ in range(count):
            bench.pushlive("rollback", "--site", site)
        time.sleep(1)
    print_load(f"pushlive, {count} switches at {rate}/s", seen)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="counted code changes of each side (9)")
    parser.add_argument("--switches", type=int, default=0, help="switches under load afterwards")
    parser.add_argument("--rate", type=int, default=500, help="requests a second during the switches (500)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter of the plain hook")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="pl-bench-"))
    root.chmod(0o755)
    bench = Bench(root)
    with memcached() as servers:
        plain = PlainHook(root / "plain", servers)
        made = bench.pushlive("create", "simplesite", "--listen", "127.0.0.1:0")
        try:
            remote = plain.set_up(options.python, bench.work / "requirements.txt")
            sides = [
                Side("pushlive", str(made["remote"]), str(made["url"])),
                Side("plain hook: pip install, restart gunicorn", remote, plain.url),
            ]
            compare(bench, sides, options.rounds)
            print_table(sides)
            print(f"\n`pushlive --help`: {1000 * help_seconds():.0f} ms\n")
            print("| visitors | requests | failed | median, ms | p99, ms | max, ms | worst stall, ms | over 100 ms |")
            print("|---|---|---|---|---|---|---|---|")
            for side in sides:
                with load(side.url, 50) as seen:
                    for _ in range(5):
                        bench.time_push(side, bench.change())
                print_load(f"{side.name}, 5 pushes at 50/s", seen)
            if options.switches:
                switches(bench, "simplesite", str(made["url"]), options.switches, options.rate)
        finally:
            bench.pushlive("down", "--site", "simplesite")
            plain.stop()
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
