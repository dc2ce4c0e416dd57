"""Several things at once, on threads that nobody has to wait for, and how far they are together."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from queue import SimpleQueue
from typing import Any, Self, TypeVar

from pushlive.model.events import Progress, Report, silent
from pushlive.model.image import Digest
from pushlive.registry.connections import PARALLEL

GRACE = 2.0
"""Seconds that what was stopped gets to call its uploads off."""

_PAUSE = 0.1
"""Seconds between two reports."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Told = Callable[[int], None]
"""Is told how many bytes of a blob are through, each time it is more, or less when a part is sent again."""


class StoppedError(Exception):
    """What raises it has no purpose any more: something beside it failed, or the user stopped all of it."""


class Transfers:
    """Does tasks, PARALLEL at once, and tells how far all blobs are together. A context manager.

    When its block fails, what is under way stops at its next block of bytes, and the rest is not begun. Its threads end
    with the process: nobody waits for a registry that hangs.
    """

    def __init__(self, what: str, report: Report = silent) -> None:
        self._meter = _Meter(what, report)
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind:
            self._stop.set()
        for _thread in self._threads:
            self._waiting.put(None)
        until = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()) if kind else None)

    def tell(self, report: Report) -> None:
        """From now on tell how far the blobs are."""
        self._meter.report = report

    def do(self, task: Callable[[], Result]) -> "Future[Result]":
        """Do it as soon as a thread is free."""
        future: Future[Result] = Future()
        self._waiting.put((future, task))
        if len(self._threads) < PARALLEL:
            self._threads.append(threading.Thread(target=self._work, daemon=True))
            self._threads[-1].start()
        return future

    def move(self, digest: Digest, size: int, task: Callable[[Told], Result]) -> "Future[Result]":
        """Do it for a blob of `size` bytes; the task tells how far it is."""
        self._meter.expect(digest, size)

        def told(done: int) -> None:
            if self._stop.is_set():
                raise StoppedError
            self._meter.at(digest, done)

        return self.do(lambda: task(told))

    def each(self, task: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do it for each of the items; what came of it, in their order. Raises the first error."""
        return results([self.do(lambda item=item: task(item)) for item in items])  # type: ignore[misc]

    def _work(self) -> None:
        while (found := self._waiting.get()) is not None:
            future, task = found
            if self._stop.is_set():
                future.cancel()
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                future.set_exception(error)


def results(futures: "Sequence[Future[Result]]") -> list[Result]:
    """What came of all. Raises the first error as soon as there is one."""
    for future in wait(futures, return_when=FIRST_EXCEPTION).done:
        future.result()
    return [future.result() for future in futures]


class _Meter:
    """Adds up how far each of several blobs is, and reports it. Threads share it."""

    def __init__(self, what: str, report: Report) -> None:
        self._what = what
        self.report = report
        self._sizes: dict[Digest, int] = {}
        self._done: dict[Digest, int] = {}
        self._told = 0.0
        self._lock = threading.Lock()

    def expect(self, digest: Digest, size: int) -> None:
        """There is one more blob, of `size` bytes."""
        with self._lock:
            self._sizes[digest] = size

    def at(self, digest: Digest, done: int) -> None:
        """`done` bytes of one blob are through."""
        with self._lock:
            self._done[digest] = done
            reached, total = sum(self._done.values()), sum(self._sizes.values())
            if reached >= total or time.monotonic() > self._told + _PAUSE:
                self._told = time.monotonic()
                self.report(Progress(self._what, reached, total))
