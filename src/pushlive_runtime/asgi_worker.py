"""The ASGI worker: gunicorn's, behind the same gate and with the same end as the WSGI one.

Listeners are read by this class and not by asyncio's servers: those accept up to a hundred connections in one go and
forget the ones that have no transport yet when they are closed.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Any, Optional, Set, Tuple

from gunicorn.arbiter import Arbiter
from gunicorn.asgi.lifespan import LifespanManager, LifespanStartupFailed
from gunicorn.workers.gasgi import ASGIWorker

from pushlive_runtime.asgi_protocol import SiteProtocol
from pushlive_runtime.listeners import Listener, close_all

HEARTBEAT = 1.0
DRAIN_TICK = 0.05
DRAIN_MARGIN = 0.5
"""Seconds a draining worker ends before the arbiter would kill it."""


class SiteAsgiWorker(ASGIWorker):  # type: ignore[misc]
    """One process that serves the site on an event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: Set[SiteProtocol] = set()
        self.arriving: Set[asyncio.Task[None]] = set()
        self.accepting: Tuple[Listener, ...] = ()
        self.admitted = False
        self.draining = False
        self.stopping: Optional[asyncio.Event] = None

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Nothing to complain of: threads are the WSGI worker's business."""

    def init_process(self) -> None:
        """In the new process: let go of the arbiter's end of the lifeline, then go on as gunicorn does."""
        self.app.lifeline.cut()
        super().init_process()

    def handle_exit_signal(self) -> None:
        """SIGTERM: stop accepting now, then drain. `alive` stays, for it is what the protocols go by."""
        self._stop()

    def handle_quit_signal(self) -> None:
        """SIGQUIT and SIGINT: end now."""
        self._quick_shutdown = True
        self._stop()

    def make_room(self) -> None:
        """A connection has ended: accept again if there were too many, or too few descriptors."""
        if not self.accepting:
            self._accept_all()

    async def _serve(self) -> None:
        self.stopping = asyncio.Event()
        await self._start_lifespan()
        self.loop.add_reader(self.app.lifeline.reader, self._orphaned)
        self._watch_gate()
        self._accept_all()
        while not self.stopping.is_set():
            self.notify()
            await _wait(self.stopping, HEARTBEAT)
            self.make_room()
        await self._drain()
        await self._stop_lifespan()

    def _stop(self) -> None:
        self.draining = True
        self._stop_accepting()
        close_all(self.sockets)
        if self.stopping is not None:
            self.stopping.set()

    def _orphaned(self) -> None:
        self.loop.remove_reader(self.app.lifeline.reader)
        self._stop()

    # listeners

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
        if self.nr_conns + len(self.arriving) >= self.worker_connections:
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
            await self.loop.connect_accepted_socket(lambda: SiteProtocol(self), sock)
        except OSError as error:
            self.log.debug("a client was gone at once: %s", error)
            sock.close()

    # the end

    async def _drain(self) -> None:
        """Answer what reaches the connections that are left, until there are none or the time is over."""
        deadline = self.loop.time() + max(self.cfg.graceful_timeout - DRAIN_MARGIN, 0.1)
        while (self.arriving or self.nr_conns > 0) and self.loop.time() < deadline and not self._quick_shutdown:
            self.notify()
            for connection in self.connections:
                connection.hasten(self.cfg.keepalive)
            await asyncio.sleep(DRAIN_TICK)
        if self.nr_conns > 0:
            self.log.error("%d connections did not end in time and were cut off", self.nr_conns)
        self.alive = False

    # the application's own beginning and end

    async def _start_lifespan(self) -> None:
        self.lifespan = LifespanManager(self.asgi, self.log, self.state)
        try:
            await self.lifespan.startup()
        except LifespanStartupFailed as error:
            self.log.critical("%s", error)
            self.lifespan = None
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from error
        except Exception as error:  # noqa: BLE001 - an application without a lifespan may raise anything to say so
            self.log.debug("the application has no lifespan: %s", error)
            self.lifespan = None

    async def _stop_lifespan(self) -> None:
        if self.lifespan is None or self._quick_shutdown:
            return
        try:
            await self.lifespan.shutdown()
        except Exception:
            self.log.exception("the application's lifespan shutdown failed")


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return
