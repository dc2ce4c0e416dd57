"""A machine for the tests: a state folder of its own, and the real `pushlive` and `git` as a user calls them."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIMPLESITE = ROOT / "examples" / "simplesite"
PUSHLIVE = Path(sys.executable).with_name("pushlive")
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A. Developer"), ("EMAIL", "dev@example.com"))
}


@dataclass
class Machine:
    """A pushlive home below `root`, and the environment that commands get."""

    root: Path
    sites: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "state"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PUSHLIVE_"))}
        return {
            **kept,
            **IDENTITY,
            "PUSHLIVE_HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def run(self, *argv: str | Path, cwd: Path | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a command; its standard error is merged into nothing: both are kept apart."""
        return subprocess.run(
            [str(part) for part in argv],
            cwd=cwd or self.root,
            env=self.environment | extra,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def pushlive(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self.run(PUSHLIVE, *arguments, cwd=cwd)

    def json(self, *arguments: str, cwd: Path | None = None) -> Any:
        """The last line of a command's JSON; the command must have ended well."""
        done = self.pushlive(*arguments, "--json", cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def create(self, name: str, source: Path = SIMPLESITE, *, listen: str = "") -> "Repository":
        """An empty site and a developer's repository with its remote."""
        made = self.json("create", name, "--listen", listen or f"127.0.0.1:{free_port()}")
        self.sites.append(name)
        repository = Repository(self, self.root / name, name, made["url"])
        shutil.copytree(source, repository.path, ignore=shutil.ignore_patterns("__pycache__", "staticfiles"))
        repository.git("init", "-q", "-b", "master")
        repository.git("remote", "add", "live", made["remote"])
        repository.commit("First")
        return repository

    def stop(self) -> None:
        """Stop every site, and wait for who still tidies up."""
        for name in self.sites:
            self.pushlive("down", "--site", name)
        eventually(lambda: not processes_of(self.root))

    def end_all(self) -> list[str]:
        """Kill what runs for the machine all the same; returns what it was."""
        left = processes_of(self.root)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return list(left.values())


@dataclass
class Repository:
    """A developer's clone."""

    machine: Machine
    path: Path
    name: str
    url: str

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.machine.run("git", *arguments, cwd=self.path)

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def commit(self, message: str = "Change") -> str:
        self.git("add", "-A")
        done = self.git("commit", "-q", "--allow-empty", "-m", message)
        assert done.returncode == 0, done.stderr
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, refspec: str = "master", *options: str) -> subprocess.CompletedProcess[str]:
        return self.git("push", *options, "live", refspec)

    def pushed(self) -> str:
        """Push, and it must have gone live."""
        done = self.push()
        assert done.returncode == 0, done.stdout + done.stderr
        return self.head

    def pushed_change(self, text: str) -> str:
        """Change the page, push, and it must have gone live."""
        path = "counter/templates/counter/page.html"
        self.write(path, (self.path / path).read_text().partition("<!-- ")[0] + f"<!-- {text} -->\n")
        self.commit(text)
        return self.pushed()

    def get(self, path: str = "/") -> tuple[int, str]:
        """Status and text of a page, over a new connection."""
        try:
            with urllib.request.urlopen(self.url.rstrip("/") + path, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def serves(self, revision: str) -> bool:
        """Several new connections all show the revision."""
        pages = [self.get("/count.json") for _ in range(4)]
        return all(status == 200 and json.loads(text)["revision"] == revision[:7] for status, text in pages)

    @property
    def branch(self) -> str:
        """What the remote's master is."""
        return self.git("ls-remote", "live", "refs/heads/master").stdout.split("\t")[0]

    @property
    def status(self) -> Any:
        return self.machine.json("status", "--site", self.name)


def processes_of(root: Path) -> dict[int, str]:
    """Every process that names a folder in its arguments or environment, or prints into it, with its arguments."""
    found = {int(each.name): _arguments_below(each, root) for each in Path("/proc").iterdir() if each.name.isdecimal()}
    return {pid: arguments for pid, arguments in found.items() if arguments}


def _arguments_below(process: Path, root: Path) -> str:
    try:
        arguments = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        environment = (process / "environ").read_bytes().decode(errors="replace")
        printed = [str((process / "fd" / stream).readlink()) for stream in ("1", "2")]
    except OSError:
        return ""
    return arguments if f"{root}/" in "\n".join((arguments, environment, *printed)) else ""


def free_port() -> int:
    """A port nobody uses. At random: other tests look for one too, and a site binds its own when it starts."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


def eventually(question: Any, *, seconds: float = 20.0) -> bool:
    """Ask until the answer is true, or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if question():
            return True
        time.sleep(0.05)
    return False
