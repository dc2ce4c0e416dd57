"""The WSGI worker: gunicorn's threads, behind a loop that knows the gate and loses no request when it stops.

Gunicorn's own parts read the requests and write the responses (`handle_request`). The loop is ours, for four reasons:

* public sockets are used only once the gate is open;
* a stopping worker lets go of its listeners first, then answers whatever reaches the connections it holds: those that
  were accepted and have sent nothing yet, and idle ones up to the moment they would have been closed anyway;
* a thread is spent on a whole request head, never on a connection that is silent or slow;
* a connection is closed without waiting for the client in the loop that all others need.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import queue
import selectors
import socket
import sys
import time
from typing import Any, Dict, Optional, Tuple

from gunicorn.http import RequestParser
from gunicorn.http.errors import NoMoreData
from gunicorn.util import write_error
from gunicorn.workers.gthread import ThreadWorker

from pushlive_runtime.limits import DRAIN_MARGIN, HEAD_TIMEOUT, LINGER_TIMEOUT
from pushlive_runtime.listeners import Listener, close_all

HEAD_END = b"\r\n\r\n"
MAX_HEAD = 64 * 1024
"""Bytes after which a head is the parser's to refuse."""
CHUNK = 64 * 1024
IO_TIMEOUT = 60.0
"""Seconds a thread waits for a client that stopped sending its body or reading its response."""
SWEEP = 0.5
"""Seconds between looks for connections whose time is over, and between heartbeats of a stopping worker."""
GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF, errno.EAGAIN, errno.ETIMEDOUT)


class Connection:
    """One client: its socket, its parser, the part of the next head that has come, and until when that may last."""

    __slots__ = ("client", "closing", "deadline", "head", "parser", "server", "sock")

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        self.sock = sock
        self.client = client
        self.server = server
        self.parser = RequestParser(cfg, sock, client)
        self.head = b""
        self.deadline = 0.0
        self.closing = False

    def has_head(self) -> bool:
        """Whether a request can be read without waiting for the client."""
        return HEAD_END in self.head or len(self.head) >= MAX_HEAD

    def give_head(self) -> None:
        """Hand what was received to the parser."""
        self.parser.unreader.unread(self.head)
        self.head = b""

    def take_rest(self) -> None:
        """Take back what the parser read beyond the last request: the beginning of the next."""
        self.head = self.parser.unreader.buf.getvalue()
        self.parser.unreader.buf = io.BytesIO()


class SiteWorker(ThreadWorker):  # type: ignore[misc]
    """One process that serves the site on threads."""

    wsgi: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: Dict[Connection, None] = {}
        self.keepalived_conns = self._keep = self.waiting  # handle_request asks for their number
        self.finished: queue.SimpleQueue[Tuple[Connection, bool]] = queue.SimpleQueue()
        self.accepting: Tuple[Listener, ...] = ()
        self.admitted = False
        self.next_sweep = 0.0

    def init_process(self) -> None:
        """In the new process: let go of the arbiter's end of the lifeline, then go on as gunicorn does."""
        self.app.lifeline.cut()
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the site, and have a response that begins while the worker stops say so: `Connection: close`."""
        super().load_wsgi()
        app = self.wsgi

        def serve(environ: Dict[str, Any], start_response: Any) -> Any:
            def start(*args: Any) -> Any:
                if not self.alive:
                    start_response.__self__.force_close()
                return start_response(*args)

            return app(environ, start)

        self.wsgi = serve

    def handle_exit(self, *_: Any) -> None:
        """SIGTERM: the loop wakes by gunicorn's wakeup pipe and stops accepting before anything else.

        While the site is still being loaded there is no loop, and nobody to be answered.
        """
        if not self.booted:
            os._exit(0)
        self.alive = False

    def handle_quit(self, *_: Any) -> None:
        """SIGQUIT and SIGINT: end now, without waiting for the threads."""
        sys.stdout.flush()
        os._exit(0)

    def run(self) -> None:
        """Serve until told to stop, then finish what was begun."""
        self.poller.register(self.PIPE[0], selectors.EVENT_READ, self._woken)
        self.poller.register(self.app.lifeline.reader, selectors.EVENT_READ, self._orphaned)
        self._watch_gate()
        while self.alive:
            self._accept_if(self.nr_conns < self.worker_connections)
            self._turn(1.0)
        self._accept_if(False)
        close_all(self.sockets)
        self._drain()

    # listeners

    def _watch_gate(self) -> None:
        self.admitted = self.app.gate.is_open()
        if not self.admitted:
            self.poller.register(self.app.gate.descriptor, selectors.EVENT_READ, self._admit)

    def _admit(self, descriptor: int) -> None:
        self.poller.unregister(descriptor)
        self._accept_if(False)
        self.admitted = True

    def _accept_if(self, wanted: bool) -> None:
        """Listen, or not. Unregistered before it is closed: epoll goes on reporting a socket others have open."""
        if wanted == bool(self.accepting):
            return
        for listener in self.accepting:
            self.poller.unregister(listener)
        self.accepting = tuple(s for s in self.sockets if self.admitted or s.private) if wanted else ()
        for listener in self.accepting:
            self.poller.register(listener, selectors.EVENT_READ, self._accept)

    def _accept(self, listener: Listener) -> None:
        if not self.alive:
            return
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR):
                self._pause_accepting(error)
            return
        sock.setblocking(False)
        self.nr_conns += 1
        connection = Connection(self.cfg, sock, client, listener.getsockname())
        connection.deadline = time.monotonic() + HEAD_TIMEOUT
        self._receive(connection, registered=False)

    def _pause_accepting(self, error: OSError) -> None:
        """Out of descriptors or memory: the queue keeps the clients until some are free."""
        self.log.error("cannot accept: %s", error)
        time.sleep(0.05)

    # one turn of the loop

    def _turn(self, timeout: float) -> None:
        self.notify()
        for key, _ in self.poller.select(timeout):
            key.data(key.fileobj)
        now = time.monotonic()
        if now >= self.next_sweep:
            self.next_sweep = now + SWEEP
            self._sweep(now)

    def _woken(self, pipe: int) -> None:
        os.read(pipe, 4096)
        while True:
            try:
                connection, keep = self.finished.get_nowait()
            except queue.Empty:
                return
            self._finish(connection, keep)

    def _orphaned(self, reader: int) -> None:
        self.poller.unregister(reader)
        self.alive = False

    def _sweep(self, now: float) -> None:
        for connection in [waiting for waiting in self.waiting if waiting.deadline <= now]:
            self._receive(connection, registered=True)
            if connection.deadline > now or connection not in self.waiting:
                continue
            if connection.head:
                self._refuse_slow(connection)
            self._leave(connection, registered=True)

    def _refuse_slow(self, connection: Connection) -> None:
        try:
            write_error(connection.sock, 408, "Request Timeout", "The request did not arrive in time.")
        except OSError:
            self.log.debug("the slow client is gone")

    # one connection: receive a head, dispatch to a thread, finish, and so on

    def _receive(self, connection: Connection, *, registered: bool) -> None:
        """Take what has come. A whole head goes to a thread; the rest is waited for in the poller."""
        try:
            data: Optional[bytes] = connection.sock.recv(CHUNK)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data is not None and not connection.closing:
            if not connection.head and connection.parser.req_count:
                connection.deadline = time.monotonic() + HEAD_TIMEOUT
            connection.head += data
        if data == b"":
            self._leave(connection, registered=registered)
        elif connection.has_head():
            if registered:
                self._forget(connection)
            self._dispatch(connection)
        elif not registered:
            self._wait(connection)

    def _leave(self, connection: Connection, *, registered: bool) -> None:
        if registered:
            self._forget(connection)
        self._close(connection)

    def _wait(self, connection: Connection) -> None:
        self.waiting[connection] = None
        self.poller.register(
            connection.sock, selectors.EVENT_READ, lambda _: self._receive(connection, registered=True)
        )

    def _forget(self, connection: Connection) -> None:
        del self.waiting[connection]
        self.poller.unregister(connection.sock)

    def _dispatch(self, connection: Connection) -> None:
        connection.give_head()
        self.tpool.submit(self._work, connection)

    def _finish(self, connection: Connection, keep: bool) -> None:
        """Back from its thread: wait for the next request, which may have come already, or close."""
        try:
            connection.sock.setblocking(False)
        except OSError:
            keep = False
        if not keep:
            self._linger(connection)
            return
        connection.take_rest()
        timeout = HEAD_TIMEOUT if connection.head else self.cfg.keepalive
        connection.deadline = time.monotonic() + timeout
        if connection.has_head():
            self._dispatch(connection)
        else:
            self._wait(connection)

    def _linger(self, connection: Connection) -> None:
        """Say that no more will come, and read on until the client has understood."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        connection.closing = True
        connection.head = b""
        connection.deadline = time.monotonic() + LINGER_TIMEOUT
        self._receive(connection, registered=False)

    def _close(self, connection: Connection) -> None:
        self.nr_conns -= 1
        connection.sock.close()

    # in a thread

    def _work(self, connection: Connection) -> None:
        keep = False
        try:
            connection.sock.settimeout(IO_TIMEOUT)
            keep = self._serve(connection)
        finally:
            self.finished.put((connection, keep))
            with contextlib.suppress(BlockingIOError):
                os.write(self.PIPE[1], b".")

    def _serve(self, connection: Connection) -> bool:
        """Answer one request; returns whether the connection can be used for another."""
        request = None
        try:
            request = next(connection.parser)
            return bool(self.handle_request(request, connection)) and _is_drained(request)
        except (NoMoreData, StopIteration) as error:
            self.log.debug("closing: %s", error)
        except OSError as error:
            if error.errno not in GONE and not isinstance(error, socket.timeout):
                self.log.exception("Socket error processing request.")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a site raises is a 500, and the connection's end
            self.handle_error(request, connection.sock, connection.client, error)
        return False

    # the end

    def _drain(self) -> None:
        """Answer what reaches the connections that are left, until there are none or the time is over."""
        deadline = time.monotonic() + max(self.cfg.graceful_timeout - DRAIN_MARGIN, 0.1)
        for connection in self.waiting:
            connection.deadline = min(connection.deadline, time.monotonic() + self.cfg.keepalive)
        while self.nr_conns > 0 and time.monotonic() < deadline:
            self._turn(SWEEP / 5)
        if self.nr_conns > len(self.waiting):
            self.log.error("%d requests did not end in time and were cut off", self.nr_conns - len(self.waiting))
            sys.stdout.flush()
            os._exit(0)
        self.tpool.shutdown(wait=False)


def _is_drained(request: Any) -> bool:
    """Swallow what the site left of the request's body; False when that is too much to be worth it."""
    left = MAX_HEAD
    while left > 0:
        data = request.body.read(8192)
        if not data:
            return True
        left -= len(data)
    return False
