"""Replicas start from a fork server when there is one, and nobody can tell but by the time it takes."""

import json
import os
import signal
import socket
import tempfile
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from pushlive.model.errors import RolloutError
from pushlive.model.events import silent
from pushlive.rollout.local import forks, launch, places
from pushlive.rollout.local.secrets import SecretStore
from pushlive.system import proc
from pushlive.system.proc import Identity
from pushlive_runtime import warm_child
from tests.rollout.sites import SERVER, Site, wait_for

RUNTIME = Path(warm_child.__file__).parent
SERVE = "\n\ndef serve(env, *, layer):\n    main()\n    return 0\n"


def runtime():
    """The real runtime, but for what it serves with: the stand-in."""
    files = {f"opt/pushlive/server/pushlive_runtime/{file.name}": file.read_text() for file in RUNTIME.glob("*.py")}
    files["opt/pushlive/server/pushlive_runtime/serve.py"] = SERVER.read_text() + SERVE
    return files | {"opt/pushlive/server/run.py": (RUNTIME / "run.py").read_text()}


def release(site: Site, *, packages: str = "", **made):
    """A release whose server layer is the runtime."""
    plain = site.release(warm=True, **made)
    below = site.tree.add("packages", {"opt/pushlive/packages/kept.py": f"VALUE = 1\n{packages}"})
    layers = (below, site.tree.add("server", runtime()), plain.image.layers[-1])
    return replace(plain, image=replace(plain.image, layers=layers))


def listens(site):
    with socket.socket(socket.AF_UNIX) as client:
        return not client.connect_ex(str(places.warm_socket(site.home)))


def fork_server(site):
    """The fork server once it is warm."""
    return wait_for(lambda: listens(site) and recorded(site))


def recorded(site):
    value = places.read_state(places.warm_file(site.home))
    found = Identity(*value["process"]) if value else None
    return found if found and proc.alive(found) else None


def is_forked(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0warm\0")
    except FileNotFoundError:
        return False


def forked(site):
    return [is_forked(one.pid) for one in site.engine.status().replicas]


def test_once_it_is_warm_replicas_are_forked_and_serve_as_executed_ones_do(site, load):
    site.deliver(release(site))
    assert forked(site) == [False, False]
    executed = site.ask()
    fork_server(site)

    with load:
        site.deliver(release(site))

    assert forked(site) == [True, True]
    assert load.failed == []
    answer = site.ask()
    assert (answer["release"], answer["uid"], answer["groups"]) == ("v2", executed["uid"], [])
    assert answer["cwd"] == executed["cwd"].replace("/v1/", "/v2/")
    differ = {name for name in answer["env"] if answer["env"][name] != executed["env"].get(name)}
    told = {"PUSHLIVE_RELEASE", "PUSHLIVE_REVISION", "PUSHLIVE_REPLICA", "PUSHLIVE_SOCKET", "PUSHLIVE_GATE_FD"}
    assert differ <= told | {"PATH", "PUSHLIVE_STATIC_ROOT"}
    parents = {proc.stat(one.pid).parent for one in site.engine.status().replicas}
    assert parents == {site.engine.status().supervisor}


def test_a_killed_one_comes_back_and_meanwhile_replicas_are_executed(site):
    site.deliver(release(site))
    first = fork_server(site)
    os.kill(first.pid, signal.SIGKILL)
    assert proc.wait_all([first], 10)
    site.deliver(release(site))

    assert site.ask()["release"] == "v2"
    assert fork_server(site) != first
    site.deliver(release(site))
    assert forked(site) == [True, True]


def test_one_that_does_not_answer_is_done_away_with(site):
    site.deliver(release(site))
    first = fork_server(site)
    os.kill(first.pid, signal.SIGSTOP)
    site.deliver(release(site))

    assert forked(site) == [False, False]
    assert proc.wait_all([first], 10)
    assert fork_server(site) != first


def test_a_new_supervisor_adopts_what_was_forked_and_has_a_fork_server_of_its_own(site, load):
    site.deliver(release(site))
    fork_server(site)
    site.deliver(release(site))
    server, before = fork_server(site), site.engine.status()

    with load:
        os.kill(before.supervisor, signal.SIGKILL)
        after = wait_for(lambda: (now := site.engine.status()).supervisor != before.supervisor and now)

    assert load.failed == []
    assert {one.pid for one in after.replicas} == {one.pid for one in before.replicas}
    assert proc.wait_all([server], 10)
    assert fork_server(site) != server


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGSTOP])
def test_stop_leaves_nothing_of_it(site, number):
    site.deliver(release(site))
    fork_server(site)
    site.deliver(release(site))
    server = fork_server(site)
    os.kill(server.pid, number)
    site.engine.stop()

    assert not proc.alive(server)
    assert site.processes() == {}


def test_one_that_stands_still_is_stopped_even_when_there_is_no_supervisor(site):
    site.deliver(release(site))
    server = fork_server(site)
    os.kill(server.pid, signal.SIGSTOP)
    keeper = places.read_state(places.keeper_file(site.home))["process"][0]
    for pid in (keeper, site.engine.status().supervisor):
        os.kill(pid, signal.SIGKILL)
    site.engine.stop()

    assert site.processes() == {}


def test_what_takes_effect_at_the_start_of_a_program_is_the_fork_servers_too(site):
    env = {"PUSHLIVE_STOP_TIMEOUT": "5", "PYTHONHASHSEED": "1"}
    site.deliver(release(site, env=env))
    fork_server(site)
    site.deliver(release(site, env=env))
    assert forked(site) == [True, True]

    site.deliver(release(site))
    assert forked(site) == [False, False]
    assert "PYTHONHASHSEED takes effect at the start" in places.supervisor_log(site.home).read_text()


def test_other_packages_have_another_one_and_the_earlier_folder_goes(site):
    site.deliver(release(site))
    first = fork_server(site)
    second = site.deliver(release(site, packages="OTHER = 1\n"))
    assert forked(site) == [False, False]
    assert wait_for(lambda: (now := recorded(site)) and now != first)
    assert proc.wait_all([first], 10)

    assert len(list(places.warm(site.home).iterdir())) == 2
    site.engine.collect([second])
    assert len(list(places.warm(site.home).iterdir())) == 1


def test_it_gets_neither_secrets_nor_paths_of_the_release(site):
    site.deliver(release(site))
    server = fork_server(site)
    shown = Path(f"/proc/{server.pid}/environ").read_bytes()
    assert b"releases" not in shown
    assert b"PROBE_KEY" not in shown


def test_a_failure_counts_once_an_executed_replica_has_failed_too(site):
    site.deliver(release(site))
    fork_server(site)
    broken = release(site, behaviour={"crash": "on purpose"})
    site.engine.prepare(broken)
    with pytest.raises(RolloutError) as caught, site.engine.candidate(broken, silent):
        pass

    assert "run.py" in caught.value.output
    lives = [log.read_text().count("RuntimeError: on purpose") for log in site.home.logs.glob("v2-*.log")]
    assert max(lives) == 2
    assert site.ask()["release"] == "v1"


def test_a_site_may_do_without(site):
    site.deliver(site.release(warm=False))
    site.deliver(site.release(warm=False))
    assert site.engine.status().warm == 0
    assert not places.warm(site.home).exists()


@pytest.mark.parametrize(
    ("behaviour", "timeout", "code"), [({"crash": "on purpose"}, 20, None), ({"delay": 60}, 0.3, -9)]
)
def test_code_is_run_to_its_end_there_and_killed_past_its_time(site, open_folder, behaviour, timeout, code):
    made = release(site)
    site.deliver(made)
    fork_server(site)
    place = site.engine.warm(Path(made.python), made.image.layers[:-1])
    (open_folder / "behaviour.json").write_text(json.dumps(behaviour))
    env = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
        streams = {"stdin": given, "output": printed, "account": site.record.account}
        argv = [place.python, place.server / "run.py", "serve"]
        assert place.attend(argv, cwd=open_folder, env=env, timeout=timeout, **streams) == code
        printed.seek(0)
        text = printed.read().decode()
    assert text.startswith("standin begins")
    assert ("on purpose" in text) == (code is None)
    assert wait_for(lambda: [pid for pid in site.processes() if is_forked(pid)] == [fork_server(site).pid])


def test_there_is_no_such_place_for_another_interpreter_or_without_a_fork_server(site):
    made = release(site)
    site.deliver(made)
    assert site.engine.warm(Path(made.python), made.image.layers[:-1]) is None
    fork_server(site)
    assert site.engine.warm(Path("/usr/bin/python3.0"), made.image.layers[:-1]) is None
    assert site.engine.warm(Path(made.python), made.image.layers[:1]) is None


def test_the_names_that_take_effect_at_a_start_are_the_runtimes():
    assert (launch.START_ONLY, launch.START_NAMES) == (warm_child.START_ONLY, warm_child.START_NAMES)


def test_a_secret_whose_name_looks_like_a_setting_of_a_start_is_not_given_to_the_fork_server(site):
    secrets = {"LANGFUSE_SECRET_KEY": "canary-1", "LD_SDK_KEY": "canary-2"}
    version = SecretStore(site.home.secrets).set(secrets)
    site.deliver(release(site, secrets=tuple(secrets), secrets_version=version))

    shown = Path(f"/proc/{fork_server(site).pid}/environ").read_bytes()

    assert b"LANG=C.UTF-8" in shown
    assert b"canary" not in shown


@pytest.mark.parametrize("answer", [b'{"pid": 1}\n', b'{"pid": "x"}\n', b"[]\n", b"\xff\n", b"", b'{"pid"'])
def test_an_answer_that_cannot_be_true_is_not_believed(tmp_path, answer):
    place = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        liar = threading.Thread(target=_answer, args=(listener, answer))
        liar.start()
        with pytest.raises(forks.BrokenServerError):
            forks.fork(
                place, ["python"], env={}, cwd="/", streams=(0, 1, 2), fds=[], accept=lambda pid: pid == os.getpid()
            )
        liar.join()


def _answer(listener, answer):
    with listener.accept()[0] as client:
        client.recv(65536)
        client.sendall(answer)
