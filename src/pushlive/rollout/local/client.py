"""Talk to a site's supervisor; start one when there is none."""

import os
import socket
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from pushlive import __version__
from pushlive.model.errors import RolloutError, StateError
from pushlive.model.home import SiteHome
from pushlive.rollout.local import keeper, logs, places, protocol
from pushlive.rollout.local.protocol import Op
from pushlive.system import locks, proc, process
from pushlive.system.files import write_atomic
from pushlive.system.proc import Identity

START_PATIENCE = 20.0
"""Seconds a supervisor may take until it answers."""

ANSWER_PATIENCE = 60.0
"""Seconds an answer may take beyond what the request itself may last."""

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


ATTEMPTS = 3


class HungUpError(RolloutError):
    """The supervisor ended before it answered."""


class Client:
    """A connection to a supervisor."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._lines = link.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; a candidate that was not committed ends with it."""
        self._lines.close()
        self._link.close()

    def ask(self, op: Op, *, lasts: float = 0.0, **fields: Any) -> dict[str, Any]:
        """Do one operation. Raises what the supervisor answers with, HungUpError when it ends.

        `lasts`: the seconds that the operation itself may take. An answer that did not come in time would be taken for
        that of the next request, so there is none after it: HungUpError.
        """
        if self._lines.closed:
            raise HungUpError(f"the site's supervisor did not answer before ({op})")
        self._link.settimeout(lasts + ANSWER_PATIENCE)
        try:
            self._link.sendall(protocol.encode({"op": op, **fields}))
            line = self._lines.readline(protocol.LIMIT)
        except TimeoutError as error:
            self.close()
            raise RolloutError(
                f"the site's supervisor does not answer ({op})",
                remedy="Look whether it is stopped (`ps -o stat,pid,args`); kill -9 does no harm, it starts again.",
            ) from error
        except ConnectionError as error:
            raise HungUpError(f"the site's supervisor ended ({op})") from error
        if not line:
            raise HungUpError(f"the site's supervisor ended ({op})")
        return protocol.result(protocol.decode(line))


def connect(home: SiteHome) -> Client | None:
    """A connection to the running supervisor; None when there is none."""
    places.check_socket_paths(home)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(str(places.control_socket(home)))
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        return None
    return Client(link)


def running(home: SiteHome) -> Client | None:
    """A connection to the supervisor, waiting for one that is just starting again; None when the site is down."""
    renew(home)
    return _found(home)


def ask(home: SiteHome, op: Op, *, start: bool = False, lasts: float = 0.0, **fields: Any) -> dict[str, Any] | None:
    """Ask for what may be asked twice: of the next supervisor, should one end over it.

    Without `start` nothing is started, and the answer is None when the site is down.
    """
    for _ in range(ATTEMPTS):
        link = reach(home) if start else running(home)
        if link is None:
            return None
        with link, suppress(HungUpError):
            return link.ask(op, lasts=lasts, **fields)
    raise _does_not_start(home, "supervisor")


def reach(home: SiteHome) -> Client:
    """A connection to the supervisor, which is started when there is none. Raises MachineError (port taken)."""
    renew(home)
    if found := connect(home):
        return found
    with locks.held(home.run / "start.lock"):
        if found := _found(home):
            return found
        _start_keeper(home)
        return _wait(home)


def renew(home: SiteHome) -> None:
    """End a supervisor that another version of pushlive has left: its keeper starts one of this installation.

    Replicas go on meanwhile. A delivery that the other version has under way fails and may be repeated.
    """
    value = places.read_state(places.supervisor_file(home))
    if not value or value.get("version") == __version__ or value["boot"] != proc.boot():
        return
    old = Identity(*value["process"])
    write_atomic(places.python_file(home), os.fsencode(sys.executable), mode=0o600, durable=False)
    proc.kill(old)
    proc.wait_all([old], START_PATIENCE)


def _keeper_runs(home: SiteHome) -> bool:
    value = places.read_state(places.keeper_file(home))
    return bool(value) and value["boot"] == proc.boot() and proc.alive(Identity(*value["process"]))


def _start_keeper(home: SiteHome) -> None:
    argv = [sys.executable, "-I", "-m", keeper.MODULE, str(home.path)]
    ended = process.run(argv, cwd=home.path, env=_ENVIRONMENT)
    if ended.ok:
        return
    if ended.output.strip():
        protocol.result(protocol.decode(ended.output.encode()))
    raise _does_not_start(home, "keeper")


def _found(home: SiteHome) -> Client | None:
    """A connection to the supervisor, or to the next one while a keeper is there to start it; else None."""
    found = connect(home)
    deadline = time.monotonic() + START_PATIENCE
    while not found and _keeper_runs(home):
        found = _again(home, deadline)
    return found


def _wait(home: SiteHome) -> Client:
    """A connection to the supervisor that a keeper just started is to start."""
    deadline = time.monotonic() + START_PATIENCE
    while not (found := _again(home, deadline)):
        pass
    return found


def _again(home: SiteHome, deadline: float) -> Client | None:
    if time.monotonic() > deadline:
        raise _does_not_start(home, "supervisor")
    time.sleep(0.01)
    return connect(home)


def _does_not_start(home: SiteHome, what: str) -> StateError:
    log = places.supervisor_log(home)
    return StateError(
        f"the {what} of {home.name} does not start",
        where=str(log),
        evidence=logs.tail(log, 8),
        output="\n".join(logs.tail(log, 200)),
    )
