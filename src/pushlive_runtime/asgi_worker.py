"""The ASGI worker: gunicorn's own, behind the same gate and with the same end as the WSGI one."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, Set

from gunicorn.arbiter import Arbiter
from gunicorn.asgi.lifespan import LifespanManager, LifespanStartupFailed
from gunicorn.workers.gasgi import ASGIWorker

from pushlive_runtime.asgi_loop import GatedLoop
from pushlive_runtime.asgi_protocol import SiteProtocol


class SiteAsgiWorker(GatedLoop, ASGIWorker):  # type: ignore[misc]
    """One process that serves the site on an event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: Set[SiteProtocol] = set()

    def stop_quickly(self) -> None:
        """Stop, drain nothing, and have gunicorn wait for no task."""
        self._quick_shutdown = True
        super().stop_quickly()

    def protocol(self) -> asyncio.Protocol:
        """What serves a new connection."""
        return SiteProtocol(self)

    def open_connections(self) -> int:
        """How many connections there are."""
        return int(self.nr_conns)

    def hasten(self) -> None:
        """Give clients that have not asked yet the time of a kept connection, and close websockets in order."""
        for connection in list(self.connections):
            connection.hasten(self.cfg.keepalive)

    async def _serve(self) -> None:
        self.stopping = asyncio.Event()
        await self._start_lifespan()
        await self.serve_until_stopped()
        self.alive = False
        await self._stop_lifespan()

    async def _start_lifespan(self) -> None:
        self.lifespan = LifespanManager(self.asgi, self.log, self.state)
        try:
            await self.lifespan.startup()
        except LifespanStartupFailed as error:
            self._give_up(error)
        except Exception as error:  # noqa: BLE001 - an application without a lifespan may raise anything to say so
            if not self.lifespan._app_finished:  # noqa: SLF001 - it has one, whose startup was cut off for its length
                self._give_up(error)
            self.log.debug("the application has no lifespan: %s", error)
            self.lifespan = None

    def _give_up(self, error: Exception) -> NoReturn:
        self.log.critical("%s", error)
        self.lifespan = None
        raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from error

    async def _stop_lifespan(self) -> None:
        if self.lifespan is None or self.quick:
            return
        try:
            await self.lifespan.shutdown()
        except Exception:
            self.log.exception("the application's lifespan shutdown failed")
