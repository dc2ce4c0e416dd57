"""Whose turn it is: one delivery per site at a time, and of two that wait the newer wins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pushlive.model.errors import SupersededError
from pushlive.model.home import SiteHome
from pushlive.system import locks


@contextmanager
def turn(home: SiteHome) -> Iterator[Callable[[], None]]:
    """Wait for the site's turn and hold it. Yields a check that raises SupersededError once a newer one waits.

    Raises SupersededError when a newer one came while this one waited.
    """
    ticket = _draw(home)

    def check() -> None:
        newest = _newest(home)
        if newest > ticket:
            raise SupersededError(
                "superseded by a newer delivery of this site",
                remedy="Nothing to do: the newer one decides what is live.",
            )

    with locks.held(home.run / "delivery.lock"):
        check()
        yield check


@contextmanager
def idle(home: SiteHome) -> Iterator[bool]:
    """Hold the turn if nobody does, without becoming the newest; yields whether it is held."""
    with locks.held(home.run / "delivery.lock", wait=False) as mine:
        yield mine


def _draw(home: SiteHome) -> int:
    with locks.held(home.run / "ticket.lock"):
        number = _newest(home) + 1
        _ticket(home).write_text(str(number))
    return number


def _newest(home: SiteHome) -> int:
    try:
        return int(_ticket(home).read_bytes() or b"0")
    except FileNotFoundError:
        return 0


def _ticket(home: SiteHome) -> Path:
    return home.run / "ticket"
