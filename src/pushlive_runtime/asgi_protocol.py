"""One client of an ASGI site: gunicorn's protocol, with an end that loses nothing.

Gunicorn closes a kept connection that has just been promised to the client when the worker stops in mid-response, waits
without end for a client that never sends its first request, and closes with unread input, which resets the connection
under the response. Each of these is a request lost, or a stop delayed.
"""

from __future__ import annotations

import asyncio
from typing import Any, Optional, Tuple

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.asgi.websocket import OPCODE_BINARY, OPCODE_TEXT, WebSocketDisconnected, WebSocketProtocol

from pushlive_runtime.limits import HEAD_TIMEOUT, LINGER_TIMEOUT

WEBSOCKET_CLOSE_TIMEOUT = 5.0
"""Seconds a client has to answer the closing of its websocket."""
SERVICE_RESTART = 1012


class SiteProtocol(ASGIProtocol):  # type: ignore[misc]
    """A connection that knows whether its worker is draining."""

    _closed: bool

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self.limit: Optional[asyncio.TimerHandle] = None
        self.heard = False
        self.hastened = False
        self.decided: Tuple[Any, bool] = (None, False)

    def connection_made(self, transport: Any) -> None:
        """A client has come; it has HEAD_TIMEOUT to say what it wants."""
        super().connection_made(transport)
        self.worker.connections.add(self)
        self._limit(HEAD_TIMEOUT)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """The client is gone, or was let go."""
        self._unlimit()
        super().connection_lost(exc)
        self.worker.connections.discard(self)
        self.worker.make_room()

    def data_received(self, data: bytes) -> None:
        """Feed the parser. What comes after the end is swallowed; the beginning of a head gets the time of a head."""
        if self._closed:
            return
        self.heard = True
        super().data_received(data)
        if self._keepalive_handle is not None and not self._request_ready.is_set():
            self._cancel_keepalive_timer()
            self._limit(HEAD_TIMEOUT)

    def hasten(self, seconds: float) -> None:
        """The worker drains: a client that has not finished its request head gets `seconds` and no more."""
        if self.limit is not None and not self._closed and not self.hastened:
            self._limit(seconds)
        self.hastened = True
        if self._websocket is not None and self._websocket.accepted:
            _restart_websocket(self._websocket, self.transport)

    def _limit(self, seconds: float) -> None:
        self._unlimit()
        self.limit = self.worker.loop.call_later(seconds, self._over)

    def _unlimit(self) -> None:
        if self.limit is not None:
            self.limit.cancel()
            self.limit = None

    def _over(self) -> None:
        self.limit = None
        if self._request_ready.is_set():
            return
        if self.heard:
            self._send_error_response(408, "Request Timeout")
        self._keepalive_timeout()

    def _on_headers_complete(self) -> Any:
        self._unlimit()
        return super()._on_headers_complete()

    def _arm_keepalive_timer(self) -> None:
        self.heard = False
        super()._arm_keepalive_timer()

    def _keepalive_timeout(self) -> None:
        """Close, unless the next request arrived in the very turn of the loop in which its time was over."""
        if not self._request_ready.is_set():
            super()._keepalive_timeout()

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        """Decided once a request, when the response begins: what the client was told then is kept to."""
        if self.decided[0] is not request:
            close = self.worker.draining or super()._will_close(request, response_requires_close)
            self.decided = (request, bool(close))
        return self.decided[1]

    def _close_transport(self) -> None:
        """Say that no more will come, and read on until the client has understood."""
        if self.transport is None or self._closed:
            return
        self._closed = True
        self._unlimit()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._resume_reading()
        self.limit = self.worker.loop.call_later(LINGER_TIMEOUT, self.transport.close)


def _restart_websocket(websocket: WebSocketProtocol, transport: Any) -> None:
    """Close in order with 1012 and let the client answer; data frames after a close frame are not allowed."""
    if websocket.closed or websocket._close_sent:  # noqa: SLF001 - gunicorn has no public name for it
        return
    send_frame = websocket._send_frame  # noqa: SLF001

    async def without_data(opcode: int, payload: bytes) -> None:
        if opcode in (OPCODE_TEXT, OPCODE_BINARY):
            raise WebSocketDisconnected("the server restarts")
        await send_frame(opcode, payload)

    websocket._send_frame = without_data  # noqa: SLF001
    loop = asyncio.get_running_loop()
    closing = loop.create_task(websocket._send_close(SERVICE_RESTART, "Service Restart"))  # noqa: SLF001
    closing.add_done_callback(lambda _: loop.call_later(WEBSOCKET_CLOSE_TIMEOUT, transport.abort))
