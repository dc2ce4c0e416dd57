import subprocess
import sys
import threading

import pytest

from pushlive.model.errors import SupersededError, UsageError
from pushlive.model.home import SiteHome
from pushlive.pipeline import scratch
from pushlive.pipeline.turns import idle, queue, turn


@pytest.fixture
def home(tmp_path):
    made = SiteHome(tmp_path / "site")
    made.run.mkdir(parents=True)
    made.record.write_text("{}")
    return made


def drawn(home):
    return (home.run / "ticket").stat().st_size


def test_a_delivery_is_superseded_once_a_newer_one_waits(home):
    with turn(home) as check:
        check()
        newer = threading.Thread(target=lambda: turn(home).__enter__())
        newer.start()
        while drawn(home) < 2:
            pass
        with pytest.raises(SupersededError, match="newer push"):
            check()
    newer.join()


def test_who_only_waits_supersedes_nobody(home):
    with turn(home) as check:
        waiter = threading.Thread(target=lambda: queue(home).__enter__())
        waiter.start()
        check()
        assert drawn(home) == 1
    waiter.join()


def test_the_turn_is_not_idle(home):
    with queue(home), idle(home) as mine:
        assert not mine
    with idle(home) as mine:
        assert mine


@pytest.mark.parametrize("left", [b"", b"\0\0\0", b"12", b"no number"])
def test_whatever_a_power_cut_leaves_of_the_ticket_goes_on(home, left):
    (home.run / "ticket").write_bytes(left)
    with turn(home) as check:
        check()
    assert drawn(home) == len(left) + 1


@pytest.mark.parametrize("wait", [turn, queue])
def test_a_site_that_was_removed_has_no_turn_and_is_not_brought_back(tmp_path, wait):
    gone = SiteHome(tmp_path / "gone")
    with pytest.raises(UsageError, match="no site called gone any more"), wait(gone):
        pass
    assert not gone.path.exists()


def test_scratch_is_removed_in_the_end_and_by_others_when_its_process_is_gone(home):
    code = """
import os, sys
from pathlib import Path
from pushlive.model.home import SiteHome
from pushlive.pipeline.scratch import scratch
with scratch(SiteHome(Path(sys.argv[1]))) as folder:
    (folder / "tree").mkdir()
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, home.path], check=False)
    with scratch.scratch(home) as mine:
        assert len(list(home.work.iterdir())) == 2
        scratch.sweep(home)
        assert list(home.work.iterdir()) == [mine]
    assert list(home.work.iterdir()) == []


def test_scratch_of_a_process_id_that_was_given_away_again_is_swept(home):
    with scratch.scratch(home) as mine:
        pid, _, began = mine.name.partition("-")
        (home.work / f"{pid}-{int(began) - 1}").mkdir()
        (home.work / pid).mkdir()
        scratch.sweep(home)
        assert list(home.work.iterdir()) == [mine]
