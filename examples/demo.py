"""The whole story on this machine, with the example site and a light load running all along.

./demo         tells it step by step and ends on a page you can open
./demo --once  runs it unattended, stops what it started, prints one JSON object as its last line
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PUSHLIVE = Path(sys.executable).with_name("pushlive")
LOAD = HERE.parent / "bench" / "load.py"
PUSHES = 5
RATE = 50
CLIENTS, VISITS = 64, 640
VIEWS = "counter/views.py"
TEMPLATE = "counter/templates/counter/page.html"


@dataclass
class Result:
    """What `--once` prints. Every bool must hold, and no request may fail, for exit code 0."""

    live: bool = False
    url: str = ""
    revision: str = ""
    push_to_live_seconds: float = 0.0
    requests: int = 0
    requests_failed: int = 0
    rejected_broken_push: bool = False
    rolled_back: bool = False
    count_exact: bool = False

    @property
    def held(self) -> bool:
        """The story went as it should."""
        promises = (self.live, self.rejected_broken_push, self.rolled_back, self.count_exact)
        return all(promises) and self.requests > 0 and self.requests_failed == 0


class Story:
    """A copy of the example, a repository of it, and a pushlive home of the demo's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "simplesite"
        self.result = Result()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "PUSHLIVE_HOME": str(root / "state"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Demo",
            "GIT_AUTHOR_EMAIL": "demo@example.com",
            "GIT_COMMITTER_NAME": "Demo",
            "GIT_COMMITTER_EMAIL": "demo@example.com",
        }

    def run(self, *argv: str | Path, check: bool = True, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Show a command and run it in the site's repository; its messages go to our standard error."""
        if not quiet:
            say(f"$ {' '.join(Path(str(part)).name if part == PUSHLIVE else str(part) for part in argv)}")
        done = subprocess.run(
            [str(part) for part in argv],
            cwd=self.work,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise FailedError(f"{' '.join(map(str, argv))} ended with {done.returncode}\n{done.stderr or ''}".rstrip())
        return done

    def pushlive(self, *arguments: str) -> dict[str, object]:
        """Run a pushlive command and read its JSON."""
        return json.loads(self.run(PUSHLIVE, *arguments, "--json", quiet=True).stdout.splitlines()[-1])

    def head(self) -> str:
        """The revision that is checked out."""
        return self.run("git", "rev-parse", "HEAD", quiet=True).stdout.strip()

    def commit(self, message: str) -> str:
        """Commit everything and return the revision."""
        self.run("git", "add", "--all", quiet=True)
        self.run("git", "commit", "--quiet", "--message", message, quiet=True)
        return self.head()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the first `old` in a file."""
        path = self.work / name
        text = path.read_text()
        if old not in text:
            raise FailedError(f"{name} does not have {old!r}")
        path.write_text(text.replace(old, new, 1))

    # The chapters, in order.

    def set_up(self) -> None:
        """Copy the example into a repository, make an empty site, add its remote."""
        say(f"A repository with a Django site: {self.work}")
        shutil.copytree(HERE / "simplesite", self.work, ignore=shutil.ignore_patterns("__pycache__", "staticfiles"))
        self.run("git", "init", "--quiet", "--initial-branch", "master", quiet=True)
        self.commit("The counter")
        made = self.pushlive("create", "simplesite", "--listen", "127.0.0.1:0")
        self.result.url = str(made["url"])
        say("$ pushlive create simplesite")
        self.run("git", "remote", "add", "live", str(made["remote"]))

    def go_live(self) -> None:
        """The first push: dependencies are installed, the page goes live."""
        self.run("git", "push", "live", "master")
        self.result.live = self.serves(self.head())

    def change_and_push(self) -> None:
        """Change the page and push, several times; each push returns when the address serves the new revision."""
        title = re.search(r"<title>(.*?)</title>", (self.work / TEMPLATE).read_text())
        assert title
        old, seconds = title[0], []
        for number in range(1, PUSHES + 1):
            new = f"<title>Visits, take {number}</title>"
            self.edit(TEMPLATE, old, new)
            revision, old = self.commit(f"Take {number}"), new
            began = time.monotonic()
            self.run("git", "push", "live", "master")
            seconds.append(time.monotonic() - began)
            self.result.live = self.result.live and self.serves(revision)
        self.result.push_to_live_seconds = round(statistics.median(seconds), 3)

    def push_broken(self) -> None:
        """A push with a mistake is refused with its cause; the old page still serves."""
        good = self.head()
        self.edit(VIEWS, "import", "imporrt")
        self.commit("A mistake")
        refused = self.run("git", "push", "live", "master", check=False).returncode != 0
        self.result.rejected_broken_push = refused and self.serves(good)
        self.run("git", "reset", "--quiet", "--hard", "HEAD~1", quiet=True)

    def roll_back(self) -> None:
        """The release before is live again, without a build."""
        before = self.run("git", "rev-parse", "HEAD~1", quiet=True).stdout.strip()
        self.run(PUSHLIVE, "rollback", "--site", "simplesite")
        self.result.rolled_back = self.serves(before)
        self.result.revision = before

    def count(self) -> None:
        """64 clients at once; the counter must have seen each visit once."""
        first = self.visits()
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda _: self.page().status, range(VISITS)))
        self.result.count_exact = answers == [200] * VISITS and self.visits() == first + VISITS
        verdict = "exact" if self.result.count_exact else "WRONG"
        say(f"{CLIENTS} clients made {VISITS} visits at once; the count is {verdict}")

    def page(self) -> "Page":
        """Fetch the page once."""
        try:
            with urllib.request.urlopen(self.result.url, timeout=15) as answer:
                return Page(answer.status, answer.read().decode())
        except urllib.error.HTTPError as refused:
            return Page(refused.code, refused.read().decode(errors="replace"))

    def visits(self) -> int:
        """How many visits there were; asking counts none."""
        with urllib.request.urlopen(f"{self.result.url}count.json", timeout=15) as answer:
            return int(json.load(answer)["count"])

    def serves(self, revision: str) -> bool:
        """Whether the public address shows the revision on several new connections."""
        pages = [self.page().text for _ in range(5)]
        return all(revision[:7] in page for page in pages)

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        """Visitors all along; what they saw is in the result."""
        say(f"Visitors come now, {RATE} a second")
        argv = [sys.executable, str(LOAD), self.result.url, "--rate", str(RATE)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as visitors:
            try:
                yield
            finally:
                told, _ = visitors.communicate()
        if visitors.returncode:
            raise FailedError(f"the visitors' program ended with {visitors.returncode}")
        seen = json.loads(told)
        self.result.requests, self.result.requests_failed = seen["requests"], seen["failed"]
        say(f"The visitors made {seen['requests']} requests; {seen['failed']} failed")
        for failure in seen["failures"]:
            say(f"  {failure}")

    def tell(self) -> None:
        """All of it."""
        self.set_up()
        chapter("The first push")
        self.go_live()
        with self.load():
            chapter(f"{PUSHES} changes, each pushed")
            self.change_and_push()
            chapter("A push with a mistake")
            self.push_broken()
            chapter("Roll back")
            self.roll_back()
        chapter("Is the count right?")
        self.count()

    def stop(self) -> None:
        """Stop the site and remove what the demo made."""
        if self.work.exists():
            self.run(PUSHLIVE, "down", "--site", "simplesite", quiet=True, check=False)
        shutil.rmtree(self.root, ignore_errors=True)


class FailedError(Exception):
    """The story cannot go on."""


@dataclass(frozen=True)
class Page:
    """An answer of the site."""

    status: int
    text: str


def say(text: str) -> None:
    """Tell the reader."""
    print(text, file=sys.stderr, flush=True)


def chapter(title: str) -> None:
    """Begin a part of the story."""
    say(f"\n== {title}")


def told(story: Story, *, stays: bool) -> bool:
    """Tell the story; whether it came to its end and the site runs on, if it is to stay."""
    finished = False
    try:
        story.tell()
        finished = True
    except (FailedError, OSError, ValueError) as error:
        say(f"demo: {error}")
    finally:
        stays = stays and finished
        if not stays:
            story.stop()
    return stays


def main() -> int:
    """Tell the story; 0 when all of it held."""
    parser = argparse.ArgumentParser(prog="./demo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--once", action="store_true", help="unattended: stop everything and print a line of JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = Path(tempfile.mkdtemp(prefix="pushlive-demo-"))
    root.chmod(0o755)
    story = Story(root)
    stays = told(story, stays=not options.once)
    if options.once:
        print(json.dumps(asdict(story.result)))
        return 0 if story.result.held else 1
    if not stays:
        return 1
    push = story.result.push_to_live_seconds
    say(f"""
The median push was live after {push} s. The page is at {story.result.url}
Look around:  cd {story.work} && export PUSHLIVE_HOME={root / "state"} PATH={PUSHLIVE.parent}:$PATH
              pushlive status; pushlive releases; pushlive logs
Stop it:      pushlive down --site simplesite && rm -rf {root}""")
    return 0 if story.result.held else 1


if __name__ == "__main__":
    raise SystemExit(main())
