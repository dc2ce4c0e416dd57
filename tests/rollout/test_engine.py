"""A release from its image to the public address, and the next one after it."""

import json
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError, RolloutError, StateError
from pushlive.model.events import silent
from pushlive.model.home import Home
from pushlive.model.release import CacheSpec
from pushlive.rollout.local import files, launch, places
from pushlive.rollout.local.groups import Group
from pushlive.rollout.local.record import free_account, save
from pushlive.rollout.local.replicas import Surroundings, accepts
from pushlive.rollout.local.secrets import SecretStore
from pushlive.system import process
from pushlive.system.files import remove_tree
from pushlive.system.http import Address
from pushlive.system.process import Account
from tests.rollout.sites import PYTHON, Site, free_port, has_memcached, wait_for

root = pytest.mark.skipif(os.geteuid() != 0, reason="changes user, which only root may")


def test_a_committed_release_serves_at_the_public_address(site):
    site.deliver()

    assert site.ask()["release"] == "v1"
    assert site.engine.status().live == "v1"


def test_a_candidate_answers_privately_and_not_in_public_before_it_is_admitted(site):
    site.deliver()
    second = site.release()
    site.engine.prepare(second)

    with site.engine.candidate(second, silent) as candidate:
        assert {site.ask(one.address)["replica"] for one in candidate.replicas} == {"v2-1", "v2-2"}
        assert {site.ask()["release"] for _ in range(20)} == {"v1"}
        candidate.admit()
        wait_for(lambda: site.ask()["release"] == "v2")


def test_after_the_commit_no_earlier_release_accepts_a_connection(site):
    site.deliver()
    earlier = [one.address.socket for one in site.engine.status().replicas]

    site.deliver()

    assert {site.ask()["release"] for _ in range(20)} == {"v2"}
    assert not any(accepts(path) for path in earlier)


def test_a_request_that_is_being_answered_survives_the_switch(site):
    site.deliver()
    answers = []
    slow = threading.Thread(target=lambda: answers.append(site.ask(path="/sleep/1.5")["release"]))
    slow.start()
    time.sleep(0.3)

    site.deliver()
    slow.join()

    assert answers == ["v1"]


def test_no_request_is_dropped_over_many_switches(site, load):
    site.deliver()

    with load:
        for _ in range(6):
            site.deliver()

    assert load.failed == []
    assert {"v1", "v7"} <= set(load.answered)


def test_a_candidate_that_is_left_is_stopped_and_the_live_release_untouched(site):
    site.deliver()
    before = {one.pid for one in site.engine.status().replicas}
    second = site.release()
    site.engine.prepare(second)

    with site.engine.candidate(second, silent) as candidate:
        candidate.admit()
        left = [one.address.socket for one in candidate.replicas]

    assert not any(accepts(path) for path in left)
    assert {one.pid for one in site.engine.status().replicas} == before
    assert {site.ask()["release"] for _ in range(20)} == {"v1"}


def test_a_candidate_that_crashes_is_an_error_with_the_end_of_its_log(site):
    site.deliver()
    broken = site.release(behaviour={"crash": "no module named nothing"})
    site.engine.prepare(broken)

    with pytest.raises(RolloutError) as caught, site.engine.candidate(broken, silent):
        pass

    assert "ended with exit code 1 before it was ready" in caught.value.cause
    assert "RuntimeError: no module named nothing" in caught.value.evidence[-1]
    assert "Traceback" in caught.value.output
    assert site.ask()["release"] == "v1"


def test_a_log_of_an_earlier_life_is_no_evidence(site):
    broken = site.release(behaviour={"crash": "nothing works"})
    site.engine.prepare(broken)
    for _ in range(2):
        with pytest.raises(RolloutError) as caught, site.engine.candidate(broken, silent):
            pass

    assert caught.value.output.count("standin begins") == 1


def test_a_candidate_that_a_signal_ends_gets_a_second_chance(site):
    killed = site.release(behaviour={"signal": 9})
    site.engine.prepare(killed)

    with pytest.raises(RolloutError, match="was killed by SIGKILL") as caught, site.engine.candidate(killed, silent):
        pass

    log = site.home.logs / f"{caught.value.cause.split()[0]}.log"
    assert log.read_text().count("standin begins") == 2


def test_a_candidate_that_does_not_get_ready_in_time_is_an_error(site):
    late = site.release(behaviour={"loading": 60}, start_timeout=1.0)
    site.engine.prepare(late)

    with pytest.raises(RolloutError, match="did not take a connection within 1 s"), site.engine.candidate(late, silent):
        pass


def test_replicas_that_are_ready_in_the_moment_the_time_is_over_are_named(site):
    release = site.release()
    site.engine.prepare(release)
    spec = launch.read(places.launch_file(site.home, release.name))
    group = Group.of(spec, 1, Surroundings(site.home, (), dict, int, bool))
    for replica in group.replicas:
        replica.ready = True

    assert str(group._late()).startswith("v1-1, v1-2 did not take a connection within")


def test_a_candidate_that_dies_before_the_commit_is_not_committed(site):
    site.deliver()
    short = site.release(behaviour={"lives": 1.0})
    site.engine.prepare(short)

    with site.engine.candidate(short, silent) as candidate:
        time.sleep(1.8)
        assert "standin begins" in candidate.output()
        with pytest.raises(RolloutError, match="ended with exit code 7"):
            candidate.commit()

    assert site.engine.status().live == "v1"


def test_a_release_is_on_the_disk_before_it_is_live(site, monkeypatch):
    site.deliver()
    seen = []

    def slow(path):
        time.sleep(1.0)
        real(path)
        seen.append((path, places.read_state(places.live_file(site.home))["release"]))

    real = files.sync
    monkeypatch.setattr(files, "sync", slow)
    site.deliver()

    assert seen == [(site.home.path, "v1")]
    assert site.engine.live() == "v2"


def test_a_disk_that_fails_hinders_the_commit(site, monkeypatch):
    def fail(path):
        raise StateError(f"{path}: Input/output error")

    monkeypatch.setattr(files, "sync", fail)
    with pytest.raises(StateError, match="Input/output error"):
        site.deliver()

    assert site.engine.live() is None


def test_an_earlier_release_is_rolled_out_again_as_it_was(site):
    first = site.deliver()
    site.deliver()

    site.deliver(first)

    assert site.ask()["release"] == "v1"


def test_the_live_release_can_be_rolled_out_once_more(site):
    first = site.deliver()
    before = {one.pid for one in site.engine.status().replicas}

    site.deliver(first)

    assert not before & {one.pid for one in site.engine.status().replicas}
    assert site.ask()["release"] == "v1"


def test_a_command_runs_in_the_release_with_its_python_and_environment(site):
    release = site.release(env={"COLOUR": "green"})
    site.engine.prepare(release)
    lines = []
    script = "import os, sys, kept; print(os.environ['COLOUR'], os.getcwd(), sys.prefix)"

    code = site.engine.run(release, ["python", "-c", script], lines.append).code

    folder = places.release_folder(site.home, "v1")
    assert code == 0
    assert lines == [f"green {folder}/root/app {folder}/venv"]


def test_a_command_whose_deliverer_was_killed_is_waited_for(site, open_folder):
    release = site.release()
    site.engine.prepare(release)
    begun, ended = open_folder / "begun", open_folder / "ended"
    open_folder.chmod(0o777)
    script = f"import pathlib, time; pathlib.Path('{begun}').touch(); time.sleep(1); pathlib.Path('{ended}').touch()"
    program = "import pickle, sys; pickle.load(sys.stdin.buffer)(sys.argv[1:], print)"
    with subprocess.Popen([sys.executable, "-c", program, "python", "-c", script], stdin=subprocess.PIPE) as deliverer:
        pickle.dump(partial(site.engine.run, release), deliverer.stdin)
        deliverer.stdin.close()
        wait_for(begun.exists)
        deliverer.kill()

    assert not site.engine.outlast(0)
    assert site.engine.outlast(30)
    assert ended.exists()


def test_the_system_packages_do_not_leak_into_a_release(site):
    site.deliver()

    assert not [entry for entry in site.ask()["path"] if "dist-packages" in entry]


def test_values_of_secrets_reach_the_processes_and_no_file_of_the_release(site):
    version = SecretStore(site.home.secrets).set({"SECRET_KEY": "canary-4711"})
    site.deliver(secrets=("SECRET_KEY",), secrets_version=version)

    assert site.ask()["env"]["SECRET_KEY"] == "canary-4711"
    kept = [file for file in site.home.path.rglob("*") if file.is_file() and b"canary-4711" in file.read_bytes()]
    assert kept == [site.home.secrets / f"{version}.json"]


def test_a_secret_without_a_value_is_named_with_the_command_that_sets_it(site):
    release = site.release(secrets=("SECRET_KEY",))
    site.engine.prepare(release)

    with pytest.raises(StateError, match="pushlive env set SECRET_KEY"), site.engine.candidate(release, silent):
        pass


def test_paths_of_the_image_are_translated_but_not_in_what_the_user_set(site):
    site.deliver(env={"PUSHLIVE_MEDIA_ROOT": "/app/media", "FORCE_SCRIPT_NAME": "/app/"})

    env = site.ask()["env"]
    app = places.release_folder(site.home, "v1") / "root/app"
    assert env["PUSHLIVE_STATIC_ROOT"] == str(app / "static")
    assert env["PUSHLIVE_MEDIA_ROOT"] == str(app / "media")
    assert env["FORCE_SCRIPT_NAME"] == "/app/"


def test_a_port_that_is_taken_is_an_error_that_names_who_has_it(site):
    endpoint = site.record.endpoints[0]
    release = site.release()
    site.engine.prepare(release)
    with (
        socket.create_server((endpoint.host, endpoint.port)),
        pytest.raises(MachineError) as caught,
        site.engine.candidate(release, silent),
    ):
        pass

    assert f"port {endpoint.port} is taken by" in caught.value.cause
    assert f"(pid {os.getpid()})" in caught.value.cause


def test_stop_leaves_nothing_running_and_the_data_in_place(site):
    site.deliver(behaviour={"daemon": True}, cache=CacheSpec() if has_memcached() else None, data=("media/",))
    assert len(site.processes()) >= 4

    site.engine.stop()

    assert site.processes() == {}
    assert (site.home.data / "media").is_dir()
    assert site.engine.status().replicas == ()


@pytest.mark.parametrize("supervised", [True, False])
def test_what_is_stopped_to_be_forgotten_is_not_live_any_more(site, supervised):
    site.deliver()
    if not supervised:
        for state in (places.keeper_file(site.home), places.supervisor_file(site.home)):
            os.kill(places.read_state(state)["process"][0], signal.SIGKILL)

    site.engine.stop(forget=True)

    assert site.processes() == {}
    assert site.engine.live() is None
    assert not site.engine.status().stopped


def test_stop_of_a_site_that_does_not_run_is_fine(site):
    site.engine.stop()
    site.deliver()
    site.engine.stop()
    site.engine.stop()

    assert site.processes() == {}


def test_collect_removes_all_but_the_kept_and_the_live_release(site):
    _, second, _ = (site.deliver() for _ in range(3))

    site.engine.collect([second])

    assert sorted(path.name for path in site.home.releases.iterdir()) == ["v2", "v3"]
    assert len(list(site.home.layers.iterdir())) == 2
    assert not list(site.home.logs.glob("v1-*"))
    assert site.ask()["release"] == "v3"


def test_a_kept_release_that_lost_its_files_keeps_its_secrets(site):
    store = SecretStore(site.home.secrets)
    first = site.deliver(secrets=("KEY",), secrets_version=store.set({"KEY": "one"}))
    site.deliver(secrets=("KEY",), secrets_version=store.set({"KEY": "two"}))
    store.set({"KEY": "three"})
    remove_tree(site.home.releases / "v1")

    site.engine.collect([first])
    site.deliver(first)

    assert site.ask()["env"]["KEY"] == "one"


def test_logs_carry_the_name_of_the_replica(site):
    site.deliver()

    lines = list(site.engine.logs(follow=False, lines=5))

    assert lines == ["v1-1 | standin begins", "v1-2 | standin begins"]


@root
@pytest.mark.root
def test_a_site_runs_as_its_own_user_and_cannot_touch_what_is_not_its_own(site):
    version = SecretStore(site.home.secrets).set({"SECRET_KEY": "canary"})
    release = site.deliver(data=("media/",), secrets=("SECRET_KEY",), secrets_version=version)
    lines = []
    script = f"""
import os, pathlib
home = pathlib.Path({str(site.home.path)!r})
print(os.getuid(), os.getgid(), os.getgroups())
def attempt(what, action):
    try:
        action()
    except OSError as error:
        print(what, type(error).__name__)
    else:
        print(what, 'done')
attempt('write tree', lambda: pathlib.Path('manage.py').write_text('x'))
attempt('add to tree', lambda: pathlib.Path('new.py').write_text('x'))
attempt('write server', lambda: (home / 'releases/v1/root/opt/pushlive/server/run.py').write_text('x'))
attempt('secrets', lambda: list((home / 'secrets').iterdir()))
attempt('site.json', lambda: (home / 'site.json').read_text())
attempt('launch.json', lambda: (home / 'releases/v1/launch.json').read_text())
attempt('logs', lambda: list((home / 'log').iterdir()))
attempt('control', lambda: __import__('socket').socket(1).connect(str(home / 'run/control.sock')))
attempt('live.json', lambda: (home / 'run/live.json').unlink())
attempt('media', lambda: pathlib.Path('media/one.txt').write_text('x'))
attempt('home', lambda: pathlib.Path.home().joinpath('x').write_text('x'))
"""
    site.engine.run(release, ["python", "-c", script], lines.append)

    uid = site.record.account.uid
    assert site.ask()["uid"] == uid
    assert lines == [
        f"{uid} {uid} []",
        "write tree PermissionError",
        "add to tree PermissionError",
        "write server PermissionError",
        "secrets PermissionError",
        "site.json PermissionError",
        "launch.json PermissionError",
        "logs PermissionError",
        "control PermissionError",
        "live.json PermissionError",
        "media done",
        "home done",
    ]


@root
@pytest.mark.root
def test_no_other_user_comes_past_the_folder_of_a_site(site):
    site.deliver()
    script = f"""
import pathlib
home = pathlib.Path({str(site.home.path)!r})
for name in ("releases/v1/root/app/manage.py", "repo.git", "run/s"):
    try:
        print((home / name).stat().st_uid)
    except OSError as error:
        print(type(error).__name__)
"""
    stranger = process.run([PYTHON, "-c", script], account=Account(65534, site.record.account.gid + 1))

    assert stranger.output == "PermissionError\n" * 3
    assert stat.S_IMODE(site.home.path.stat().st_mode) == 0o710


@root
@pytest.mark.root
def test_a_closed_folder_above_the_state_is_an_error_with_its_remedy(site, open_folder):
    open_folder.chmod(0o700)

    with pytest.raises(MachineError, match="chmod o\\+x"):
        site.engine.prepare(site.release())


def test_status_and_launch_file_say_nothing_of_secrets(site):
    site.deliver()
    launch = json.loads(places.launch_file(site.home, "v1").read_text())

    assert "PUSHLIVE_PROBE_KEY" not in launch["env"]
    assert places.launch_file(site.home, "v1").stat().st_mode & 0o777 == 0o600
    assert str(PYTHON.resolve()) == str((site.home.releases / "v1/venv/bin/python").resolve())


def test_a_site_listens_on_every_address_it_is_given(site, open_folder):
    port = site.record.endpoints[0].port
    site.record = replace(site.record, listen=(f"127.0.0.1:{port}", f"[::1]:{port}"))
    save(site.home, site.record)

    site.deliver()
    site.deliver()

    assert site.ask(Address(host="127.0.0.1", port=port))["release"] == "v2"
    assert site.ask(Address(host="::1", port=port))["release"] == "v2"


def test_an_address_of_another_machine_is_refused_with_a_remedy(site):
    site.record = replace(site.record, listen=("192.0.2.1:8000",))
    save(site.home, site.record)
    release = site.release()
    site.engine.prepare(release)

    with pytest.raises(MachineError, match="nothing can listen on 192"), site.engine.candidate(release, silent):
        pass


def test_a_command_past_its_time_is_killed(site):
    release = site.release()
    site.engine.prepare(release)

    done = site.engine.run(release, ["sleep", "60"], lambda _: None, timeout=0.2)

    assert (done.code, done.limit) == (-signal.SIGKILL, 0.2)


def test_a_command_on_our_own_streams_gives_its_exit_code(site, capfd):
    release = site.release()
    site.engine.prepare(release)
    script = "import os; print('on our own', os.getuid()); raise SystemExit(3)"

    assert site.engine.attach(release, ["python", "-c", script]) == 3
    user = site.record.account.uid if site.record.account else os.getuid()
    assert capfd.readouterr().out == f"on our own {user}\n"


def test_replicas_may_open_more_files_than_a_login_shell(site):
    site.deliver()
    limits = Path(f"/proc/{site.engine.status().replicas[0].pid}/limits").read_text().splitlines()
    soft, hard = next(line for line in limits if line.startswith("Max open files")).split()[3:5]

    assert soft == str(min(65536, int(hard) if hard.isdecimal() else 65536))


def test_two_sites_on_one_machine_do_not_meet(site, open_folder):
    other = Site(
        Home(open_folder).site("other"),
        replace(
            site.record,
            name="other",
            listen=(f"127.0.0.1:{free_port()}",),
            account=free_account(Home(open_folder)) if os.geteuid() == 0 else None,
        ),
    )
    save(other.home, other.record)
    try:
        site.deliver()
        other.deliver()
        site.engine.stop()

        assert other.ask()["release"] == "v1"
        assert site.processes() == {}
    finally:
        other.engine.stop()
