"""Deliveries at once: the newer decides what is live, each loser says so, and the branch is what is live."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from pushlive.history import History
from pushlive.model.delivery import Verdict
from tests.end_to_end.convergence import (
    PUSH,
    Running,
    assert_in_order,
    install_killer,
    last_verdict,
    push,
    pushlive,
    site_folder,
    under_load,
    waits,
)
from tests.end_to_end.machine import Machine, Repository

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kills")]

Clone = Callable[[], Repository]
SERIAL = count()


@pytest.fixture(scope="module")
def site(machine: Machine) -> Repository:
    """The counter, live, with two releases, and a hook that can stand still."""
    repository = machine.create("raced")
    repository.pushed_change("First")
    repository.pushed_change("Second")
    install_killer(repository)
    return repository


@pytest.fixture
def clone(site: Repository, tmp_path: Path) -> Clone:
    """Makes developers: each has a clone of what is on the branch now, and a commit of their own."""

    def make() -> Repository:
        folder = tmp_path / f"clone{next(SERIAL)}"
        remote = site.git("remote", "get-url", "live").stdout.strip()
        done = site.machine.run("git", "clone", "-q", "-o", "live", remote, folder)
        assert done.returncode == 0, done.stderr
        made = replace(site, path=folder)
        commit(made, "counter/extra.py", f"NAME = {folder.name!r}\n")
        return made

    return make


@pytest.fixture(autouse=True)
def _nobody_is_left_standing() -> Iterator[None]:
    yield
    Running.end_all()


def commit(site: Repository, file: str, text: str) -> str:
    site.write(file, text)
    return site.commit(f"{file}: {text}")


def verdicts(site: Repository) -> dict[str, Verdict]:
    with History(site_folder(site) / "history.sqlite") as history:
        return {each.revision: each.verdict for each in reversed(history.deliveries(100))}


@pytest.mark.parametrize(
    "point", ["after:begin", "started:inspect", "finished:build", "finished:release", "finished:rollout", "after:admit"]
)
def test_of_two_pushes_the_newer_wins(site: Repository, clone: Clone, point: str) -> None:
    one, other = clone(), clone()
    with under_load(site):
        first = Running(one, PUSH, point).stands()
        second = waits(site, lambda: Running(other, PUSH))
        lost, won = first.goes_on(), second.goes_on()
    assert lost.returncode != 0
    assert "superseded: a newer push" in lost.stderr
    assert won.returncode == 0, won.stderr
    assert_in_order(site, other.head)
    assert verdicts(site)[one.head] is Verdict.SUPERSEDED


@pytest.mark.parametrize("point", ["after:keep_objects", "after:commit", "after:finish"])
def test_a_push_that_is_being_committed_is_not_superseded(site: Repository, clone: Clone, point: str) -> None:
    one, other = clone(), clone()
    with under_load(site):
        first = Running(one, PUSH, point).stands()
        second = waits(site, lambda: Running(other, PUSH))
        won, lost = first.goes_on(), second.goes_on()
    assert won.returncode == 0, won.stderr
    assert lost.returncode != 0
    assert f"master moved to {one.head[:7]} meanwhile" in lost.stderr
    assert "git fetch live" in lost.stderr
    assert_in_order(site, one.head)
    assert verdicts(site)[other.head] is Verdict.FAILED


def test_a_push_whose_branch_has_moved_is_refused_before_anything_is_done(site: Repository, clone: Clone) -> None:
    one, other = clone(), clone()
    late = Running(one, PUSH, "before:checkout").stands()
    assert push(other).returncode == 0
    releases = site.machine.json("releases", "--site", site.name)
    refused = late.goes_on()
    assert refused.returncode != 0
    assert f"master moved to {other.head[:7]} meanwhile" in refused.stderr
    assert site.machine.json("releases", "--site", site.name) == releases
    assert_in_order(site, other.head)


def test_a_push_that_is_too_late_supersedes_nobody(site: Repository, clone: Clone) -> None:
    late = Running(clone(), PUSH, "before:checkout").stands()
    assert push(clone()).returncode == 0
    newest = clone()
    running = Running(newest, PUSH, "started:inspect").stands()
    assert "meanwhile" in late.goes_on().stderr
    done = running.goes_on()
    assert done.returncode == 0, done.stderr
    assert_in_order(site, newest.head)


def test_a_push_supersedes_a_rollback_that_is_not_committed(site: Repository, clone: Clone) -> None:
    newer = clone()
    rollback = Running(site, pushlive(site, "rollback"), "finished:release").stands()
    pushed = waits(site, lambda: Running(newer, PUSH))
    lost, won = rollback.goes_on(), pushed.goes_on()
    assert lost.returncode == 10
    assert "superseded" in lost.stderr
    assert won.returncode == 0, won.stderr
    assert_in_order(site, newer.head)


def test_a_push_that_waits_for_a_rollback_is_refused_when_that_is_live(site: Repository, clone: Clone) -> None:
    newer = clone()
    rollback = Running(site, pushlive(site, "rollback", "--json"), "after:commit").stands()
    pushed = waits(site, lambda: Running(newer, PUSH))
    won, lost = rollback.goes_on(), pushed.goes_on()
    assert won.returncode == 0, won.stderr
    live = json.loads(won.stdout.splitlines()[-1])["revision"]
    assert lost.returncode != 0
    assert f"master moved to {live[:7]} meanwhile, by another push or a rollback" in lost.stderr
    assert_in_order(site, live)


@pytest.mark.parametrize(("point", "superseded"), [("started:inspect", True), ("after:commit", False)])
def test_a_rollback_decides_over_a_push_that_runs(site: Repository, clone: Clone, point: str, superseded: bool) -> None:
    earlier = next(
        each for each in site.machine.json("releases", "--site", site.name) if each["revision"] != site.branch
    )
    pushing = clone()
    pushed = Running(pushing, PUSH, point).stands()
    rollback = waits(site, lambda: Running(site, pushlive(site, "rollback", earlier["release"])))
    first, second = pushed.goes_on(), rollback.goes_on()
    assert (first.returncode != 0) is superseded, first.stderr
    assert second.returncode == 0, second.stderr
    assert_in_order(site, earlier["revision"])
    assert verdicts(site)[pushing.head] is (Verdict.SUPERSEDED if superseded else Verdict.LIVE)


@pytest.mark.parametrize("point", ["started:inspect", "after:commit"])
def test_env_set_waits_for_a_push_and_then_changes_what_that_made_live(
    site: Repository, clone: Clone, point: str
) -> None:
    pushing = clone()
    value = f"{point}-value"
    pushed = Running(pushing, PUSH, point).stands()
    setting = Running(site, pushlive(site, "env", "set", f"GREETING={value}"))
    first, second = pushed.goes_on(), setting.goes_on()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert_in_order(site, pushing.head)
    assert last_verdict(site) == (pushing.head, Verdict.LIVE)
    script = "import os; print(os.environ['GREETING'])"
    shown = site.machine.pushlive("run", "--site", site.name, "--", "python", "-c", script)
    assert shown.stdout.strip() == value


def test_env_set_leaves_a_branch_that_is_ahead_where_it_is(site: Repository, clone: Clone) -> None:
    live, ahead = site.status["revision"], clone()
    ahead.git("reset", "-q", "--hard", "HEAD^")
    head = commit(ahead, "notes/one.md", "A note.\n")
    assert push(ahead).returncode == 0
    assert site.machine.pushlive("env", "set", "GREETING=again", "--site", site.name).returncode == 0
    assert (site.branch, site.status["revision"]) == (head, live)


def test_a_push_that_delivers_nothing_waits_for_the_delivery_of_its_branch(site: Repository, clone: Clone) -> None:
    pushing, noting = clone(), clone()
    noting.git("reset", "-q", "--hard", "HEAD^")
    commit(noting, "notes/two.md", "Another note.\n")
    pushed = Running(pushing, PUSH, "finished:build").stands()
    noted = Running(noting, PUSH)
    won, lost = pushed.goes_on(), noted.goes_on()
    assert won.returncode == 0, won.stderr
    assert lost.returncode != 0
    assert "meanwhile" in lost.stderr
    assert_in_order(site, pushing.head)


def test_another_branch_need_not_wait(site: Repository, clone: Clone) -> None:
    pushing, other = clone(), clone()
    pushed = Running(pushing, PUSH, "finished:build").stands()
    assert other.push("HEAD:refs/heads/aside").returncode == 0
    assert pushed.goes_on().returncode == 0
    assert_in_order(site, pushing.head)


def test_of_two_ups_the_newer_wins(site: Repository) -> None:
    site.git("fetch", "-q", "live")
    site.git("reset", "-q", "--hard", "live/master")
    commit(site, "counter/extra.py", "UP = 1\n")
    up = (*pushlive(site, "up")[:-2], "--name", site.name)
    first = Running(site, up, "started:inspect").stands()
    newer = commit(site, "counter/extra.py", "UP = 2\n")
    second = waits(site, lambda: Running(site, up))
    lost, won = first.goes_on(), second.goes_on()
    assert lost.returncode == 10
    assert won.returncode == 0, won.stderr
    assert_in_order(site, newer)


def test_racing_pushes_leave_one_tip_and_an_ordered_history(site: Repository, clone: Clone) -> None:
    clones = [clone() for _ in range(5)]
    with under_load(site), ThreadPoolExecutor(5) as racers:
        ended = list(racers.map(push, clones))
    won = [each.head for each, done in zip(clones, ended, strict=True) if done.returncode == 0]
    assert len(won) == 1
    assert_in_order(site, won[0])
    found = verdicts(site)
    for each, done in zip(clones, ended, strict=True):
        if done.returncode == 0:
            assert found[each.head] is Verdict.LIVE
        elif "meanwhile" in done.stderr:  # it came after the winner, which it does not descend from
            assert found[each.head] is Verdict.FAILED
        else:
            assert "superseded" in done.stderr, done.stderr
            assert found.get(each.head, Verdict.SUPERSEDED) is Verdict.SUPERSEDED


def test_down_stops_a_push_that_runs_and_start_brings_back_what_was_live(site: Repository, clone: Clone) -> None:
    live = site.branch
    pushed = Running(clone(), PUSH, "finished:build").stands()
    down = waits(site, lambda: Running(site, pushlive(site, "down")))
    assert "superseded" in pushed.goes_on().stderr
    assert down.goes_on().returncode == 0
    assert site.status["replicas"] == []
    assert site.machine.pushlive("start", "--site", site.name).returncode == 0
    assert_in_order(site, live)


def test_start_supersedes_nothing(site: Repository, clone: Clone) -> None:
    pushing = clone()
    pushed = Running(pushing, PUSH, "finished:build").stands()
    start = Running(site, pushlive(site, "start"))
    assert pushed.goes_on().returncode == 0
    assert start.goes_on().returncode == 0
    assert_in_order(site, pushing.head)


@pytest.mark.parametrize("point", ["before:checkout", "after:checkout"])
def test_a_push_whose_site_is_removed_brings_nothing_of_it_back(machine: Machine, point: str) -> None:
    doomed = machine.create(f"doomed-{next(SERIAL)}")
    install_killer(doomed)
    late = Running(doomed, PUSH, point).stands()
    assert machine.pushlive("down", "--remove", "--yes", "--site", doomed.name).returncode == 0
    lost = late.goes_on()
    assert lost.returncode != 0
    assert f"there is no site called {doomed.name} any more" in lost.stderr
    assert not site_folder(doomed).exists()


def test_of_racing_creates_one_makes_the_site(machine: Machine) -> None:
    with ThreadPoolExecutor(4) as racers:
        ended = list(racers.map(lambda _: machine.pushlive("create", "wanted"), range(4)))
    assert sorted(done.returncode for done in ended) == [0, 2, 2, 2]
    assert all("already" in done.stderr for done in ended if done.returncode)


def test_racing_creates_get_ports_of_their_own(machine: Machine) -> None:
    with ThreadPoolExecutor(4) as racers:
        made = list(racers.map(lambda name: machine.json("create", name), ["a", "b", "c", "d"]))
    assert len({each["url"] for each in made}) == 4
