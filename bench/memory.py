"""How much memory a live site takes: pushlive's processes beside a plain gunicorn with as many workers.

    python bench/memory.py

Each side gets the example by two pushes, then the same visits, and is measured alone: while the other is not there, it
can share no page with it. PSS is what a process has to itself and its part of what it shares (smaps_rollup of
proc(5)): the sum over processes is what the machine would get back. Memcached is shown, but not in the totals, since
both sides need one. Prints a table in Markdown.
"""

import argparse
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from push import SITE, Side, plain_side, pushlive_side
from scratch import family, memcached, print_machine, scratch

PUSHES = 2
CACHE = "memcached"
SETTLE = 5.0
"""Seconds in which replicas of the release before end, and the fork server is ready to fork those of the next."""


@dataclass(frozen=True)
class Process:
    """One process: what it is for, and its memory in KiB."""

    role: str
    pss: int
    private: int


def measure(pid: int, role: str) -> Process:
    """Read a process's memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return Process(role, sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def pushlive_processes(state: Path, replicas: list[int]) -> list[Process]:
    """All processes of the site: its keeper and what descends from it, and its replicas."""
    keeper = _keeper(state)
    members = dict.fromkeys([*family(keeper), *(member for pid in replicas for member in family(pid))])
    return [measure(pid, _role(pid, replicas)) for pid in members]


def _keeper(state: Path) -> int:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_text(errors="replace")
        except OSError:
            continue
        if ".keeper\0" in line and str(state) in line:
            return int(file.parent.name)
    raise SystemExit("the site has no keeper")


def _role(pid: int, replicas: list[int]) -> str:
    """What a process is for; a replica and the fork server it comes from have one command line."""
    line = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    if pid in replicas:
        return "replica: arbiter"
    if any(pid in family(replica) for replica in replicas):
        return "replica: worker"
    if CACHE in line:
        return CACHE
    return next((name for name in ("keeper", "supervisor") if f".{name}\0" in line), "fork server")


def visit(url: str, visits: int) -> None:
    """Ask for the page, one request after the other, each on a connection of its own."""
    for _ in range(visits):
        with urlopen(url, timeout=10) as answer:
            answer.read()


def make_live(side: Side, visits: int) -> None:
    """Push, each time with a pause, and visit."""
    for _ in range(PUSHES):
        side.push_change()
        time.sleep(SETTLE)
    visit(side.url, visits)


def pushlive_memory(root: Path, visits: int) -> list[Process]:
    """A site of pushlive, live and visited."""
    with ExitStack() as stack:
        side = pushlive_side(stack, root)
        make_live(side, visits)
        status = side.bench.pushlive("status", "--site", SITE)
        return pushlive_processes(root / "state", [replica["pid"] for replica in status["replicas"]])


def plain_memory(root: Path, visits: int, python: str) -> list[Process]:
    """The plain hook's gunicorn, live and visited."""
    with ExitStack() as stack:
        side = plain_side(stack, root, stack.enter_context(memcached()), python)
        make_live(side, visits)
        arbiter, *workers = family(int((root / "plain" / "gunicorn.pid").read_text()))
        return [measure(arbiter, "arbiter"), *(measure(pid, "worker") for pid in workers)]


def print_side(name: str, found: list[Process]) -> int:
    """One row for each role and one for the total; returns the total PSS in KiB."""
    roles: dict[str, list[Process]] = defaultdict(list)
    for process in found:
        roles[process.role].append(process)
    for role, members in sorted(roles.items(), key=lambda item: item[0] == CACHE):
        _print_row(f"{name}, {role}", members)
    counted = [process for process in found if process.role != CACHE]
    _print_row(f"**{name}, total**", counted)
    return sum(process.pss for process in counted)


def _print_row(title: str, members: list[Process]) -> None:
    pss, private = sum(one.pss for one in members) / 1024, sum(one.private for one in members) / 1024
    print(f"| {title} | {len(members)} | {pss:.1f} | {private:.1f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=500, help="requests before the measurement (500)")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter of the plain side")
    options = parser.parse_args()
    with scratch() as root:
        ours = pushlive_memory(root, options.visits)
        plain = plain_memory(root, options.visits, options.python)
    print("| | processes | PSS, MiB | private, MiB |\n|---|---|---|---|")
    ratio = print_side("pushlive", ours) / print_side("plain gunicorn", plain)
    print(f"\nRatio of the totals: {ratio:.2f}")
    print_machine()


if __name__ == "__main__":
    main()
