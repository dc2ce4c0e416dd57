"""A fork server: starts replicas from a process that has gunicorn and the site's Django imported already.

A start by exec imports some six hundred modules; a start from here imports the site's own. The environment says where
it listens, once it is warm: `PUSHLIVE_WARM_SOCKET`, a path, or `PUSHLIVE_WARM_FD`, an inherited unix socket that is
bound (it refuses connections until then); and until when it lives: `PUSHLIVE_WARM_OWNER_FD`, the reading end of a pipe
that ends with its owner. SIGTERM ends it too. What it has started lives on. With `PUSHLIVE_WARM_FOR=ask`
it imports what the inspection needs, and no more.

One request a connection, one line of JSON: `argv` as it would be executed (`[python, run.py, "serve"]`), the whole
`env`, `cwd`, and `fds`, the numbers that the handed descriptors are to have. The descriptors come along (SCM_RIGHTS):
standard input, output and error, then one for each of `fds`. The answer is one line: `{"pid": ...}`, or
`{"refused": why}` for what only a fresh interpreter can do: the caller then executes `argv` itself. The process runs
once the caller has sent another line; if it hangs up instead, the process ends having done nothing, so nothing ever
runs that nobody answers for. `{"report": true}` is answered with the server's own memory in bytes.

The process that is started is forked twice, so that it belongs to the nearest child subreaper above the server, leads
a session of its own, and is in all things that a program can ask for what an executed one would be, but for these:
string hashes and the memory layout are the server's, `/proc/PID/cmdline` says `warm`, and of `/proc/PID/environ` only
the beginning is true.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import socket
import struct
import sys
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from pushlive_runtime import warm_modules
from pushlive_runtime.listeners import bind_private
from pushlive_runtime.paths import prefer_site
from pushlive_runtime.warm_child import Interpreter, become

MAX_REQUEST = 4 * 1024 * 1024
MAX_DESCRIPTORS = 64
PATIENCE = 5.0
"""Seconds a client has to send its request."""
BACKLOG = 64
EXIT_CONFIGURATION = 2


class Request(NamedTuple):
    """What to become: see the module's text."""

    argv: List[str]
    env: Dict[str, str]
    cwd: str
    fds: List[int]
    descriptors: List[int]


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A request that a fork cannot serve, or that is none; the text says why."""


def warm(env: Mapping[str, str], *, layer: str) -> int:
    """Serve forks until the owner goes. In a forked process: returns what its command returns."""
    interpreter = Interpreter.this(layer)
    _preload(layer, *warm_modules.WANTED[env.get("PUSHLIVE_WARM_FOR", "serve")])
    try:
        listener = _listener(env)
        owner = int(env["PUSHLIVE_WARM_OWNER_FD"]) if "PUSHLIVE_WARM_OWNER_FD" in env else None
    except (KeyError, ValueError, OSError) as error:
        sys.stderr.write(f"pushlive: PUSHLIVE_WARM_SOCKET, PUSHLIVE_WARM_FD or PUSHLIVE_WARM_OWNER_FD: {error!r}\n")
        return EXIT_CONFIGURATION
    request = _serve(listener, owner, interpreter)
    if request is None:
        return 0
    become(request, interpreter)
    from pushlive_runtime.main import main

    return main(request.argv[2:], layer=interpreter.layer)


def _listener(env: Mapping[str, str]) -> socket.socket:
    if "PUSHLIVE_WARM_FD" in env:
        listener = socket.socket(fileno=int(env["PUSHLIVE_WARM_FD"]))
        listener.listen(BACKLOG)
        return listener
    return bind_private(env["PUSHLIVE_WARM_SOCKET"])


def _preload(layer: str, servers: Sequence[str], sites: Sequence[str]) -> None:
    """Import ahead: first what is the server's, then what is the site's, each from where its own start would."""
    path = list(sys.path)
    warm_modules.load(servers)
    prefer_site(layer)
    warm_modules.load(sites)
    sys.path[:] = path
    gc.collect()
    gc.freeze()


def _serve(listener: socket.socket, owner: Optional[int], interpreter: Interpreter) -> Optional[Request]:
    """Answer requests; returns one in the process that was forked for it, None when the owner has gone."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        if owner is not None:
            selector.register(owner, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if owner in ready:
                return None
            request = _answer(listener, interpreter)
            if request is not None:
                return request


def _answer(listener: socket.socket, interpreter: Interpreter) -> Optional[Request]:
    """Take one connection; returns its request in the forked process, None in the server."""
    descriptors: List[int] = []
    with contextlib.suppress(OSError):
        client, _ = listener.accept()
        with client:
            client.settimeout(PATIENCE)
            try:
                request = _receive(client, descriptors, interpreter)
                if request is None:
                    reply = _report()
                else:
                    pid = _fork()
                    if pid == 0:
                        _wait_for_leave(client)
                        return request
                    reply = {"pid": pid}
            except Refused as refused:
                reply = {"refused": str(refused)}
            client.sendall(json.dumps(reply).encode() + b"\n")
    for descriptor in descriptors:
        os.close(descriptor)
    return None


def _receive(client: socket.socket, descriptors: List[int], interpreter: Interpreter) -> Optional[Request]:
    """Read and check a request; its descriptors are added to `descriptors`. None: a report is wanted."""
    _check_peer(client)
    text = b""
    while not text.endswith(b"\n"):
        data, handed, _, _ = socket.recv_fds(client, 65536, MAX_DESCRIPTORS)
        descriptors.extend(handed)
        text += data
        if not data or len(text) > MAX_REQUEST:
            raise Refused("the request is not one line of JSON")
    try:
        value: Dict[str, Any] = json.loads(text)
        if value.get("report"):
            return None
        request = Request(value["argv"], value["env"], value["cwd"], value["fds"], descriptors)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"the request cannot be read: {error!r}") from error
    if len(descriptors) != len(request.fds) + 3:
        raise Refused(f"{len(descriptors)} descriptors came, not three and {len(request.fds)}")
    reason = interpreter.differs(request.argv, request.env, request.cwd)
    if reason:
        raise Refused(reason)
    return request


def _check_peer(client: socket.socket) -> None:
    """Root and our own user may ask."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    if user not in (0, os.geteuid()):
        raise Refused("another user asks")


def _fork() -> int:
    """Fork twice. Returns the new process's id in the server, 0 in the new process."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise Refused("something that was imported ahead has started a thread")
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        pid = _fork_again()
        if pid == 0:
            return 0
        try:
            os.write(writer, str(pid).encode())
        finally:
            os._exit(0)
    os.close(writer)
    pid = int(os.read(reader, 32) or 0)
    os.close(reader)
    os.waitpid(between, 0)
    if not pid:
        raise Refused("no more processes")
    return pid


def _fork_again() -> int:
    """Fork in the process between; where that fails it must not live on as a second server."""
    try:
        return os.fork()
    except OSError:
        os._exit(1)


def _wait_for_leave(client: socket.socket) -> None:
    """In the new process: go on when the client says so, end when it has gone."""
    try:
        leave = client.recv(1)
    except OSError:
        leave = b""
    if not leave:
        os._exit(0)


def _report() -> Dict[str, Any]:
    with open("/proc/self/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[1])
    return {"memory": pages * os.sysconf("SC_PAGE_SIZE"), "modules": len(sys.modules)}
