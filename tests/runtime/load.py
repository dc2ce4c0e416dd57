"""A light load that counts every request that got no whole answer: on new connections and on kept ones."""

import asyncio
import contextlib
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What the clients saw."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    answers: dict[bytes, int] = field(default_factory=dict)

    def note(self, body: bytes) -> None:
        self.answered += 1
        self.answers[body] = self.answers.get(body, 0) + 1


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body and whether the connection stays; raises EOFError when the answer is not whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    if "chunked" in fields.get("transfer-encoding", ""):
        body = await _chunked(reader)
    else:
        body = await reader.readexactly(int(fields.get("content-length", "0")))
    return status, body, fields.get("connection", "").lower() != "close"


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)


async def new_connections(address: tuple[str, int], tally: Tally, stop: asyncio.Event, *, pause: float) -> None:
    """One request a connection, one after another; some are slow to say what they want."""
    number = 0
    while not stop.is_set():
        number += 1
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*address)
            if number % 5 == 0:
                await asyncio.sleep(0.02)
            writer.write(b"GET /new HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status, body, _ = await read_response(reader)
            tally.note(body) if status == 200 else tally.failures.append(f"new: {status}")
        except (OSError, EOFError) as error:
            tally.failures.append(f"new: {error!r}")
        finally:
            await _close(writer)
        await asyncio.sleep(pause)


async def kept_connections(address: tuple[str, int], tally: Tally, stop: asyncio.Event, *, pause: float) -> None:
    """Many requests a connection; a new one when the server said it would close, or did while nothing was asked."""
    writer = None
    while not stop.is_set():
        try:
            reader, writer = await asyncio.open_connection(*address)
            keep = True
            while keep and not stop.is_set() and not reader.at_eof():
                writer.write(b"GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n")
                status, body, keep = await read_response(reader)
                tally.note(body) if status == 200 else tally.failures.append(f"kept: {status}")
                await asyncio.sleep(pause)
        except (OSError, EOFError) as error:
            tally.failures.append(f"kept: {error!r}")
        finally:
            await _close(writer)


async def _close(writer: asyncio.StreamWriter | None) -> None:
    if writer is not None:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def running(address: tuple[str, int], tally: Tally, *, new: int = 4, kept: int = 4):
    """The load, as long as the block lasts."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(new_connections(address, tally, stop, pause=0.01)) for _ in range(new)]
    tasks += [asyncio.create_task(kept_connections(address, tally, stop, pause=0.02 * (n + 1))) for n in range(kept)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)
