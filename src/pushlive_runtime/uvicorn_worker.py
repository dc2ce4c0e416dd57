"""The ASGI worker for Pythons whose newest gunicorn has none: uvicorn's protocols behind our gate.

Uvicorn comes with the site or not at all. Its protocols know nothing of draining, so a stopping worker adds
`Connection: close` to every answer, and lets idle connections be for as long as they would have been kept anyway.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from uvicorn.config import Config
from uvicorn.server import ServerState

from pushlive_runtime.asgi_loop import GatedLoop

CLOSE = (b"connection", b"close")


class SiteUvicornWorker(GatedLoop, Worker):  # type: ignore[misc]
    """One process that serves the site with uvicorn's protocols."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.worker_connections = self.cfg.worker_connections
        self.server = ServerState()
        self.hastened_at = 0.0

    def init_process(self) -> None:
        """Have the loop before the signals, which go through it."""
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        super().init_process()

    def init_signals(self) -> None:
        """Gunicorn's own handlers would take the loop's place."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self.end_at_once()

    def run(self) -> None:
        """Serve until stopped."""
        self.loop.run_until_complete(self._serve())

    def protocol(self) -> asyncio.Protocol:
        """What serves a new connection."""
        made: asyncio.Protocol = self.config.http_protocol_class(
            config=self.config, server_state=self.server, app_state=self.lifespan.state
        )
        return made

    def open_connections(self) -> int:
        """How many connections there are."""
        return len(self.server.connections)

    def hasten(self) -> None:
        """Have answers say that they are the last; close websockets, and what is idle once it had its time."""
        now = self.loop.time()
        if CLOSE not in self.server.default_headers:
            self.server.default_headers.append(CLOSE)
            self.hastened_at = now
        overdue = now - self.hastened_at > self.cfg.keepalive
        for connection in list(self.server.connections):
            if overdue or hasattr(connection, "handshake_complete") or hasattr(connection, "handshake_completed_event"):
                connection.shutdown()

    async def _serve(self) -> None:
        self.stopping = asyncio.Event()
        self.config = Config(self.wsgi, timeout_keep_alive=self.cfg.keepalive, log_config=None, lifespan="auto")
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR)
        await self.serve_until_stopped()
        if not self.quick:
            await self.lifespan.shutdown()
