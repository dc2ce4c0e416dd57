"""Each way to fail ends in one cause, its evidence and its remedy, with the page before it still served.

xdist: run with `--dist loadgroup`, so that each site lives in one worker.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end import breakages
from tests.end_to_end.breakages import Breakage
from tests.end_to_end.machine import SIMPLESITE, Machine, Repository, eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("failures")]

GUESTBOOK = Path(__file__).with_name("guestbook")
MOST_LINES = 40
"""So many lines of a refused push a tired developer may be asked to read."""

needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="needs root, and the right to mount",
)


@pytest.fixture(scope="module")
def counter(machine: Machine) -> Repository:
    return live(machine.create("counter"))


@pytest.fixture(scope="module")
def guestbook(machine: Machine) -> Repository:
    site = live(machine.create("guestbook", GUESTBOOK))
    assert [site.get()[0] for _ in range(2)] == [200, 200]  # two rows that are alike
    return site


def live(site: Repository) -> Repository:
    site.pushed()
    site.git("tag", "good")
    return site


@pytest.mark.parametrize("breakage", breakages.COUNTER, ids=lambda each: each.name)
def test_a_broken_push_is_refused_with_its_cause(counter: Repository, breakage: Breakage) -> None:
    refuses(counter, breakage)


@pytest.mark.parametrize("breakage", breakages.GUESTBOOK, ids=lambda each: each.name)
def test_a_broken_push_of_a_site_with_a_database_is_refused_with_its_cause(
    guestbook: Repository, breakage: Breakage
) -> None:
    refuses(guestbook, breakage)


def refuses(site: Repository, breakage: Breakage) -> None:
    """A push of the site broken so is refused, explained and recorded, and changes nothing that anybody sees."""
    good = revert(site)
    breakage.breaks(site)
    broken = site.commit(breakage.name)
    done = site.push()
    told = Told(done)
    told.is_bearable()
    assert re.search(breakage.cause, told.cause)
    for name in ("where", "evidence", "remedy"):
        assert re.search(getattr(breakage, name), told.under(name)), f"{name}: {told.under(name)}"
    assert told.under("remedy") or breakage.remedy == ""
    unchanged(site, good)
    latest = site.machine.json("deliveries", "--site", site.name)[0]
    assert (latest["verdict"], latest["revision"], latest["cause"]) == ("failed", broken, told.cause)
    assert re.fullmatch(breakage.code, latest["code"])


def revert(site: Repository) -> str:
    """The clone as it is live."""
    site.git("reset", "-q", "--hard", "good")
    site.git("clean", "-qfdx")
    assert site.branch == site.head
    return site.head


def unchanged(site: Repository, good: str) -> None:
    """The page before still serves, the branch stands, and no process of another release is left."""
    assert site.serves(good)
    assert site.branch == good
    status = site.status
    assert (status["revision"], len(status["replicas"])) == (good, 2)
    assert eventually(lambda: releases_that_run(site) == {status["release"]})


def releases_that_run(site: Repository) -> set[str]:
    """The releases of the site that any process on this machine belongs to."""
    ours = f"{site.machine.home}/sites/{site.name}/".encode()
    found = set()
    for process in Path("/proc").glob("[0-9]*/environ"):
        try:
            environ = process.read_bytes()
        except OSError:
            continue
        release = re.search(rb"(?:^|\0)PUSHLIVE_RELEASE=(v\d+)\0", environ)
        if release and ours in environ:
            found.add(release[1].decode())
    return found


class Told:
    """What a refused push printed."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.code = done.returncode
        self.text = done.stderr
        remote = (line.removeprefix("remote: ").rstrip() for line in done.stderr.splitlines())
        self.lines = [line for line in remote if line]
        self.causes = [line.removeprefix(" !  ") for line in self.lines if line.startswith(" !  ")]

    @property
    def cause(self) -> str:
        assert len(self.causes) == 1, self.text
        return self.causes[0]

    def under(self, name: str) -> str:
        """What stands behind one of the names below the cause."""
        found, taking = [], False
        for line in self.lines:
            head, text = line[4:13].strip(), line[14:]
            taking = line.startswith("    ") and (head == name or (taking and not head))
            if taking:
                found.append(text)
        return "\n".join(found)

    def is_bearable(self) -> None:
        """One cause, no traceback, few lines."""
        assert self.code != 0, self.text
        assert self.cause
        assert "Traceback" not in self.text
        assert "/pushlive/" not in self.text.replace("/opt/pushlive/", "")
        assert len(self.lines) <= MOST_LINES


def test_a_first_release_that_fails_once_it_is_live_is_none(machine: Machine) -> None:
    site = machine.create("first")
    breakages.wears_out_after(2)(site)
    site.commit("Wears out")
    told = Told(site.push())
    told.is_bearable()
    assert "worn out" in told.cause
    assert "v1 failed once it was live: nothing is live" in told.text
    status = site.status
    assert (status["live"], status["replicas"], status["last_delivery"]["verdict"]) == (False, [], "failed")
    assert [each["live"] for each in machine.json("releases", "--site", site.name)] == [False]
    assert site.branch == ""
    shutil.copy(SIMPLESITE / breakages.VIEWS, site.path / breakages.VIEWS)
    site.commit("Mended")
    assert site.serves(site.pushed())


def test_a_release_that_fails_while_the_one_before_cannot_start_again_serves_on(machine: Machine) -> None:
    site = machine.create("stuck")
    obstacle = machine.root / "obstacle"
    good = (site.path / "proj/wsgi.py").read_text()
    site.write("proj/wsgi.py", f"{good}\nimport os\nassert not os.path.exists({str(obstacle)!r})\n")
    site.commit("Depends on what is not there")
    site.pushed()
    before = site.branch
    obstacle.touch()
    site.write("proj/wsgi.py", good)
    breakages.wears_out_after(2)(site)
    site.commit("Wears out")
    told = Told(site.push())
    assert "worn out" in told.cause
    assert "v2 failed once it was live: it cannot be taken back, and serves on" in told.text
    assert site.branch == before
    status = site.status
    assert (status["release"], status["last_delivery"]["verdict"]) == ("v2", "failed")
    obstacle.unlink()
    machine.json("rollback", "--site", site.name)
    assert site.serves(before)


def test_what_a_broken_release_had_printed_can_be_read_whole(counter: Repository) -> None:
    revert(counter)
    counter.replace("proj/urls.py", "]\n", ")\n")
    counter.commit("Broken")
    assert counter.push().returncode != 0
    shown = counter.machine.pushlive("logs", "--failed", "--site", counter.name).stdout
    assert "Traceback (most recent call last)" in shown
    assert "SyntaxError" in shown


def test_a_submodule_is_named_and_left_out(counter: Repository) -> None:
    good = revert(counter)
    counter.git("update-index", "--add", "--cacheinfo", f"160000,{good},vendored")
    counter.git("commit", "-q", "-m", "A submodule")
    done = counter.push()
    assert done.returncode == 0, done.stderr
    assert "warning: vendored is a submodule: its files are not delivered" in done.stderr
    counter.git("reset", "-q", "--hard", good)
    assert counter.push("master", "--force").returncode == 0


def test_an_image_that_the_page_names_and_nobody_has_is_a_warning(counter: Repository) -> None:
    good = revert(counter)
    counter.replace("counter/templates/counter/page.html", "</main>", '<img src="/nowhere.png"></main>')
    counter.commit("An image")
    done = counter.push()
    assert done.returncode == 0, done.stderr
    assert re.search(r"warning: 1 of \d assets that the page names are missing: /nowhere.png", done.stderr)
    counter.git("reset", "-q", "--hard", good)
    assert counter.push("master", "--force").returncode == 0


def test_memcached_dying_costs_a_count_and_no_page(counter: Repository) -> None:
    good = revert(counter)
    assert counter.get()[0] == 200
    kill_memcached(counter)
    assert [counter.get()[0] for _ in range(5)] == [200] * 5
    assert eventually(lambda: counts(counter))
    unchanged(counter, good)


def test_a_delivery_while_memcached_dies_goes_through(counter: Repository) -> None:
    revert(counter)
    kill_memcached(counter)
    counter.pushed_change("While memcached was away")
    assert eventually(lambda: counts(counter))
    counter.git("tag", "-f", "good")


def kill_memcached(site: Repository) -> None:
    port = site.status["memcached"].rpartition(":")[2]
    found = subprocess.run(["pgrep", "-f", f"memcached .*-p {port}( |$)"], capture_output=True, text=True, check=True)
    (pid,) = found.stdout.split()
    os.kill(int(pid), signal.SIGKILL)


def counts(site: Repository) -> bool:
    """Two visits count as two."""
    before = count_of(site)
    if before is None:
        return False
    site.get()
    return count_of(site) == before + 1


def count_of(site: Repository) -> int | None:
    status, text = site.get("/count.json")
    assert status == 200
    count: int | None = json.loads(text)["count"]
    return count


def test_a_port_that_somebody_has(machine: Machine) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        site = machine.create("taken", listen=f"127.0.0.1:{port}")
        told = Told(site.push())
        told.is_bearable()
        assert str(port) in told.cause
        assert told.under("remedy")
        assert site.branch == ""
        assert releases_that_run(site) == set()
    site.pushed()
    assert site.serves(site.head)


@pytest.mark.root
@needs_mounts
def test_memcached_is_not_installed(machine: Machine) -> None:
    site = machine.create("cacheless")
    hide = 'for each in $(which -a memcached); do mount --bind /dev/null "$each"; done; exec "$@"'
    done = machine.run("unshare", "-m", "sh", "-c", hide, "sh", "git", "push", "live", "master", cwd=site.path)
    told = Told(done)
    told.is_bearable()
    assert "memcached is not installed" in told.cause
    assert "apt-get install memcached" in told.under("remedy")
    assert site.branch == ""
    assert releases_that_run(site) == set()
    assert machine.pushlive("down", "--site", site.name).returncode == 0
    site.pushed()
    assert counts(site)


@pytest.fixture
def small(cache: Path) -> Iterator[Callable[[str], Machine]]:
    """A machine whose state folder is a disk of its own."""
    root = Path(tempfile.mkdtemp(prefix="pl-"))
    root.chmod(0o755)
    machine = Machine(root)
    machine.home.mkdir()

    def mounted(size: str) -> Machine:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(machine.home)], check=True)
        (machine.home / "cache").symlink_to(cache)
        return machine

    try:
        yield mounted
    finally:
        machine.stop()
        subprocess.run(["umount", str(machine.home)], check=False)
        shutil.rmtree(root, ignore_errors=True)


@pytest.mark.root
@needs_mounts
def test_a_disk_too_small_for_the_first_release(small: Callable[[str], Machine]) -> None:
    site = small("12M").create("site")
    told = Told(site.push())
    told.is_bearable()
    assert "no space left" in told.cause
    assert "Free some" in told.under("remedy")
    assert site.branch == ""
    assert releases_that_run(site) == set()


@pytest.mark.root
@needs_mounts
@pytest.mark.parametrize("left", [100, 1000, 1600, 2400])
def test_a_disk_that_is_full(small: Callable[[str], Machine], left: int) -> None:
    """`left`: kibibytes that are free when the push begins."""
    site = live(small("100M").create("site"))
    good = site.head
    fill(site.machine.home, left)
    site.write("counter/extra.py", "".join(f"X{number} = {number * 7919}\n" for number in range(60_000)))
    site.commit("More")
    told = Told(site.push())
    (site.machine.home / "ballast").unlink()
    if "unable to write loose object file: No space left" not in told.text:  # git itself finds it first
        told.is_bearable()
        assert "no space left" in told.cause
        assert "Free some" in told.under("remedy")
    assert told.code != 0
    unchanged(site, good)
    assert site.serves(site.pushed())


def fill(folder: Path, left: int) -> None:
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"\0" * 4096)
        except OSError:
            ballast.truncate(max(0, ballast.tell() - left * 1024))
