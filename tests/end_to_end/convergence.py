"""What has to be true of a site once nobody delivers any more; and deliveries that are stopped at a point."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from pushlive.history import History
from pushlive.model.delivery import Verdict
from tests.end_to_end.machine import ROOT, Repository, eventually

KILLER = Path(__file__).with_name("killer.py")


def site_folder(site: Repository) -> Path:
    return site.machine.home / "sites" / site.name


def install_killer(site: Repository) -> None:
    """Let the site's hook be one that can be killed at a point; without a point it is the hook as it is."""
    hook = site_folder(site) / "repo.git" / "hooks" / "pre-receive"
    text = f"#!{sys.executable} -I\nimport runpy\nrunpy.run_path({str(KILLER)!r}, run_name='__main__')\n"
    if hook.read_text() != text:  # a push may be reading it
        hook.write_text(text)


def at(site: Repository, point: str, **more: str) -> dict[str, str]:
    """The environment of a delivery to which something happens at a point."""
    install_killer(site)  # `up` and `start` write the hook again
    return {"KILL_AT": point, "KILL_SITE": str(site_folder(site)), "REACHED": str(_mark(site, point))} | more


def _mark(site: Repository, point: str) -> Path:
    return site.machine.root / f"{point}.reached"


def push(site: Repository, point: str = "", *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`git push`, and what is to happen on the way."""
    return site.machine.run("git", "push", *options, "live", "master", cwd=site.path, **at(site, point, **more))


def command(site: Repository, point: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A pushlive command, and what is to happen on the way."""
    return site.machine.run(sys.executable, "-I", KILLER, *arguments, "--site", site.name, **at(site, point, **more))


def reached(site: Repository, point: str) -> bool:
    """Whether a delivery has come to its point; asked once for each time."""
    mark = _mark(site, point)
    if mark.exists():
        mark.unlink()
        return True
    return False


PUSH = ("git", "push", "live", "master")


def pushlive(site: Repository, *arguments: str) -> tuple[str, ...]:
    """The arguments of a pushlive command that can stand still at a point."""
    return (sys.executable, "-I", str(KILLER), *arguments, "--site", site.name)


class Running:
    """A delivery in the background."""

    started: ClassVar[list["Running"]] = []

    def __init__(self, site: Repository, argv: Sequence[str], point: str = "", folder: Path | None = None) -> None:
        self._site, self._point = site, point
        self._go_on = site.machine.root / f"{point}.go-on"
        self._go_on.unlink(missing_ok=True)
        environment = site.machine.environment | at(site, point, WAIT_FOR=str(self._go_on))
        self._process = subprocess.Popen(
            argv,
            cwd=folder or site.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(self)

    @classmethod
    def end_all(cls) -> None:
        """Let all of them go on that a failed test has left."""
        while cls.started:
            cls.started[0].goes_on()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def stands(self) -> "Running":
        """Wait until it stands still at its point."""
        assert eventually(lambda: reached(self._site, self._point) or self.ended)
        assert not self.ended, self._process.communicate()
        return self

    def goes_on(self) -> "subprocess.CompletedProcess[str]":
        """Let it go on, to its end."""
        self._go_on.touch()
        self.started[:] = [each for each in self.started if each is not self]
        out, err = self._process.communicate(timeout=120)
        return subprocess.CompletedProcess(self._process.args, self._process.returncode, out, err)


def waits(site: Repository, start: Callable[[], Running]) -> Running:
    """A delivery that waits for its turn."""
    ticket = site_folder(site) / "run" / "ticket"
    before = ticket.stat().st_size
    running = start()
    assert eventually(lambda: ticket.stat().st_size > before or running.ended)
    return running


@contextmanager
def under_load(site: Repository, *, rate: int = 20, lost: int = 0) -> Iterator[None]:
    """Every request during the block is answered with 200, but `lost` of them: those a killed replica has in hand."""
    argv = [sys.executable, ROOT / "bench" / "load.py", site.url, "--rate", str(rate), "--seconds", "60"]
    load = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        told, _ = load.communicate()
    seen = json.loads(told)
    assert seen["requests"]
    assert seen["failed"] <= lost, seen


def shown(site: Repository) -> set[str]:
    """The revisions, seven digits each, that several new connections show."""
    pages = [site.get("/count.json") for _ in range(6)]
    assert {status for status, _ in pages} == {200}
    return {json.loads(text)["revision"] for _, text in pages}


def assert_in_order(site: Repository, live: str) -> None:
    """Branch, page, engine and records agree that `live` is live, and nothing is left over."""
    folder = site_folder(site)
    # Who tidies up after a delivery may have the turn for a moment yet; what is left is settled after that.
    assert eventually(lambda: site.status and not (folder / "repo.git" / "pushlive-accepted").exists())
    assert site.branch == live, site.machine.pushlive("deliveries", "--site", site.name).stdout
    status = site.status
    assert status["revision"] == live, status
    assert eventually(lambda: shown(site) == {live[:7]}), shown(site)
    with History(folder / "history.sqlite") as history:
        recorded = history.live()
        assert recorded is not None
        assert (recorded.name, recorded.revision) == (status["release"], live)
        assert history.unfinished() == ()
    assert eventually(lambda: len(replicas(site)) == 2), replicas(site)
    assert list((folder / "work").glob("*")) == []
    checked = site.machine.run("git", "-C", folder / "repo.git", "fsck", "--full", "--strict", "--no-dangling")
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def last_verdict(site: Repository) -> tuple[str, Verdict]:
    """Revision and verdict of the last delivery."""
    with History(site_folder(site) / "history.sqlite") as history:
        (last,) = history.deliveries(1)
    return last.revision, last.verdict


def replicas(site: Repository) -> list[int]:
    """The processes that lead a replica of the site, known to pushlive or not."""
    mark = f"PUSHLIVE_SOCKET={site_folder(site)}/".encode()
    return [
        pid
        for pid in map(int, filter(str.isdecimal, (each.name for each in Path("/proc").iterdir())))
        if _leads(pid, mark)
    ]


def _leads(pid: int, mark: bytes) -> bool:
    try:
        session = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
        return session == pid and any(
            variable.startswith(mark) for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        )
    except OSError:
        return False
