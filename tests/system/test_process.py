import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError
from pushlive.system import proc, process
from pushlive.system.process import Account

NOBODY = Account(65534, 65534)
STRAY = "import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True)"
"""Leaves a process behind, in a session of its own, that holds the standard streams open."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change user")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def strays():
    """Process ids that a test leaves to us to end."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_both_streams_and_the_code_are_told_apart():
    done = process.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (done.code, done.ok, done.output, done.errors) == (3, False, "out\n", "err\n")
    assert done.argv[0] == sys.executable


def test_standard_input_is_given_and_the_environment_is_whole():
    code = "import os, sys; print(sys.stdin.read(), sorted(set(os.environ) - {'LC_CTYPE'}))"
    assert process.run(python(code), stdin=b"hello", env={"A": "1"}).output == "hello ['A']\n"


def test_arguments_reach_the_program_as_they_are():
    words = ("a b", "$HOME", "`id`", ";", "", "ü")
    done = process.run((*python("import sys; print(sys.argv[1:])"), *words))
    assert done.output == f"{list(words)}\n"


def test_a_program_past_its_time_is_killed_with_what_it_started(tmp_path):
    mark = f"open('{tmp_path}/%d' % os.getpid(), 'w')"
    code = f"import os, time; os.fork(); {mark}; os.write(1, b'up\\n'); time.sleep(600)"
    done = process.run(python(code), timeout=1.5)
    assert (done.code, done.output) == (-9, "up\nup\n")
    assert all(gone(int(path.name)) for path in tmp_path.iterdir())


def test_what_a_killed_program_left_behind_is_not_waited_for(strays):
    done = process.run(python(f"{STRAY}; import time; time.sleep(600)"), timeout=1.5)
    strays.append(int(done.output))
    assert done.code == -9


def test_lines_of_both_streams_come_in_their_order():
    seen: list[str] = []
    both = "print(n, flush=True); print('e%d' % n, file=sys.stderr, flush=True)"
    code = f"import sys\nfor n in range(3):\n {both}\nsys.exit(2)"
    done = process.stream(python(code), seen.append)
    assert seen == ["0", "e0", "1", "e1", "2", "e2"]
    assert (done.code, done.output) == (2, "\n".join(seen))


def test_the_last_line_needs_no_line_end_and_others_may_end_as_on_windows():
    seen: list[str] = []
    process.stream(python(r"import sys; sys.stdout.buffer.write(b'a\r\n\xff\nlast')"), seen.append)
    assert seen == ["a", "\ufffd", "last"]


def test_a_line_longer_than_a_pipe_comes_whole():
    seen: list[str] = []
    process.stream(python("print('x' * 300_000); print('y')"), seen.append)
    assert [len(line) for line in seen] == [300_000, 1]


def test_a_line_comes_while_the_program_still_runs():
    came = threading.Event()
    code = "import os, time; os.write(1, b'up\\n'); time.sleep(600)"

    def stop(line: str) -> None:
        came.set()
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt, match="up"):
        process.stream(python(code), stop)
    assert came.is_set()


def test_a_stream_ends_with_its_program_and_not_with_what_that_left_running(strays):
    done = process.stream(python(STRAY), lambda _line: None)
    strays.append(int(done.output))
    assert done.ok


def test_a_stream_past_its_time_is_killed():
    done = process.stream(
        python("import os, time; os.write(1, b'up\\n'); time.sleep(600)"), lambda _line: None, timeout=1.5
    )
    assert (done.code, done.output) == (-9, "up")


def test_code_that_is_not_trusted_is_ended_with_its_group(tmp_path):
    code = f"import os, time\nif os.fork():\n  os._exit(5)\nopen('{tmp_path}/%d' % os.getpid(), 'w'); time.sleep(600)"
    with (tmp_path / "out").open("w+b") as output, Path(os.devnull).open("rb") as nothing:
        assert process.attend(python(code), stdin=nothing, output=output) == 5
    assert all(gone(int(path.name)) for path in tmp_path.iterdir() if path.name.isdecimal())


def test_code_that_is_not_trusted_has_a_limit(tmp_path):
    with (tmp_path / "out").open("w+b") as output, Path(os.devnull).open("rb") as nothing:
        assert process.attend(python("import time; time.sleep(600)"), stdin=nothing, output=output, timeout=0.5) == -9


@needs_root
@pytest.mark.root
def test_an_account_has_its_own_ids_and_no_group_of_ours():
    code = "import os; print(os.getresuid(), os.getresgid(), os.getgroups())"
    done = process.run(("/usr/bin/python3", "-I", "-c", code), account=NOBODY)
    assert done.output == "(65534, 65534, 65534) (65534, 65534, 65534) []\n"


@pytest.mark.parametrize("start", [process.run, lambda argv: process.stream(argv, print)])
def test_a_program_that_is_not_there_is_named_with_the_way_to_it(start):
    with pytest.raises(MachineError) as caught:
        start(("no-such-program", "x"))
    assert caught.value.cause == "no-such-program is not installed, or not on the PATH"
    assert caught.value.remedy == "Install no-such-program."


def test_a_file_that_is_no_program_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(MachineError, match="cannot be started: Permission denied"):
        process.run((tmp_path / "data",))


def test_only_what_reaches_the_network_is_passed_on(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/certs.pem")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    passed = process.network_environment()
    assert passed["HTTPS_PROXY"] == "http://proxy:3128"
    assert passed["SSL_CERT_FILE"] == "/etc/certs.pem"
    assert "AWS_SECRET_ACCESS_KEY" not in passed


def test_without_a_variable_the_machines_own_certificates_are_named(monkeypatch, tmp_path):
    for name in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)
    bundle = tmp_path / "ca-certificates.crt"
    monkeypatch.setattr(process, "_CERTIFICATES", bundle)
    assert "SSL_CERT_FILE" not in process.network_environment()
    bundle.touch()
    found = process.network_environment()
    assert found["SSL_CERT_FILE"] == found["NODE_EXTRA_CA_CERTS"] == str(bundle)


def gone(pid: int) -> bool:
    """Wait for the end of a process; init takes a moment to let go of an orphan."""
    for _ in range(500):
        if proc.identify(pid) is None:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("run", [process.run, lambda argv, **how: process.stream(argv, lambda _line: None, **how)])
def test_a_program_that_took_too_long_is_told_from_one_that_somebody_killed(run):
    late = run(["sleep", "60"], timeout=0.1)
    assert (late.code, late.limit, late.ending) == (-9, 0.1, "was killed after 0.1 s")
    killed = run(["/bin/sh", "-c", "kill -9 $$"], timeout=60)
    assert (killed.code, killed.limit, killed.ending) == (-9, None, "was killed by SIGKILL")
    assert run(["/bin/sh", "-c", "exit 3"]).ending == "ended with 3"


def test_what_we_are_interrupted_over_is_ended(tmp_path):
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    def interrupt(*_):
        raise KeyboardInterrupt

    def kill_us():
        while not pid.exists() or not pid.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    threading.Thread(target=kill_us).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            process.run(python(code))
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert proc.stat(int(pid.read_text())) is None


def test_a_folder_that_is_gone_is_not_taken_for_the_program(tmp_path):
    with pytest.raises(MachineError, match=r"cannot be started in .*/gone, which is not there") as caught:
        process.run(["true"], cwd=tmp_path / "gone")
    assert caught.value.where == str(tmp_path / "gone")


@pytest.mark.parametrize("name", ["{folder}/script", "script"])
def test_an_interpreter_that_is_gone_is_not_taken_for_the_program(tmp_path, name):
    script = tmp_path / "script"
    script.write_text("#!/no/such/python\n")
    script.chmod(0o755)
    with pytest.raises(MachineError, match="the interpreter that its first line names is gone") as caught:
        process.run([name.format(folder=tmp_path)], env={"PATH": str(tmp_path)})
    assert caught.value.where == str(script)
