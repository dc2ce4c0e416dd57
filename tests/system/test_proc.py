"""Processes by pid and start time."""

import os
import subprocess
import sys

from pushlive.system import proc


def test_a_process_has_one_identity_until_it_ends():
    assert proc.identify(os.getpid()) == proc.identify(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert child.stdin
    found = proc.identify(child.pid)
    assert found
    assert proc.alive(found)
    child.stdin.close()
    assert proc.wait_all([found], 10)
    assert proc.identify(child.pid) is None, "it has ended, though nobody has asked yet"
    child.wait()
    assert not proc.alive(found)


def test_a_number_that_was_given_away_again_is_not_the_process():
    mine = proc.identify(os.getpid())
    assert mine
    other = mine._replace(started=mine.started + 1)
    assert not proc.alive(other)
    proc.kill(other)
    assert proc.alive(mine)
