"""Several blobs at once, and how far they are together."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from pushlive.model.events import Progress, Report
from pushlive.model.image import Digest
from pushlive.registry.connections import PARALLEL

_PAUSE = 0.1
"""Seconds between two reports."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Meter:
    """Adds up how far each of several blobs is, and reports it. Threads share it."""

    def __init__(self, what: str, total: int, report: Report) -> None:
        self._what = what
        self._total = total
        self._report = report
        self._done: dict[Digest, int] = {}
        self._told = 0.0
        self._lock = threading.Lock()

    def at(self, digest: Digest, done: int) -> None:
        """`done` bytes of one blob are through."""
        with self._lock:
            self._done[digest] = done
            reached = sum(self._done.values())
            if reached >= self._total or time.monotonic() > self._told + _PAUSE:
                self._told = time.monotonic()
                self._report(Progress(self._what, reached, self._total))


def in_parallel(task: Callable[[Item], Result], items: Sequence[Item]) -> list[tuple[Item, Result]]:
    """Do `task` for each item, a few at once; the first error is raised once those under way have ended."""
    with ThreadPoolExecutor(min(PARALLEL, len(items)) or 1) as pool:
        under_way = [(item, pool.submit(task, item)) for item in items]
        try:
            done = wait([future for _, future in under_way], return_when=FIRST_EXCEPTION).done
            for future in done:
                future.result()
            return [(item, future.result()) for item, future in under_way]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
