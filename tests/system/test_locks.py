import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pushlive.system import locks

HOLD = "import sys, time; from pathlib import Path; from pushlive.system import locks\n"
HOLD += "with locks.held(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"held\n"
        yield child
        child.kill()


def test_one_holds_it_at_a_time(tmp_path):
    with locks.held(tmp_path / "lock") as first, locks.held(tmp_path / "lock", wait=False) as second:
        assert (first, second) == (True, False)
    with locks.held(tmp_path / "lock", wait=False) as again:
        assert again


def test_another_process_is_kept_out_and_its_death_opens_it(tmp_path, other):
    with locks.held(tmp_path / "lock", wait=False) as mine:
        assert not mine
    other.kill()
    with locks.held(tmp_path / "lock") as mine:
        assert mine


def test_an_error_inside_releases_it(tmp_path):
    with pytest.raises(ValueError, match="odd"), locks.held(tmp_path / "lock"):
        raise ValueError("odd")
    with locks.held(tmp_path / "lock", wait=False) as mine:
        assert mine


def test_what_is_started_meanwhile_does_not_hold_it(tmp_path):
    with locks.held(tmp_path / "lock"):
        child = subprocess.Popen(["sleep", "600"])
    try:
        with locks.held(tmp_path / "lock", wait=False) as mine:
            assert mine
    finally:
        child.kill()
        child.wait()


def test_the_lock_is_the_owner_s_and_its_folder_is_made(tmp_path):
    with locks.held(tmp_path / "run" / "lock"):
        found = (tmp_path / "run" / "lock").stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == os.geteuid()


def test_who_waited_for_a_lock_that_was_removed_still_keeps_others_out(tmp_path):
    path = tmp_path / "lock"
    with locks.held(path):
        waiting = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
        while not any(str(path.stat().st_ino) in line and "->" in line for line in _locks()):
            assert waiting.poll() is None
        path.unlink()
    assert waiting.stdout
    assert waiting.stdout.readline() == b"held\n"
    with locks.held(path, wait=False) as mine:
        assert not mine
    waiting.kill()
    waiting.wait()
    waiting.stdout.close()


def _locks():
    """What the kernel knows of locks (proc_locks(5)); one that is waited for stands behind an arrow."""
    return Path("/proc/locks").read_text().splitlines()
