"""How long a site's image takes to be built and pushed, and how large it is: pushlive beside Docker and Buildah.

    python bench/image.py                      the example and a bigger site, in one run, taking turns
    python bench/image.py --requirements FILE  what the bigger site requires, with hashes
    python bench/image.py --crane PATH         and crane's push of the same image, beside skopeo's and pushlive's

Prints tables in Markdown. A time is that of whole commands, from before they start until they have ended. It needs
root, a package index for pip and uv, and on Debian: apt-get install docker.io buildah skopeo mmdebstrap docker-registry
"""

import argparse
import re
import statistics
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from image_sides import Buildah, Docker, Pushlive, Side, timed
from image_world import World, bigger, developer, docker, manifest, missing, world
from push import ROOT
from scratch import LIMIT, free_port, memcached, print_machine, scratch, spread

CASES = ("cold", "no change", "code change", "new dependency")
"""In the order that a round has them: the first empties the caches, which the others then find filled."""
PUSHER = Path(__file__).with_name("image_push.py")
REVISION = "measured"
FORGETFUL = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /var/lib/containers/cache && exec "$@"', "sh")
"""Runs skopeo without its memory of what lies where in a registry: it would mount blobs, and push nothing."""


@dataclass
class Row:
    """What was measured of a side: seconds by case, bytes of all layers and of those on the base, its page."""

    side: Side
    seconds: dict[str, list[float]] = field(default_factory=lambda: {case: [] for case in CASES})
    total: int = 0
    own: int = 0
    page: str = ""


class Contest:
    """The sides over one set of requirements; `label` names it in the registry."""

    def __init__(self, label: str, requirements: str, sides: list[Side], made: World, cold: int) -> None:
        self.label, self.requirements, self.world, self.cold = label, requirements, made, cold
        self.rows = [Row(side) for side in sides]
        self.last = 0

    def run(self, rounds: int) -> None:
        """Measure every case of every side, one after the other in turns."""
        for number in range(rounds):
            for case in CASES if number < self.cold else CASES[1:]:
                self._case(case, number)

    def _case(self, case: str, number: int) -> None:
        if case == "cold":
            self.last = number
        line = self.world.extra(f"{self.label}_{number}") if case == "new dependency" else ""
        for row in self.rows:
            if case != "no change":
                self._change(row.side, line, empty=case == "cold")
            row.seconds[case].append(row.side.build(self.image_of(row)))
            print(f"{self.label} {number}: {case}, {row.side.name}: {row.seconds[case][-1]:.2f} s", file=sys.stderr)

    def _change(self, side: Side, line: str, *, empty: bool) -> None:
        if line:
            (side.bench.work / "requirements.txt").write_text(self.requirements + line)
        side.bench.change()
        side.commit()
        if empty:
            side.forget()

    def image_of(self, row: Row) -> str:
        """Where a row's image goes: to a repository that is new whenever caches are."""
        name = re.sub("[^a-z]+", "-", row.side.name).strip("-")
        return f"{self.label}/{name}-{self.last}:latest"

    def weigh(self, base: int) -> None:
        """Ask the registry for the sizes, and every image for its page."""
        for row in self.rows:
            layers = manifest(self.world, self.image_of(row))["layers"]
            row.total = sum(layer["size"] for layer in layers)
            row.own = row.total - base
            row.page = page(self.world, self.image_of(row))


def page(made: World, image: str) -> str:
    """What an image serves: its page and the style sheet that it names, counted by a Memcached of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with memcached() as servers:
        told = {"SECRET_KEY": "x", "PORT": port, "MEMCACHED_SERVERS": servers}
        told |= {"PUSHLIVE_REVISION": REVISION, "PUSHLIVE_REPLICA": "bench"}
        env = [part for name, value in told.items() for part in ("--env", f"{name}={value}")]
        container = made.daemon(
            "run", "--detach", "--read-only", "--tmpfs=/tmp", "--network=host", *env, _full(made, image)
        )
        try:
            text = _get(f"{url}/")
            style = re.search(r'href="(/static/[^"]+\.css)"', text)
            return text.partition("<!-- ")[0] + (_get(url + style[1]) if style else "no style sheet")
        finally:
            made.daemon("rm", "--force", container)


def _full(made: World, image: str) -> str:
    return f"{made.host}/{image}"


def _get(url: str) -> str:
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
        time.sleep(0.05)
    raise SystemExit(f"{url} did not answer within {LIMIT:.0f} s")


def print_times(rows: list[Row]) -> None:
    """A table for each case: medians, ranges, ratios to the first row."""
    print("| | " + " | ".join(f"{case}, s | range | ratio" for case in CASES) + " |")
    print("|---" * (1 + 3 * len(CASES)) + "|")
    for row in rows:
        cells = [cell for case in CASES for cell in _cells(row.seconds[case], rows[0].seconds[case])]
        print(f"| {row.side.name} | {' | '.join(cells)} |")


def _cells(seconds: list[float], first: list[float]) -> tuple[str, str, str]:
    median = statistics.median(seconds)
    return f"{median:.2f}", spread(seconds), f"{median / statistics.median(first):.1f}"


def print_sizes(rows: list[Row]) -> bool:
    """The images as they lie in the registry. Returns whether all serve the same page."""
    print("\n| | image, MB | on the base, MB | ratio | serves the page |\n|---|---|---|---|---|")
    for row in rows:
        same = "yes" if row.page == rows[0].page else "NO: this row does not count"
        print(
            f"| {row.side.name} | {row.total / 1e6:.1f} | {row.own / 1e6:.1f} | {row.own / rows[0].own:.2f} | {same} |"
        )
    return all(row.page == rows[0].page for row in rows)


def print_pushes(made: World, contest: Contest, root: Path, crane: Path | None, rounds: int) -> None:
    """A push alone, of the first row's image with its base, to a repository that has nothing of it."""
    bench, layout = contest.rows[0].side.bench, root / f"pure-{contest.label}"
    source = _full(made, contest.image_of(contest.rows[0]))
    timed(["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{source}", f"oci:{layout}:it"], bench)
    commands = {
        "pushlive": [sys.executable, PUSHER, layout],
        "skopeo copy": [*FORGETFUL, "skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:it"],
        **({"crane push": [crane, "push", "--insecure", layout]} if crane else {}),
    }
    print("\n| push alone | s | range | ratio |\n|---|---|---|---|")
    seconds = {name: [] for name in commands}
    for number in range(rounds):
        for name, argv in commands.items():
            to = f"{made.host}/pure/{contest.label}-{name.replace(' ', '-')}-{number}:1"
            seconds[name].append(timed([*argv, f"docker://{to}" if name == "skopeo copy" else to], bench))
    for name, each in seconds.items():
        print(f"| {name} | {' | '.join(_cells(each, seconds['pushlive']))} |")


def sides_of(made: World, root: Path, requirements: str, stack: ExitStack) -> list[Side]:
    """Every side, with a developer of its own."""
    benches = [developer(root / name, requirements, made.environment) for name in ("p", "c", "k", "b")]
    ours = Pushlive(made, benches[0])
    stack.callback(ours.stop)
    classic, buildkit = (
        Docker(made, bench, stack.enter_context(docker.docker()), buildkit=kit)
        for bench, kit in zip(benches[1:3], (False, True), strict=True)
    )
    buildah = Buildah(made, benches[3], root / "buildah")
    stack.callback(buildah.stop)
    return [ours, classic, buildkit, buildah]


def compare(made: World, root: Path, label: str, requirements: str, options: argparse.Namespace) -> bool:
    """Measure and print one set of requirements. Returns whether all images serve the same page."""
    folder = root / label
    with ExitStack() as stack:
        sides = sides_of(made, folder, requirements, stack)
        contest = Contest(label, requirements, sides, made, options.cold)
        contest.run(options.rounds)
        contest.weigh(sum(layer["size"] for layer in manifest(made, made.base.partition("/")[2])["layers"]))
        packages = len(re.findall(r"^[\w.\[\]-]+==", requirements, re.MULTILINE))
        print(f"\n## {label}: {packages} packages\n")
        print_times(contest.rows)
        print(f"\n`git push` to pushlive before each build: {statistics.median(sides[0].pushes):.2f} s")
        same = print_sizes(contest.rows)
        print_pushes(made, contest, folder, options.crane, options.rounds)
    return same


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the cases with caches (5)")
    parser.add_argument("--cold", type=int, default=3, help="and how many of them begin without any (3)")
    parser.add_argument("--only", choices=("example", "bigger"), help="one set of requirements alone")
    parser.add_argument("--requirements", type=Path, metavar="FILE", help="the bigger set, with hashes")
    parser.add_argument("--base", default="", metavar="IMAGE", help="a base image in place of Debian's Python")
    parser.add_argument("--crane", type=Path, metavar="PATH", help="crane, for the push alone")
    options = parser.parse_args()
    if why := missing():
        parser.error(why)
    sets = {"example": (ROOT / "examples/simplesite/requirements.txt").read_text(), "bigger": ""}
    sets = {label: text for label, text in sets.items() if options.only in (None, label)}
    if "bigger" in sets:
        sets["bigger"] = bigger(options.requirements)
    with scratch() as root, world(root, options.base, list(sets.values())) as made:
        print(f"Docker's storage driver: {made.daemon('info', '--format={{.Driver}}')}")
        same = [compare(made, root, label, text, options) for label, text in sets.items()]
        print_machine()
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
