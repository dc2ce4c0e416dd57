"""Give a site up whose worker is killed again and again before it is up: Gunicorn would start it for ever."""

from __future__ import annotations

import mmap
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

MOST_LOST = 3
"""So many workers may end before the first one came up."""


class Boots:
    """Counts the workers that ended too early. `came_up` is called in a worker, `ended` in the arbiter."""

    def __init__(self) -> None:
        self._up = mmap.mmap(-1, 1)  # shared with the workers
        self._lost = 0

    def came_up(self, worker: Any) -> None:  # noqa: ARG002 - gunicorn's hook
        """A worker has loaded the site. From now on whatever ends is started again."""
        self._up[0] = 1

    def ended(self, arbiter: Any, worker: Any) -> None:  # noqa: ARG002 - gunicorn's hook
        """A worker is gone. Raises HaltServer when it is one too many, unless the arbiter has been told to stop."""
        if self._up[0] or not arbiter.LISTENERS:
            return
        self._lost += 1
        if self._lost >= MOST_LOST:
            raise HaltServer(f"{self._lost} workers ended before the site was loaded.", Arbiter.WORKER_BOOT_ERROR)
