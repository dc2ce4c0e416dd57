"""A replica that a fork server starts is what an executed one is, only sooner."""

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.runtime.replicas import Replica, gone, public_socket
from tests.runtime.sites import django
from tests.runtime.warmth import ForkServer

SUBREAPER = 36
TELL = """
import json, os, random, signal, sys, tempfile, time

def application(environ, start_response):
    flags = {number: open(f"/proc/self/fdinfo/{number}").read().split("flags:")[1].split()[0] for number in (0, 1, 2)}
    told = {
        "argv": sys.argv, "executable": sys.executable, "prefix": sys.prefix, "env": dict(os.environ),
        "path": [os.path.realpath(entry) for entry in sys.path], "cwd": os.getcwd(), "modules": "app" in sys.modules,
        "site": [name for name in ("settings", "proj") if name in sys.modules], "timezone": time.tzname,
        "interrupt": str(signal.getsignal(signal.SIGINT)), "pipe": str(signal.getsignal(signal.SIGPIPE)),
        "umask": os.umask(0o22), "flags": str(sys.flags), "std": [os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)],
        "tempdir": tempfile.gettempdir(), "whitenoise": "whitenoise" in sys.modules,
        "random": random.random(), "pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(os.getppid()),
    }
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""
DIFFERENT = {"random", "pid", "parent", "session"}


class Warm:
    """Replicas of a fork server, for one test."""

    def __init__(self, server: ForkServer, make) -> None:
        self.server = server
        self.make = make
        self.pids: list[int] = []

    def start(self, **settings) -> Replica:
        replica = self.make(**settings)
        answer = self.server.launch(replica)
        assert "pid" in answer, answer
        self.pids.append(answer["pid"])
        return replica

    def end(self, pid: int) -> int:
        self.pids.remove(pid)
        os.kill(pid, signal.SIGTERM)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture(scope="module", autouse=True)
def _subreaper():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(SUBREAPER, 1, 0, 0, 0) == 0
    yield
    assert libc.prctl(SUBREAPER, 0, 0, 0, 0) == 0


@pytest.fixture
def warm(layer, tmp_path, replica):
    sample = replica().environment()
    env = {name: sample[name] for name in ("PATH", "PYTHONDONTWRITEBYTECODE")}
    server = ForkServer(layer, tmp_path, sys.executable, env).start()
    made = Warm(server, replica)
    yield made
    for pid in list(made.pids):
        made.end(pid)
    server.close()


def told(replica: Replica) -> dict:
    while True:
        try:
            return json.loads(replica.get("/").text)
        except (ConnectionError, FileNotFoundError):
            continue


def test_a_forked_replica_cannot_tell_that_it_was_not_executed(warm, replica, site):
    (site / "app.py").write_text(TELL)
    env = {"TZ": "Asia/Tokyo", "ODD": "ü\n=", "EMPTY": ""}
    forked = told(warm.start(env=env))
    executed = told(replica(env=env).start().ready())
    assert {name for name in forked if forked[name] != executed[name]} <= DIFFERENT
    assert forked["random"] != executed["random"]


def test_it_leads_its_own_session_and_belongs_to_the_subreaper(warm, site):
    (site / "app.py").write_text(TELL)
    replica = warm.start()
    (pid,) = warm.pids
    told(replica)
    assert os.getsid(pid) == pid
    process = Path(f"/proc/{pid}")
    assert int((process / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
    shown = (process / "environ").read_bytes().split(b"\0")
    assert shown[0] == b"PUSHLIVE_SOCKET=" + os.fsencode(replica.socket)
    assert warm.end(pid) == 0


def test_two_replicas_draw_different_random_numbers(warm, site):
    (site / "app.py").write_text(TELL)
    one, two = told(warm.start(name="v1-1")), told(warm.start(name="v2-1"))
    assert one["random"] != two["random"]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_django_serves_through_the_gate_and_stops(warm, site, kind):
    django(site)
    with public_socket() as public:
        replica = warm.start(app=f"proj.{kind}:application", interface=kind, public=public)
        while True:
            try:
                assert replica.get("/").text == b"page of django"
                break
            except (ConnectionError, FileNotFoundError):
                continue
        replica.admit()
        with socket.create_connection(public.getsockname(), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
        assert warm.end(warm.pids[0]) == 0
        assert replica.refuses()


def test_a_site_that_cannot_be_imported_ends_in_3(warm, site):
    (site / "app.py").write_text("import a_package_that_is_missing")
    replica = warm.start()
    pid = warm.pids.pop()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    assert "No module named 'a_package_that_is_missing'" in replica.log.read_text()


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"LC_ALL": "C"}, "LC_ALL takes effect"),
        ({"PYTHONHASHSEED": "1", "LD_PRELOAD": "x.so"}, "LD_PRELOAD, PYTHONHASHSEED takes effect"),
        ({"PYTHONDONTWRITEBYTECODE": "2"}, "PYTHONDONTWRITEBYTECODE takes effect"),
    ],
)
def test_what_only_a_fresh_interpreter_honours_is_refused(warm, replica, env, reason):
    assert warm.server.launch(replica(env=env))["refused"].startswith(reason)


def test_other_interpreters_layers_and_packages_are_refused(warm, replica, tmp_path):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    python = tmp_path / "venv" / "bin" / "python"
    python.symlink_to(os.path.realpath(sys.executable))
    assert warm.server.launch(replica(python=str(python))) == {"refused": "other packages are asked for"}
    assert warm.server.launch(replica(python="/bin/true")) == {"refused": "another interpreter is asked for"}
    other = replica()
    other.layer = tmp_path
    assert warm.server.launch(other) == {"refused": "another server layer is asked for"}


def test_the_search_path_of_a_release_is_followed(warm, site, replica, tmp_path):
    (site / "app.py").write_text(TELL)
    (tmp_path / "src").mkdir()
    env = {"PYTHONPATH": str(tmp_path / "src")}
    assert told(warm.start(env=env))["path"] == told(replica(env=env).start().ready())["path"]


def test_a_site_with_a_module_of_a_name_that_is_imported_already_is_refused(warm, site, replica):
    (site / "locale").mkdir()
    assert "pid" in warm.server.launch(replica(), leave=False)
    (site / "calendar.py").touch()
    assert "calendar.py would not be imported" in warm.server.launch(replica())["refused"]


def test_a_process_whose_client_hangs_up_does_nothing(warm, site, replica):
    (site / "app.py").write_text(TELL)
    started = replica()
    pid = warm.server.launch(started, leave=False)["pid"]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not Path(started.socket).exists()
    assert started.log.read_text() == ""


@pytest.mark.parametrize("request_", [{}, [], {"argv": 1}, {"argv": [], "env": {}, "cwd": "/", "fds": []}])
def test_what_is_no_request_is_refused_and_the_server_lives(warm, request_):
    assert "refused" in warm.server.ask(request_)
    assert warm.server.ask({"report": True})["memory"] > 0


def test_it_ends_with_its_owner_and_what_it_started_lives_on(warm, site):
    (site / "app.py").write_text(TELL)
    replica = warm.start()
    told(replica)
    warm.server.close()
    assert warm.server.process.returncode == 0
    assert told(replica)["pid"]


def test_it_ends_on_sigterm(warm):
    warm.server.process.terminate()
    assert gone(warm.server.process.pid)
