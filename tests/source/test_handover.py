import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pushlive import source
from pushlive.model.errors import StateError
from pushlive.model.source import ZERO, Push
from tests.servers import git
from tests.servers.git import Work, set_hook

REF = "refs/heads/master"
DELIVER = """
import os, signal, sys
from pathlib import Path
from pushlive import source
from pushlive.model.source import ZERO
from pushlive.system import locks
here = Path.cwd()
(push,) = source.read_pushes(sys.stdin.buffer)
with locks.held(here / "turn.lock"):
    assert source.settle(here) is None
    if (source.tip(here, push.ref) or ZERO) != push.old:
        sys.exit("superseded")
    source.keep_objects(here, os.environ)
    source.announce(here, push, receiver=os.getppid())
    with open(here / "delivered", "a") as delivered:
        print(push.old, push.new, file=delivered)
"""


def _push(bare, work, number):
    """Push a commit of its own, by force, from what it last saw."""
    sha = work.git("commit-tree", work.git("rev-parse", "HEAD^{tree}"), "-m", f"racer {number}")
    return sha, work.push(bare, f"+{sha}:{REF}").returncode == 0


def test_fifty_racing_pushes_leave_one_tip_and_an_ordered_history(work, bare):
    work.commit({"a": "1"})
    set_hook(bare, DELIVER)
    with ThreadPoolExecutor(10) as racers:
        ended = list(racers.map(lambda number: _push(bare, work, number), range(50)))
    delivered = [line.split() for line in (bare / "delivered").read_text().splitlines()]
    assert len(delivered) > 1
    assert {sha for sha, accepted in ended if accepted} == {new for _, new in delivered}
    assert [old for old, _ in delivered] == [ZERO, *(new for _, new in delivered[:-1])]
    assert source.settle(bare) is None
    assert source.tip(bare, REF) == delivered[-1][1]
    git.git(bare, "fsck", "--full", "--strict")


def test_a_push_that_died_after_it_was_announced_is_returned_until_it_is_seen_to(work, bare):
    first = work.commit({"a": "1"})
    assert work.push(bare, "master").returncode == 0
    set_hook(bare, DELIVER + "    os.kill(os.getppid(), signal.SIGKILL)\n")
    second = work.commit({"a": "2"})
    assert work.push(bare, "master").returncode != 0
    stuck = source.settle(bare)
    assert stuck == Push(first, second, REF)
    assert source.settle(bare) == stuck
    source.set_ref(bare, stuck.ref, stuck.new, stuck.old)
    source.withdraw(bare)
    assert source.settle(bare) is None
    git.git(bare, "fsck", "--full", "--strict")


def _announced(work: Work, bare, receiver: int) -> Push:
    first, second = work.commit({"a": "1"}), work.commit({"a": "2"})
    work.push(bare, "HEAD:refs/heads/objects")
    source.set_ref(bare, REF, first, ZERO)
    push = Push(first, second, REF)
    source.announce(bare, push, receiver=receiver)
    return push


def test_it_waits_for_the_process_that_is_to_move_the_ref(work, bare):
    mover = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    push = _announced(work, bare, mover.pid)
    with ThreadPoolExecutor(1) as waiter:
        waiting = waiter.submit(source.settle, bare)
        assert not waiting.done()
        source.set_ref(bare, REF, push.new, push.old)
        assert waiting.result() is None
    mover.communicate(b"\n")
    source.announce(bare, push, receiver=os.getpid())
    assert source.settle(bare) is None


def test_a_process_that_ended_moves_nothing(work, bare):
    mover = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    push = _announced(work, bare, mover.pid)
    mover.communicate(b"\n")
    assert source.settle(bare) == push


def test_one_that_was_stopped_is_not_waited_for_without_end(work, bare):
    push = _announced(work, bare, os.getpid())
    assert source.settle(bare, patience=0.05) == push


def test_a_ref_that_went_elsewhere_since_is_let_be(work, bare):
    push = _announced(work, bare, os.getpid())
    source.set_ref(bare, REF, ZERO, push.old)
    assert source.settle(bare) is None


def test_nothing_is_left_to_do_for_a_push_that_moves_nothing(work, bare):
    sha = work.commit({"a": "1"})
    work.push(bare, "master")
    source.announce(bare, Push(sha, sha, REF), receiver=os.getpid())
    assert source.settle(bare) is None


def test_a_note_that_cannot_be_read_says_so(bare):
    (bare / "pushlive-accepted").write_text("half a no")
    with pytest.raises(StateError, match="cannot be read") as refused:
        source.settle(bare)
    assert "rm " in refused.value.remedy
    source.withdraw(bare)
    assert source.settle(bare) is None
