"""Whoever is killed, the site serves, and the next command finds things in order."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError, PushliveError, RolloutError, SupersededError
from pushlive.model.events import silent
from pushlive.model.release import CacheSpec
from pushlive.rollout.local import client, places, sockets, strays
from pushlive.rollout.local.protocol import Op
from pushlive.rollout.local.record import save
from pushlive.rollout.local.replicas import accepts
from pushlive.system import proc
from pushlive.system.proc import Identity
from tests.rollout.sites import has_memcached, wait_for


def recorded(file):
    value = places.read_state(file)
    return Identity(*value["process"]) if value else None


def keeper(site):
    return recorded(places.keeper_file(site.home))


def supervisor(site):
    return recorded(places.supervisor_file(site.home))


def kill(*identities, number=signal.SIGKILL):
    for identity in identities:
        os.kill(identity.pid, number)
    assert proc.wait_all(identities, 10)


def answers_again(site, before):
    """A new supervisor took over, and it answers."""

    def answered():
        now = supervisor(site)
        return now and now != before and site.engine.status().supervisor == now.pid

    wait_for(answered)


def replica_pids(site):
    return {one.pid for one in site.engine.status().replicas}


def test_a_killed_supervisor_is_replaced_and_nobody_notices(site, load):
    site.deliver()
    replicas, before = replica_pids(site), supervisor(site)

    with load:
        kill(before)
        answers_again(site, before)

    assert load.failed == []
    assert replica_pids(site) == replicas


def test_the_supervisor_of_another_version_is_replaced_and_nobody_notices(site, load):
    site.deliver()
    replicas, before = replica_pids(site), supervisor(site)
    state = json.loads(places.supervisor_file(site.home).read_text())
    with load:
        places.write_state(places.supervisor_file(site.home), state | {"version": "0.0.0"})
        assert site.engine.status().live == "v1"

    assert load.failed == []
    assert supervisor(site) != before
    assert replica_pids(site) == replicas


def test_a_supervisor_that_is_told_to_end_leaves_the_replicas_alone(site, load):
    site.deliver()
    replicas, before = replica_pids(site), supervisor(site)

    with load:
        kill(before, number=signal.SIGTERM)
        answers_again(site, before)

    assert load.failed == []
    assert replica_pids(site) == replicas


def test_a_killed_keeper_is_replaced_and_the_new_one_keeps_the_supervisor(site, load):
    site.deliver()
    first, replicas = keeper(site), replica_pids(site)

    with load:
        kill(first)
        wait_for(lambda: keeper(site) != first and proc.alive(keeper(site)))
        before = supervisor(site)
        kill(before)
        answers_again(site, before)
        site.deliver()

    assert load.failed == []
    assert replica_pids(site).isdisjoint(replicas)
    assert site.ask()["release"] == "v2"


def test_a_keeper_that_was_only_just_replaced_is_stopped_with_all_else(site):
    site.deliver()
    first = keeper(site)
    kill(first)
    wait_for(lambda: keeper(site) != first and proc.alive(keeper(site)))

    site.engine.stop()

    assert site.processes() == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[0:0::1]"])
def test_killing_keeper_and_supervisor_costs_no_request_when_the_next_command_comes(site, load, host):
    site.record = replace(site.record, listen=(f"{host}:{site.record.endpoints[0].port}",))
    save(site.home, site.record)
    site.deliver()
    replicas = replica_pids(site)

    with load:
        kill(keeper(site), supervisor(site))
        site.deliver()

    assert load.failed == []
    assert set(load.answered) == {"v1", "v2"}
    assert replica_pids(site).isdisjoint(replicas)
    assert "is taken over from process" in places.supervisor_log(site.home).read_text()


def test_where_the_socket_cannot_be_taken_over_the_old_replicas_are_stopped_with_a_warning(site, monkeypatch, capsys):
    site.deliver(cache=CacheSpec() if has_memcached() else None)
    replicas = strays.recorded(site.home).identities
    others = [one for one in strays.everything(site.home) if one not in (*replicas, keeper(site), supervisor(site))]
    kill(keeper(site), supervisor(site))
    monkeypatch.setattr(sockets, "take_over", lambda *_: None)

    for listener in sockets.open_all(site.home, site.record.endpoints):
        listener.close()

    assert "requests may fail" in capsys.readouterr().err
    assert proc.wait_all(replicas, 10)
    assert len(others) == has_memcached()
    assert all(map(proc.alive, others))


def test_a_site_comes_back_by_itself_after_a_reboot(site):
    site.deliver()
    kill(keeper(site), supervisor(site), *strays.recorded(site.home).identities)
    state = json.loads(places.replicas_file(site.home).read_text())
    places.write_state(places.replicas_file(site.home), state | {"boot": "another"})

    with client.reach(site.home) as link:
        wait_for(lambda: all(one["ready"] for one in link.ask(Op.STATUS)["replicas"]))

    assert site.ask()["release"] == "v1"


def test_a_site_that_was_stopped_stays_so_when_its_supervisor_starts(site):
    site.deliver()
    site.engine.stop()

    with client.reach(site.home) as link:
        found = link.ask(Op.STATUS)

    assert found["replicas"] == []
    assert site.engine.status().live == "v1"


def test_a_killed_replica_is_started_again_and_takes_public_traffic(site):
    site.deliver()
    victim = site.engine.status().replicas[0]

    os.kill(victim.pid, signal.SIGKILL)

    def is_back():
        found = {one.name: one for one in site.engine.status().replicas}[victim.name]
        return found.ready and found.pid != victim.pid and found.restarts == 1

    wait_for(is_back)
    wait_for(lambda: site.ask()["replica"] == victim.name)


def test_a_replica_that_dies_while_no_supervisor_runs_is_started_again(site):
    site.deliver()
    before = supervisor(site)
    victim = site.engine.status().replicas[0]
    os.kill(keeper(site).pid, signal.SIGSTOP)
    kill(before)
    os.kill(victim.pid, signal.SIGKILL)
    os.kill(keeper(site).pid, signal.SIGCONT)

    answers_again(site, before)

    wait_for(lambda: len([one for one in site.engine.status().replicas if one.ready]) == 2)


def test_a_replica_that_always_dies_is_started_less_and_less_often(site):
    site.deliver(behaviour={"lives": 0.2})
    wait_for(lambda: site.engine.status().replicas[0].restarts >= 3)

    log = places.supervisor_log(site.home).read_text()

    assert "it is started again in 0.1 s" in log
    assert "it is started again in 0.4 s" in log


DELIVERER = """
import sys, time
sys.path.insert(0, {path!r})
from pushlive.model.events import silent
from pushlive.model.release import Release
from pushlive.model.release import CacheSpec
from pushlive.rollout.local import client, launch, places
from pushlive.rollout.local.candidate import LocalCandidate
from pushlive.model.home import SiteHome
from pathlib import Path
home = SiteHome(Path({home!r}))
spec = launch.read(places.launch_file(home, {release!r}))
link = client.reach(home)
if {step!r} == "start":
    link._link.sendall(b'{{"op": "candidate", "release": "{release}"}}\\n')
else:
    candidate = LocalCandidate.start(home, link, spec, report=silent, before_commit=lambda: None)
if {step!r} in ("admit", "commit"):
    candidate.admit()
if {step!r} == "commit":
    link._link.sendall(b'{{"op": "commit"}}\\n')
print("there", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("step", ["start", "candidate", "admit"])
def test_a_deliverer_killed_before_the_commit_leaves_the_old_release_alone(site, load, step):
    site.deliver()
    second = site.release(behaviour={"delay": 0.5} if step == "start" else {})
    site.engine.prepare(second)
    with load:
        _deliverer_killed(site, "v2", step)
        wait_for(lambda: _only(site, "v1"))

    assert load.failed == []
    assert {site.ask()["release"] for _ in range(20)} == {"v1"}
    assert places.read_state(places.live_file(site.home))["release"] == "v1"
    site.deliver()
    assert site.ask()["release"] == "v3"


def test_a_deliverer_killed_in_the_commit_has_committed(site, load):
    site.deliver()
    site.engine.prepare(site.release())
    with load:
        _deliverer_killed(site, "v2", "commit")
        wait_for(lambda: _only(site, "v2"))

    assert load.failed == []
    assert {site.ask()["release"] for _ in range(20)} == {"v2"}
    assert site.engine.status().live == "v2"


def _deliverer_killed(site, release, step):
    text = DELIVERER.format(
        path=str(Path(places.__file__).parents[3]), home=str(site.home.path), release=release, step=step
    )
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as deliverer:
        assert deliverer.stdout.readline() == "there\n"
        deliverer.kill()


def _only(site, release):
    """Of all replicas ever started, only those of one release still run."""
    with client.reach(site.home) as link:
        found = link.ask(Op.STATUS)
    pids = {one["pid"] for one in found["replicas"]}
    return (
        not found["retiring"]
        and {one["release"] for one in found["replicas"]} == {release}
        and {one.pid for one in strays.recorded(site.home).identities} == pids
    )


@pytest.mark.parametrize("admitted", [False, True])
def test_a_supervisor_killed_over_a_candidate_undoes_the_delivery(site, load, admitted):
    site.deliver()
    second = site.release()
    site.engine.prepare(second)

    with load:
        with site.engine.candidate(second, silent) as candidate:
            if admitted:
                candidate.admit()
            kill(supervisor(site))
            with pytest.raises(RolloutError, match="still serves"):
                candidate.commit()
        wait_for(lambda: _only(site, "v1"))

    assert load.failed == []
    assert not any(accepts(one.address.socket) for one in candidate.replicas)


def test_a_supervisor_killed_after_the_commit_was_written_finishes_it(site, load):
    site.deliver(behaviour={"lingers": 2})
    second = site.release()
    site.engine.prepare(second)
    live = places.live_file(site.home)
    with load, site.engine.candidate(second, silent) as candidate:
        candidate.admit()
        script = (
            f"import json, os, time\n"
            f"while json.load(open({str(live)!r}))['release'] != 'v2': time.sleep(0.002)\n"
            f"os.kill({supervisor(site).pid}, 9)"
        )
        assassin = subprocess.Popen([sys.executable, "-c", script])
        candidate.commit()
        assert assassin.wait() == 0
        assert {site.ask()["release"] for _ in range(20)} == {"v2"}

    assert load.failed == []
    wait_for(lambda: _only(site, "v2"))


def test_a_stopped_old_replica_does_not_hold_up_the_switch(site):
    site.deliver()
    for one in site.engine.status().replicas:
        os.kill(one.pid, signal.SIGSTOP)

    site.deliver()

    assert {site.ask()["release"] for _ in range(10)} == {"v2"}


def test_an_old_replica_that_will_not_end_is_killed_by_the_stop_timeout(site):
    site.deliver(behaviour={"stubborn": True}, env={"PUSHLIVE_STOP_TIMEOUT": "1"})
    old = site.engine.status().replicas

    site.deliver()

    assert not any(accepts(one.address.socket) for one in old)
    assert {site.ask()["release"] for _ in range(10)} == {"v2"}


def test_a_deliverer_that_slept_through_a_newer_delivery_cannot_commit(site):
    site.deliver()
    second = site.release()
    site.engine.prepare(second)

    with site.engine.candidate(second, silent) as sleeper:
        site.deliver()
        with pytest.raises(SupersededError):
            sleeper.commit()

    assert site.ask()["release"] == "v3"


def test_a_replica_that_no_record_names_is_ended_by_the_next_supervisor(site):
    site.deliver()
    before = supervisor(site)
    with subprocess.Popen(
        ["sleep", "60"], env={"PUSHLIVE_SOCKET": f"{places.sockets(site.home)}/999.sock"}, start_new_session=True
    ) as stray:
        kill(before)
        answers_again(site, before)
        assert stray.wait(10) == -signal.SIGTERM

    assert site.ask()["release"] == "v1"


def test_what_runs_without_keeper_and_supervisor_is_stopped_too(site):
    site.deliver()
    kill(keeper(site), supervisor(site))

    site.engine.stop()

    assert site.processes() == {}
    assert places.read_state(places.live_file(site.home))["stopped"]


def test_nobody_waits_for_a_supervisor_that_a_keeper_no_longer_starts(site):
    site.deliver()
    last = keeper(site)
    os.kill(last.pid, signal.SIGSTOP)
    kill(supervisor(site))
    threading.Timer(0.3, kill, [last]).start()

    assert client.running(site.home) is None
    assert not proc.alive(last), "it was waited for as long as it was there"


def test_orphans_of_the_site_are_not_left_as_zombies(site):
    site.deliver(behaviour={"orphan": 0.3})
    wait_for(lambda: "orphan made" in (site.home.logs / "v1-1.log").read_text())

    def zombies():
        mine = (proc.stat(int(one.name)) for one in Path("/proc").iterdir() if one.name.isdigit())
        return [one for one in mine if one and one.state == "Z" and one.parent == supervisor(site).pid]

    time.sleep(0.6)
    wait_for(lambda: not zombies())


def test_a_supervisor_that_is_stopped_is_named_and_not_waited_for(site, monkeypatch):
    site.deliver()
    monkeypatch.setattr(client, "ANSWER_PATIENCE", 0.3)
    pid = supervisor(site).pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(PushliveError, match="does not answer"):
            site.engine.status()
        assert site.ask()["release"] == "v1"
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """Another installation of pushlive, which is the one we run from now on; its interpreter can be taken away."""
    folder = tmp_path / "other"
    (folder / "bin").mkdir(parents=True)
    real = Path(sys.executable)
    (folder / "pyvenv.cfg").write_text((real.parents[1] / "pyvenv.cfg").read_text())
    (folder / "lib").symlink_to(real.parents[1] / "lib")
    (folder / "bin/python").symlink_to(real.resolve())
    monkeypatch.setattr(sys, "executable", str(folder / "bin/python"))
    return folder / "bin/python"


def test_after_an_upgrade_in_another_place_the_supervisor_is_the_new_ones(site, load, request):
    site.deliver()
    first, replicas = keeper(site), replica_pids(site)
    installation = request.getfixturevalue("installation")
    state = json.loads(places.supervisor_file(site.home).read_text())
    with load:
        places.write_state(places.supervisor_file(site.home), state | {"version": "0.0.0"})
        assert _python(site.engine.status().supervisor) == str(installation)
        assert site.engine.status().supervisor == supervisor(site).pid
        assert keeper(site) == first

        installation.unlink()
        before = supervisor(site)
        kill(before)
        answers_again(site, before)

    assert load.failed == []
    assert replica_pids(site) == replicas
    assert _python(supervisor(site).pid) == _python(first.pid)


def _python(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


def test_a_keeper_that_can_start_no_supervisor_goes_on_until_it_can(site, installation):
    site.deliver()
    before, first = supervisor(site), keeper(site)
    aside = installation.rename(installation.with_name("aside"))
    kill(before)
    wait_for(lambda: "no supervisor can be started" in places.supervisor_log(site.home).read_text())

    aside.rename(installation)

    answers_again(site, before)
    assert keeper(site) == first
    assert site.ask()["release"] == "v1"


def test_a_supervisor_that_can_start_no_keeper_goes_on_until_it_can(site, installation):
    site.deliver()
    before, first = supervisor(site), keeper(site)
    aside = installation.rename(installation.with_name("aside"))
    kill(first)
    wait_for(lambda: "no keeper can be started" in places.supervisor_log(site.home).read_text())

    aside.rename(installation)

    wait_for(lambda: keeper(site) != first and proc.alive(keeper(site)))
    assert supervisor(site) == before
    site.deliver()


def test_a_candidate_whose_supervisor_does_not_answer_is_told_so_and_ends_once_it_can(site, monkeypatch):
    site.deliver()
    second = site.release()
    site.engine.prepare(second)
    pid = supervisor(site).pid
    with site.engine.candidate(second, silent) as candidate:
        monkeypatch.setattr(client, "ANSWER_PATIENCE", 0.3)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(RolloutError, match="does not answer"):
            candidate.admit()
    os.kill(pid, signal.SIGCONT)

    wait_for(lambda: not any(accepts(one.address.socket) for one in candidate.replicas))
    assert candidate.output() == ""
    assert {site.ask()["release"] for _ in range(10)} == {"v1"}


def test_the_private_socket_of_a_killed_replica_is_removed(site):
    site.deliver(replicas=1)
    victim = site.engine.status().replicas[0]
    os.kill(victim.pid, signal.SIGKILL)
    wait_for(lambda: site.engine.status().replicas[0].restarts == 1 and site.engine.status().replicas[0].ready)

    assert list(places.sockets(site.home).iterdir()) == [site.engine.status().replicas[0].address.socket]


def test_a_replica_that_a_signal_without_a_name_ends_comes_back(site):
    site.deliver(replicas=1)
    os.kill(site.engine.status().replicas[0].pid, 35)

    wait_for(lambda: site.engine.status().replicas[0].restarts == 1 and site.engine.status().replicas[0].ready)
    assert "v1-1 was killed by signal 35" in places.supervisor_log(site.home).read_text()


def test_keeper_and_supervisor_take_at_most_forty_mebibytes(site):
    site.deliver()

    used = [proc.stat(identity.pid).memory for identity in (keeper(site), supervisor(site))]

    assert sum(used) <= 40 * 1024 * 1024


def test_a_replica_that_cannot_be_started_for_now_is_tried_again(site):
    site.deliver(replicas=1)
    victim, log = site.engine.status().replicas[0], site.home.logs / "v1-1.log"
    log.unlink()
    log.mkdir()
    os.kill(victim.pid, signal.SIGKILL)
    wait_for(lambda: "v1-1 cannot be started" in places.supervisor_log(site.home).read_text())

    log.rmdir()

    wait_for(lambda: site.engine.status().replicas[0].ready)
    assert site.ask()["release"] == "v1"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, which only root may")
def test_a_full_disk_is_named_and_the_live_release_serves_on(site, open_folder):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", open_folder], check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        save(site.home, site.record)
        site.deliver()
        second = site.release()
        site.engine.prepare(second)
        filler = open_folder / "filler"

        with site.engine.candidate(second, silent) as candidate:
            candidate.admit()
            _fill(filler)
            with pytest.raises(MachineError, match="no space left"):
                candidate.commit()
        assert {site.ask()["release"] for _ in range(10)} == {"v1"}
        with pytest.raises(MachineError, match="no space left"):
            site.engine.prepare(site.release(files={"large": "x" * 100_000}))

        filler.unlink()
        site.deliver()
        assert site.ask()["release"] == "v4"
    finally:
        site.engine.stop()
        subprocess.run(["umount", "-l", open_folder], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system, which only root may")
def test_on_a_full_disk_whoever_dies_comes_back(site, open_folder):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", open_folder], check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        save(site.home, site.record)
        site.deliver(replicas=1)
        _fill(open_folder / "filler")
        _fill(places.supervisor_log(site.home), by=1)
        before = site.engine.status()

        kill(keeper(site))
        os.kill(before.replicas[0].pid, signal.SIGKILL)
        wait_for(lambda: (one := site.engine.status().replicas[0]).ready and one.restarts == 1)
        wait_for(lambda: _runs(site, "keeper"))
        os.kill(before.supervisor, signal.SIGKILL)
        wait_for(lambda: _runs(site, "supervisor") - {before.supervisor})

        assert site.ask()["release"] == "v1"
        (open_folder / "filler").unlink()
    finally:
        for pid in _runs(site, "keeper") | _runs(site, "supervisor"):
            os.kill(pid, signal.SIGKILL)
        site.engine.stop()
        subprocess.run(["umount", "-l", open_folder], check=True)


def _runs(site, what):
    """The processes that run a module for this site."""
    mark = f"pushlive.rollout.local.{what}\0{site.home.path}\0".encode()
    return {pid for pid, _ in proc.everyone() if mark in Path(f"/proc/{pid}/cmdline").read_bytes()}


def _fill(file, by=4096):
    with suppress(OSError), file.open("ab", buffering=0) as writer:
        while True:
            writer.write(bytes(by))
