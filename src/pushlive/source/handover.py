"""Between the hook's yes and git's own move of the ref, the next delivery must wait.

A hook that accepts a push says so here and ends; git-receive-pack, which started it, then moves the ref. A push whose
turn comes in between would see the branch where it was. So the next one waits until the ref has moved, or until the
process that was to move it is gone.
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

from pushlive.model.errors import StateError
from pushlive.model.source import ZERO, Push
from pushlive.source import refs
from pushlive.system import files, proc

PATIENCE = 10.0
"""Seconds to wait for a receiver that neither moves the ref nor ends: somebody has stopped it."""

_PAUSE = 0.005
_NOTE = re.compile(
    r"(?P<old>[0-9a-f]{40}) (?P<new>[0-9a-f]{40}) (?P<ref>refs/\S+) (?P<pid>[0-9]{1,10}) (?P<began>\S*)\n"
)


class _Receiver(NamedTuple):
    """git-receive-pack, by pid and by when it began: a number that was given away again is not taken for it."""

    pid: int
    began: str


def announce(repository: Path, push: Push, *, receiver: int) -> None:
    """Note durably that `push` is accepted and that the process `receiver` (the hook's parent) is to move its ref."""
    note = f"{push.old} {push.new} {push.ref} {receiver} {_began(receiver)}\n"
    files.write_atomic(_place(repository), note.encode())


def settle(repository: Path, *, patience: float = PATIENCE) -> Push | None:
    """Wait until the push that was announced last has its ref; returns it when nobody gives it its ref any more.

    Call it with the site's turn held, before reading a tip. The caller knows whether what is returned went live:
    then `set_ref` finishes the push, else it is let be; and `withdraw` forgets it. `patience` in seconds. Raises
    StateError for a note that cannot be read.
    """
    note = _read(_place(repository))
    if note is None:
        return None
    push, receiver = note
    stuck = _await_ref(repository, push, receiver, time.monotonic() + patience)
    if stuck:
        return push
    withdraw(repository)
    return None


def withdraw(repository: Path) -> None:
    """Forget what was announced: it was refused after all, or has been seen to."""
    _place(repository).unlink(missing_ok=True)


def _await_ref(repository: Path, push: Push, receiver: _Receiver, deadline: float) -> bool:
    """Whether the ref still stands where it was, with nobody left to move it."""
    while True:
        alone = not receiver.began or _began(receiver.pid) != receiver.began or time.monotonic() > deadline
        if push.old == push.new or (refs.tip(repository, push.ref) or ZERO) != push.old:
            return False
        if alone:
            return True
        time.sleep(_PAUSE)


def _began(pid: int) -> str:
    """The boot and the clock tick a process began at (proc(5)); empty when it runs no more."""
    found = proc.identify(pid)
    return f"{proc.boot()}:{found.started}" if found else ""


def _read(place: Path) -> tuple[Push, _Receiver] | None:
    try:
        note = _NOTE.fullmatch(place.read_text(errors="replace"))
    except FileNotFoundError:
        return None
    if note is None:
        raise StateError(
            "the note of the last accepted push cannot be read",
            where=str(place),
            remedy=f"Remove it (`rm {place}`) and push again.",
        )
    return Push(note["old"], note["new"], note["ref"]), _Receiver(int(note["pid"]), note["began"])


def _place(repository: Path) -> Path:
    return repository / "pushlive-accepted"
