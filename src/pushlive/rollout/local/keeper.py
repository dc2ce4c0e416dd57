"""The keeper: holds a site's public listening sockets for life and starts its supervisor again when that ends.

`python -I -m pushlive.rollout.local.keeper FOLDER` binds them and goes into the background; it ends with 0 once the
keeper runs, or says in one JSON line on its output why it can't. `... FOLDER FD... [--supervisor PID]` is the keeper
itself. It imports next to nothing: what it keeps in memory, it keeps for as long as the site lives.
"""

import fcntl
import json
import os
import select
import sys
import time
from typing import NoReturn

EXIT_NOT_ALONE = 75
"""Another keeper of this site is alive."""

MODULE = "pushlive.rollout.local.keeper"
SUPERVISOR = "pushlive.rollout.local.supervisor"

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 10.0
_STABLE = 30.0


def main(argv: list[str]) -> int:
    """Bind and go into the background, or keep what was bound."""
    folder, *rest = argv
    if not rest:
        return _begin(folder)
    descriptors, _, supervisor = " ".join(rest).partition("--supervisor")
    return keep(folder, [int(text) for text in descriptors.split()], int(supervisor or 0))


def keep(folder: str, descriptors: list[int], supervisor: int) -> int:
    """Have a supervisor running, for ever; `supervisor` is one that runs already. SIGTERM ends the keeper alone."""
    if not _alone(folder):
        return EXIT_NOT_ALONE
    _write_down(folder)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    wait = _FIRST_WAIT
    while True:
        began = time.monotonic()
        try:
            _until_end(supervisor or _start(folder, descriptors))
        except OSError as error:  # no memory for a process, or no process left
            _say(f"no supervisor can be started: {error}")
        supervisor = 0
        wait = _FIRST_WAIT if time.monotonic() - began > _STABLE else min(wait * 2, _LONGEST_WAIT)
        time.sleep(wait)


def _start(folder: str, descriptors: list[int]) -> int:
    """Start a supervisor of the installation that was last asked for one; of ours if that is gone."""
    arguments = ["-I", "-m", SUPERVISOR, folder, *map(str, descriptors)]
    try:
        python = _text(f"{folder}/run/python")
        return os.posix_spawn(python, [python, *arguments], dict(os.environ), setsid=True)
    except FileNotFoundError:
        return os.posix_spawn(sys.executable, [sys.executable, *arguments], dict(os.environ), setsid=True)


def _until_end(pid: int) -> None:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([pidfd], [], [])
    os.close(pidfd)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # it was the one that started us


def _alone(folder: str) -> bool:
    descriptor = os.open(f"{folder}/run/keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_down(folder: str) -> None:
    started = int(_text("/proc/self/stat").rpartition(")")[2].split()[19])
    boot = _text("/proc/sys/kernel/random/boot_id").strip()
    path = f"{folder}/run/keeper.json"
    try:
        with open(f"{path}.new", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is a megabyte
            json.dump({"boot": boot, "process": [os.getpid(), started]}, file)
        os.replace(f"{path}.new", path)  # noqa: PTH105
    except OSError as error:
        _say(f"{path} cannot be written: {error}")


def _say(text: str) -> None:
    """Do what `logs.say` does, without what that imports."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        sys.stderr.write(f"{stamp} {text}\n")
        sys.stderr.flush()
    except OSError:
        return


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        return file.read()


def _begin(folder: str) -> int:
    """Bind the sockets and become, in the background, the keeper that holds them."""
    from pathlib import Path  # noqa: PLC0415 - not for the keeper's life

    from pushlive.model.errors import PushliveError  # noqa: PLC0415
    from pushlive.model.home import SiteHome  # noqa: PLC0415
    from pushlive.rollout.local import places, protocol, record, sockets  # noqa: PLC0415
    from pushlive.system import proc  # noqa: PLC0415

    home = SiteHome(Path(folder))
    places.python_file(home).unlink(missing_ok=True)
    _log_to(places.supervisor_log(home))
    try:
        proc.require_pidfds()
        bound = sockets.open_all(home, record.load(home).endpoints)
    except PushliveError as error:
        sys.stdout.write(json.dumps(protocol.failure(error)) + "\n")
        return error.exit_code
    if os.fork() == 0:
        _go_on(folder, [listener.detach() for listener in bound])
    return 0


def _go_on(folder: str, descriptors: list[int]) -> NoReturn:
    """In the child: let go of whoever started us, and become the keeper."""
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    argv = [sys.executable, "-I", "-m", MODULE, folder, *map(str, descriptors)]
    os.execv(sys.executable, argv)  # noqa: S606 - no shell is wanted


def _log_to(log: "os.PathLike[str]") -> None:
    """Send what is said to the supervisor's log; standard output stays with who started us."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.dup2(descriptor, 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
