"""The part of an ASGI worker that accepts: behind the gate, and with an end at which nothing is lost.

Listeners are read here and not by asyncio's servers: those accept up to a hundred connections in one go, and forget the
ones that have no transport yet when they are closed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from typing import Any, List, Optional, Set, Tuple

from pushlive_runtime.limits import DRAIN_MARGIN
from pushlive_runtime.listeners import Listener, close_all

STOPS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
HEARTBEAT = 1.0
DRAIN_TICK = 0.05


class GatedLoop:
    """Mixed into a gunicorn worker that has an event loop in `loop`."""

    loop: Any
    sockets: List[Listener]
    app: Any
    cfg: Any
    log: Any
    worker_connections: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arriving: Set[asyncio.Task[None]] = set()
        self.accepting: Tuple[Listener, ...] = ()
        self.admitted = False
        self.draining = False
        self.quick = False
        self.stopping: Optional[asyncio.Event] = None

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Nothing to complain of: threads are the WSGI worker's business."""

    def init_process(self) -> None:
        """In the new process: let go of the arbiter's end of the lifeline, then go on as gunicorn does."""
        self.app.lifeline.cut()
        super().init_process()  # type: ignore[misc]

    def init_signals(self) -> None:
        """Until the loop turns there is nobody to be answered, and nobody who would hear a handler of the loop's."""
        super().init_signals()  # type: ignore[misc]
        self.end_at_once()

    def end_at_once(self) -> None:
        """Have SIGTERM, SIGQUIT and SIGINT end the process, however long the site takes to load."""
        for number in STOPS:
            signal.signal(number, lambda *_: os._exit(0))

    def protocol(self) -> asyncio.Protocol:
        """What serves a new connection."""
        raise NotImplementedError

    def open_connections(self) -> int:
        """How many connections there are."""
        raise NotImplementedError

    def hasten(self) -> None:
        """Called in every turn of a drain: see to it that connections end."""
        raise NotImplementedError

    def make_room(self) -> None:
        """A connection has ended: accept again if there were too many, or too few descriptors."""
        if not self.accepting:
            self._accept_all()

    def stop(self) -> None:
        """Let go of all listeners now, then drain."""
        self.draining = True
        self._stop_accepting()
        close_all(self.sockets)
        if self.stopping is not None:
            self.stopping.set()

    def stop_quickly(self) -> None:
        """Stop, and drain nothing."""
        self.quick = True
        self.stop()

    async def serve_until_stopped(self) -> None:
        """Accept until `stop` is called, by SIGTERM, then answer what reaches the connections that are left."""
        for number in STOPS:
            self.loop.add_signal_handler(number, self.stop if number == signal.SIGTERM else self.stop_quickly)
        self.loop.add_reader(self.app.lifeline.reader, self._orphaned)
        self._watch_gate()
        self._accept_all()
        while not self.draining:
            self.notify()
            await _wait(self.stopping, HEARTBEAT)
            self.make_room()
        await self._drain()

    def notify(self) -> None:
        """Tell the arbiter that the loop goes round."""
        super().notify()  # type: ignore[misc]

    def _orphaned(self) -> None:
        self.loop.remove_reader(self.app.lifeline.reader)
        self.stop()

    def _watch_gate(self) -> None:
        self.admitted = self.app.gate.is_open()
        if not self.admitted:
            self.loop.add_reader(self.app.gate.descriptor, self._admit)

    def _admit(self) -> None:
        self.loop.remove_reader(self.app.gate.descriptor)
        self.admitted = True
        self._stop_accepting()
        self._accept_all()

    def _accept_all(self) -> None:
        if self.draining:
            return
        self.accepting = tuple(listener for listener in self.sockets if self.admitted or listener.private)
        for listener in self.accepting:
            self.loop.add_reader(listener.fileno(), self._accept, listener)

    def _stop_accepting(self) -> None:
        """Unwatched before it is closed: epoll goes on reporting a socket that others have open."""
        for listener in self.accepting:
            self.loop.remove_reader(listener.fileno())
        self.accepting = ()

    def _accept(self, listener: Listener) -> None:
        if self.open_connections() + len(self.arriving) >= self.worker_connections:
            self._stop_accepting()
            return
        try:
            sock, _ = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR):
                self.log.warning("cannot accept: %s", error)
                self._stop_accepting()
            return
        sock.setblocking(False)
        arrival = self.loop.create_task(self._welcome(sock))
        self.arriving.add(arrival)
        arrival.add_done_callback(self.arriving.discard)

    async def _welcome(self, sock: Any) -> None:
        try:
            await self.loop.connect_accepted_socket(self.protocol, sock)
        except OSError as error:
            self.log.debug("a client was gone at once: %s", error)
            sock.close()

    async def _drain(self) -> None:
        deadline = self.loop.time() + max(self.cfg.graceful_timeout - DRAIN_MARGIN, 0.1)
        while (self.arriving or self.open_connections()) and self.loop.time() < deadline and not self.quick:
            self.notify()
            self.hasten()
            await asyncio.sleep(DRAIN_TICK)
        if self.open_connections():
            self.log.error("%d connections did not end in time and were cut off", self.open_connections())


async def _wait(event: Optional[asyncio.Event], seconds: float) -> None:
    assert event is not None
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return
