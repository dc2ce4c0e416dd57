"""Somebody without rights who swaps a folder for a link, at the very moment when it hurts most.

`python attacker.py EVENT AT FOLDER VICTIM CODE` runs CODE. Each time it is about to do EVENT (as in sys.audit) to a
path that ends in AT, or to a descriptor, user 4242 tries to put a link to VICTIM in FOLDER's place.
"""

import os
import subprocess
import sys
from pathlib import Path

USER = 4242


def run(event: str, at: str, folder: Path, victim: Path, code: str) -> None:
    """Run `code` under attack."""
    argv = [sys.executable, __file__, event, at, str(folder), str(victim), code]
    subprocess.run(argv, check=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})


def acting(work) -> bool:
    """Do `work` as USER; whether it could be done."""
    child = os.fork()
    if child == 0:
        os.setgid(USER)
        os.setuid(USER)
        try:
            work()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def swap(folder: str, victim: str) -> None:
    """A link to `victim` in the place of `folder`."""
    os.rename(folder, f"{folder}.aside")  # noqa: PTH104
    os.symlink(victim, folder)  # noqa: PTH211


def _watch(event: str, at: str, folder: str, victim: str) -> None:
    done = False

    def heard(name: str, given: tuple) -> None:
        nonlocal done
        if done or name != event:
            return
        if isinstance(given[0], int) or os.fspath(given[0]).endswith(at):
            done = acting(lambda: swap(folder, victim))

    sys.addaudithook(heard)


if __name__ == "__main__":
    _watch(*sys.argv[1:5])
    exec(sys.argv[5])
