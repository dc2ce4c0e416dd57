"""A steady, bounded load on one address, and what its clients saw.

    python bench/load.py http://127.0.0.1:8000/ --rate 50 --seconds 10

Every request is a new connection, sent at its time whether earlier ones were answered or not (an open loop).
It ends after --seconds or when standard input closes, and prints one JSON object: requests, failed (no answer,
or not the wanted status), latency in milliseconds, and `stall_ms`: how much longer the worst request took than the
median of the fifty around it.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

NEIGHBOURS = 25
TIMEOUT = 15.0


@dataclass
class Tally:
    """What was seen so far; `samples` are (when it was sent, seconds it took) of answered requests."""

    samples: list[tuple[float, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


async def request(host: str, port: int, payload: bytes, status: bytes, tally: Tally) -> None:
    """Send one request on a connection of its own and note how it went."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(payload)
                answer = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        tally.failures.append(f"{type(error).__name__}: {error}")
        return
    head = answer.partition(b"\r\n")[0]
    if head.split(b" ")[1:2] != [status]:
        tally.failures.append(head.decode(errors="replace") or "closed without an answer")
        return
    tally.samples.append((began, time.monotonic() - began))


async def generate(url: str, rate: float, seconds: float, status: int, tally: Tally) -> None:
    """Send `rate` requests a second until the time is over or standard input closes."""
    parts = urlsplit(url)
    host, port, path = parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/"
    payload = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    if not sys.stdin.isatty():
        loop.add_reader(sys.stdin, lambda: closed.set() if not sys.stdin.buffer.read1(1) else None)
    tasks: set[asyncio.Task[None]] = set()
    began = time.monotonic()
    sent = 0
    while time.monotonic() - began < seconds and not closed.is_set():
        due = began + sent / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(request(host, port, payload, str(status).encode(), tally))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        sent += 1
    await asyncio.gather(*tasks)


def stalls(samples: list[tuple[float, float]]) -> list[float]:
    """How much longer each request took than the median of its neighbours, in seconds."""
    took = [seconds for _, seconds in sorted(samples)]
    found = []
    for index, seconds in enumerate(took):
        around = took[max(0, index - NEIGHBOURS) : index] + took[index + 1 : index + 1 + NEIGHBOURS]
        if around:
            found.append(seconds - statistics.median(around))
    return found


def summary(tally: Tally) -> dict[str, object]:
    """What the JSON object says."""
    took = sorted(seconds for _, seconds in tally.samples)
    late = stalls(tally.samples)
    quantile = lambda share: round(1000 * took[min(len(took) - 1, int(len(took) * share))], 1) if took else None  # noqa: E731
    return {
        "requests": len(tally.samples) + len(tally.failures),
        "failed": len(tally.failures),
        "failures": sorted(set(tally.failures))[:5],
        "median_ms": quantile(0.5),
        "p99_ms": quantile(0.99),
        "max_ms": quantile(1.0),
        "stall_ms": round(1000 * max(late, default=0.0), 1),
        "stalls_over_100_ms": sum(1 for seconds in late if seconds > 0.1),
    }


def main() -> None:
    """Run the load and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second (50)")
    parser.add_argument("--seconds", type=float, default=600.0, help="at most this long (600)")
    parser.add_argument("--status", type=int, default=200, help="the status that counts as a success (200)")
    options = parser.parse_args()
    tally = Tally()
    asyncio.run(generate(options.url, options.rate, options.seconds, options.status, tally))
    print(json.dumps(summary(tally)))


if __name__ == "__main__":
    main()
