import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pushlive.history import History
from pushlive.model.delivery import Origin, Verdict
from pushlive.model.errors import MachineError, PushliveError, StateError
from tests.history.conftest import FULL, PLAIN

SHA = "c" * 40

WRITER = """
import sys
from pathlib import Path
from pushlive.history import History
from pushlive.model.delivery import Origin, Verdict
from tests.history.conftest import PLAIN

history = History(Path(sys.argv[1]))
while True:
    with history:
        begun = history.begin("c" * 40, "refs/heads/master", Origin.PUSH)
        release = history.add_release(PLAIN)
        history.went_live(release.name)
        history.finish(begun.number, Verdict.LIVE, release=release.name)
    print(begun.number, release.name, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / "history.sqlite"
    chance = random.Random(7)
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        said = [writer.stdout.readline() for _ in range(chance.randint(1, 6))]
        threading.Event().wait(chance.random() * 0.01)
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().splitlines()
        writer.wait()
        writer.stdout.close()
        number, release = said[-1].split()
        with History(path) as history:
            assert history.delivery(int(number)).verdict is Verdict.LIVE
            assert history.release(release.decode()) is not None
            assert len(history.unfinished()) <= 1
            for left in history.unfinished():
                history.finish(left.number, Verdict.INTERRUPTED)
            numbers = [each.number for each in history.deliveries(10_000)]
            assert numbers == list(range(len(numbers), 0, -1))
            names = [each.name for each in history.releases()]
            assert names == [f"v{number}" for number in range(len(names), 0, -1)]
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert check.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    check.close()


def test_every_commit_waits_for_the_disk(tmp_path):
    with History(tmp_path / "h") as history:
        assert history._open.execute("PRAGMA synchronous").fetchone() == (2,)
        assert history._open.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert history._open.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_the_log_read_up_to_any_point_is_a_whole_history(tmp_path):
    """A power cut leaves some first part of the write-ahead log: each must read as the records up to some commit."""
    path = tmp_path / "h"
    with History(path) as history:
        for _ in range(4):
            history.begin(SHA, "refs/heads/master", Origin.PUSH)
            history.add_release(PLAIN)
        base, log = path.read_bytes(), path.with_name("h-wal").read_bytes()
    seen = []
    for length in (*range(0, len(log), 509), len(log)):
        copy = tmp_path / f"copy{length}" / "h"
        copy.parent.mkdir()
        copy.write_bytes(base)
        copy.with_name("h-wal").write_bytes(log[:length])
        with History(copy) as history:
            seen.append((len(history.deliveries()), len(history.releases())))
    assert seen == sorted(seen)
    assert set(seen) == {(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4)}


def test_many_writers_at_once_all_get_their_turn(tmp_path):
    path = tmp_path / "new" / "history.sqlite"
    failed = []

    def write():
        try:
            for _ in range(10):
                with History(path) as history:
                    history.add_release(PLAIN)
        except PushliveError as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with History(path) as history:
        assert len(history.releases()) == 80


def test_the_file_is_for_its_owner_alone(tmp_path):
    with History(tmp_path / "h"):
        pass
    assert stat.S_IMODE((tmp_path / "h").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"not a database, not at all" * 50, bytes(4096), os.urandom(8192)])
def test_a_file_that_is_no_history_says_so(tmp_path, content):
    path = tmp_path / "h"
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged") as refused, History(path):
        pass
    assert ".recover" in refused.value.remedy
    assert str(path) in str(refused.value)


def test_pages_that_were_overwritten_say_so(tmp_path):
    path = tmp_path / "h"
    with History(path) as history:
        for _ in range(300):
            history.add_release(FULL)
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"damaged|cannot be read"), History(path) as history:
        history.releases()


def test_a_record_that_cannot_be_read_says_so(tmp_path):
    with History(tmp_path / "h") as history:
        history.add_release(PLAIN)
        history._open.execute("DROP TRIGGER no_update_releases")
        history._open.execute("UPDATE releases SET document = '{\"name\": 1'")
        with pytest.raises(StateError, match="a record of the history cannot be read"):
            history.releases()


def test_a_history_of_a_newer_pushlive_is_left_alone(tmp_path):
    path = tmp_path / "h"
    with History(path) as history:
        history._open.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StateError, match="newer pushlive") as refused, History(path):
        pass
    assert "Install" in refused.value.remedy
    assert path.read_bytes() == before


def test_what_a_newer_pushlive_added_to_a_release_is_passed_over(tmp_path):
    with History(tmp_path / "h") as history:
        history.add_release(PLAIN)
        history._open.execute("DROP TRIGGER no_update_releases")
        history._open.execute("UPDATE releases SET document = json_set(document, '$.novelty', 1)")
        assert history.release("v1").revision == PLAIN.revision


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_right_to_write_is_said(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(MachineError, match="no right"), History(tmp_path / "h"):
            pass
    finally:
        tmp_path.chmod(0o700)


def _fill(path, recorded):
    while True:
        with History(path) as history:
            recorded.append(history.add_release(FULL).name)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_said_and_what_was_recorded_stays(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", small], check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        recorded = []
        with pytest.raises(MachineError, match=r"no space left|the disk refused") as refused:
            _fill(small / "h", recorded)
        assert refused.value.remedy
        (small / "h.lock").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        with History(small / "h") as history:
            assert [each.name for each in reversed(history.releases())] == recorded
            history.add_release(FULL)
    finally:
        subprocess.run(["umount", small], check=True)
