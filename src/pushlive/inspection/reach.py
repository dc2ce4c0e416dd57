"""Whether a database server answers at all. No login, no query."""

import socket
from collections.abc import Collection
from pathlib import Path

from pushlive.inspection.values import Database

_PORTS = {"postgresql": 5432, "postgis": 5432, "mysql": 3306, "oracle": 1521}
_SOCKETS = {
    "postgresql": ("/var/run/postgresql/.s.PGSQL.{port}", "/tmp/.s.PGSQL.{port}"),  # noqa: S108
    "postgis": ("/var/run/postgresql/.s.PGSQL.{port}", "/tmp/.s.PGSQL.{port}"),  # noqa: S108
    "mysql": ("/var/run/mysqld/mysqld.sock", "/tmp/mysql.sock"),  # noqa: S108
}
_PATIENCE = 2.0
_OPTIONS = {"service", "read_default_file", "read_default_group", "unix_socket", "host", "hostaddr", "dsn"}
"""What says in OPTIONS where the server is, or names a file that does; its value is not told to us."""
_LIBPQ = {"PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE"}
"""What says it to PostgreSQL's own library, where the settings don't."""


def answers(database: Database, environment: Collection[str] = ()) -> bool:
    """Something listens where the settings say; True where it can't be told.

    `environment` are the names of the variables that the site has.
    """
    if _OPTIONS.intersection(database.options) or (not database.host and _LIBPQ.intersection(environment)):
        return True
    kind = database.engine.rpartition(".")[2]
    port = int(database.port) if database.port.isdecimal() else _PORTS.get(kind)
    if port is None:
        return True
    if not database.host:
        return any(Path(path.format(port=port)).exists() for path in _SOCKETS.get(kind, ()))
    if database.host.startswith("/"):
        return Path(database.host).exists()
    return any(_listens(host.strip(), port) for host in database.host.split(","))


def place(database: Database) -> str:
    """Where the settings look for the server."""
    return f"{database.host or 'a local socket'}{':' + database.port if database.port else ''}"


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except (OSError, ValueError, OverflowError):
        # No name of a host, or no port, is none that answers.
        return False
    return True
