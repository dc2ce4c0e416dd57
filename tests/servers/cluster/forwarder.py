"""Leads connections to this machine's loopback into a node's network: `forwarder.py DESCRIPTOR=PORT ...`.

A socket stays in the network it was made in: the inherited ones are bound on the machine's loopback, and what this
process opens itself is in the node's network. They listen only while somebody does inside, so that a server that is
down refuses, as it would there. Standard library only, run by path.
"""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path

_PIECE = 256 * 1024
_LOOK = 0.1
"""Seconds between two looks at who listens inside."""
_LISTENS = "0A"
_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")


def listening(table: str) -> set[int]:
    """The ports that somebody listens on, of one of the kernel's tables (proc_pid_net(5)). Pure."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTENS}


def _inside() -> set[int]:
    return set().union(*(listening(Path(table).read_text()) for table in _TABLES if Path(table).exists()))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _lead(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port, limit=_PIECE)
    except OSError:
        writer.transport.abort()  # it ended since the last look
        return
    try:
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
    finally:
        inner_writer.close()
        writer.close()


async def _open(outer: socket.socket, port: int) -> asyncio.Server:
    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _lead(port, reader, writer)

    return await asyncio.start_server(lead, sock=outer.dup(), limit=_PIECE)


async def main(leads: dict[int, int]) -> None:
    """Serve all of them until killed."""
    outer = {port: socket.socket(fileno=descriptor) for descriptor, port in leads.items()}
    servers: dict[int, asyncio.Server] = {}
    while True:
        inside = _inside()
        for port in inside & outer.keys() - servers.keys():
            servers[port] = await _open(outer[port], port)
        for port in servers.keys() - inside:
            servers.pop(port).close()
            outer[port].shutdown(socket.SHUT_RD)  # it stays bound, and refuses (Linux)
        await asyncio.sleep(_LOOK)


if __name__ == "__main__":
    asyncio.run(main({int(descriptor): int(port) for descriptor, port in (each.split("=") for each in sys.argv[1:])}))
