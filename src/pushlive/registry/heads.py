"""Answers whose status line and headers are whole.

http.client takes the end of a connection for the end of the headers. A 201 that is cut there looks like one without a
digest to compare, and a 200 like one with an empty body.
"""

import http.client
from typing import Any, ClassVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection


def only_whole(manager: PoolManager) -> PoolManager:
    """Let the connections of a manager take an answer for cut whose head is."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


class _Head:
    """A file that has more lines; where it has not, the connection was cut."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def readline(self, limit: int) -> bytes:
        line: bytes = self.file.readline(limit)
        if len(line) < limit and not line.endswith(b"\n"):
            raise http.client.RemoteDisconnected("the answer is cut in its headers")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class _Response(http.client.HTTPResponse):
    def begin(self) -> None:
        if self.fp:
            self.fp = _Head(self.fp)  # type: ignore[assignment]
        super().begin()
        if isinstance(self.fp, _Head):
            self.fp = self.fp.file


class _Connection(HTTPConnection):
    response_class: ClassVar[type[http.client.HTTPResponse]] = _Response  # type: ignore[misc]


class _TlsConnection(HTTPSConnection):
    response_class: ClassVar[type[http.client.HTTPResponse]] = _Response  # type: ignore[misc]


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
