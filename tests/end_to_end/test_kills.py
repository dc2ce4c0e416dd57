"""kill -9, of anybody, at any point of a delivery: the page answers, and the next command finds everything in order."""

import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from pushlive.model.delivery import Verdict
from tests.end_to_end.convergence import (
    assert_in_order,
    command,
    install_killer,
    last_verdict,
    push,
    reached,
    replicas,
    shown,
    site_folder,
    under_load,
)
from tests.end_to_end.machine import Machine, Repository, eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kills")]

UNDONE = (
    "before:checkout",
    "after:begin",
    "started:inspect",
    "finished:build",
    "finished:release",
    "finished:rollout",
    "after:admit",
    "after:keep_objects",
    "after:announce",
)
"""Killed there, nothing has happened."""

DONE = ("during:commit", "after:commit", "finished:verify", "after:finish", "after:went_live")
"""Killed there, it is live."""


@pytest.fixture(scope="module")
def site(machine: Machine) -> Repository:
    """The counter, live, with a hook that can be killed."""
    repository = machine.create("killed")
    repository.pushed_change("First")
    repository.pushed_change("Second")
    install_killer(repository)
    return repository


def changed(site: Repository, text: str) -> tuple[str, str]:
    """What is live, and a new commit."""
    old = site.branch
    path = "counter/templates/counter/page.html"
    site.write(path, (site.path / path).read_text().partition("<!-- ")[0] + f"<!-- {text} -->\n")
    return old, site.commit(text)


def follows(site: Repository, old: str, new: str) -> None:
    """After a kill one of the two is on the page, and before long it alone."""
    assert shown(site) <= {old[:7], new[:7]}
    assert eventually(lambda: len(shown(site)) == 1)


@pytest.mark.parametrize("point", [*UNDONE, *DONE])
def test_a_push_whose_hook_is_killed(site: Repository, point: str) -> None:
    old, new = changed(site, f"killed {point}")
    with under_load(site):
        done = push(site, point, KILL_WHOM="self")
        assert reached(site, point)
        assert done.returncode != 0
        follows(site, old, new)
        assert site.status
        assert_in_order(site, new if point in DONE else old)
        if point != "before:checkout":
            assert last_verdict(site) == (new, Verdict.LIVE if point in DONE else Verdict.INTERRUPTED)
        again = push(site)
        assert again.returncode == 0, again.stderr
        assert_in_order(site, new)


@pytest.mark.parametrize("point", ["finished:build", "after:announce", "during:commit", "after:finish"])
def test_the_same_push_again_goes_through(site: Repository, point: str) -> None:
    _, new = changed(site, f"again {point}")
    with under_load(site):
        push(site, point, KILL_WHOM="self")
        assert reached(site, point)
        again = push(site)
        assert again.returncode == 0, again.stderr
        assert_in_order(site, new)


@pytest.mark.parametrize("point", ["finished:build", "after:announce", "after:commit", "after:went_live"])
def test_a_push_whose_receiver_is_killed(site: Repository, point: str) -> None:
    old, new = changed(site, f"receiver killed {point}")
    with under_load(site):
        done = push(site, point, KILL_WHOM="receiver")
        assert reached(site, point)
        assert done.returncode != 0
        follows(site, old, new)
        live = site.status["revision"]
        assert live in ({new} if point in {"after:commit", "after:went_live"} else {old, new})
        assert eventually(lambda: site.status["last_delivery"]["verdict"] != "running")
        assert_in_order(site, live)
        assert last_verdict(site) == (new, Verdict.LIVE if live == new else Verdict.INTERRUPTED)
        assert push(site).returncode == 0
        assert_in_order(site, new)


@pytest.mark.parametrize(
    "point", ["started:inspect", "finished:release", "after:admit", "after:commit", "after:finish"]
)
def test_a_push_whose_pusher_is_killed(site: Repository, point: str) -> None:
    _, new = changed(site, f"pusher killed {point}")
    with under_load(site):
        push(site, point, KILL_WHOM="pusher")
        assert reached(site, point)
        assert eventually(lambda: site.status["last_delivery"]["verdict"] != "running")
        live = site.status["revision"]
        assert_in_order(site, live)
        assert last_verdict(site) == (new, Verdict.LIVE if live == new else Verdict.INTERRUPTED)
        assert push(site).returncode == 0
        assert_in_order(site, new)


def test_a_push_that_prints_on_to_nobody_gives_its_turn_back(site: Repository) -> None:
    file = site.path / "pushlive.toml"
    before, live = file.read_text(), site.branch
    site.write("print.py", "for number in range(2000):\n    print(number, 'x' * 100)\n")
    site.write("pushlive.toml", f'{before}\n[build]\ncommands = ["python print.py"]\n')
    new = site.commit("Print more than a pipe holds")
    push(site, "started:dependencies", KILL_WHOM="pusher")
    assert reached(site, "started:dependencies")
    assert eventually(lambda: site.status["last_delivery"]["verdict"] != "running")
    assert last_verdict(site) == (new, Verdict.INTERRUPTED)
    site.write("pushlive.toml", before)
    last = site.commit("Print nothing")
    assert site.branch == live
    assert push(site).returncode == 0
    assert_in_order(site, last)


@pytest.mark.parametrize(
    ("point", "done"),
    [
        ("finished:release", False),
        ("after:admit", False),
        ("after:announce", False),
        ("during:commit", True),
        ("after:commit", True),
        ("after:went_live", True),
        ("before:set_ref", True),
        ("after:set_ref", True),
    ],
)
def test_a_rollback_that_is_killed(site: Repository, point: str, done: bool) -> None:
    old = site.branch
    with_earlier = site.machine.json("releases", "--site", site.name)
    wanted = next(each for each in with_earlier if each["revision"] != old)["release"]
    new = next(each for each in with_earlier if each["release"] == wanted)["revision"]
    with under_load(site):
        killed = command(site, point, "rollback", wanted, KILL_WHOM="self")
        assert reached(site, point)
        assert killed.returncode == -9
        follows(site, old, new)
        assert site.status
        assert_in_order(site, new if done else old)
        assert last_verdict(site) == (new, Verdict.LIVE if done else Verdict.INTERRUPTED)
        again = site.machine.pushlive("rollback", wanted, "--site", site.name)
        assert again.returncode == 0, again.stderr
        assert_in_order(site, new)


@pytest.mark.parametrize(
    ("whom", "point"),
    [
        ("supervisor", "started:rollout"),
        ("supervisor", "finished:rollout"),
        ("supervisor", "after:announce"),
        ("supervisor", "during:commit"),
        ("supervisor", "after:commit"),
        ("keeper", "finished:rollout"),
        ("both", "finished:release"),
        ("both", "finished:rollout"),
        ("both", "during:commit"),
        ("both", "after:commit"),
        ("memcached", "started:inspect"),
        ("memcached", "finished:rollout"),
        ("memcached", "after:commit"),
        ("replica", "started:inspect"),
        ("replica", "finished:rollout"),
        ("replica", "after:commit"),
    ],
)
def test_a_push_during_which_the_site_loses_a_process(site: Repository, whom: str, point: str) -> None:
    old, new = changed(site, f"{whom} killed {point}")
    with under_load(site, lost=3 if whom == "replica" else 0):
        done = push(site, point, KILL_WHOM=whom)
        assert reached(site, point)
        live = old if done.returncode else new
        assert_in_order(site, live)
        assert last_verdict(site) == (new, Verdict.LIVE if live == new else Verdict.FAILED)
        assert push(site).returncode == 0
        assert_in_order(site, new)
    if whom in {"memcached", "replica"}:
        assert live == new


def cut_the_power(site: Repository) -> Path:
    """Kill all that runs for the site at once, as a power cut would; returns its folder of run files."""
    folder = site_folder(site) / "run"
    keeper, supervisor, memcached = (
        json.loads((folder / f"{name}.json").read_text())["process"][0]
        for name in ("keeper", "supervisor", "memcached")
    )
    for pid in (keeper, supervisor, memcached, *replicas(site)):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    assert eventually(lambda: not replicas(site))
    return folder


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"keeper.json": "", "supervisor.json": "", "replicas.json": "", "memcached.json": ""},
        {"keeper.json": None, "supervisor.json": None, "replicas.json": None, "memcached.json": None},
        {"replicas.json": '{"boot": "b', "memcached.json": '{"port"', "keeper.json": "\0\0\0"},
        {"ticket": None, "delivery.lock": None, "../work": None},
        {"live.json": None},
    ],
    ids=["nothing", "emptied", "missing", "halved", "no-work", "no-live"],
)
def test_a_power_cut(site: Repository, damage: dict[str, str | None]) -> None:
    live = site.status["revision"]
    folder = cut_the_power(site)
    for name, text in damage.items():
        place = folder / name
        if text is not None:
            place.write_text(text)
        elif place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()
    started = site.machine.pushlive("start", "--site", site.name)
    assert started.returncode == 0, started.stderr
    assert eventually(lambda: len(replicas(site)) == 2)
    assert_in_order(site, live)
    _, new = changed(site, f"after a power cut: {damage}")
    assert push(site).returncode == 0
    assert_in_order(site, new)


def test_what_no_power_cut_damages_is_said_with_its_remedy(site: Repository) -> None:
    live = site.status["revision"]
    file = cut_the_power(site) / "live.json"
    file.write_text('{"release')
    told = site.machine.pushlive("start", "--site", site.name)
    assert told.returncode == 11
    assert f"rm {file}" in told.stderr
    file.unlink()
    assert site.machine.pushlive("start", "--site", site.name).returncode == 0
    assert_in_order(site, live)
