"""Whose turn it is: one delivery per site at a time, and of two that decide what is live the newer wins."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pushlive.model.errors import SupersededError, UsageError
from pushlive.model.events import Note, Report, silent
from pushlive.model.home import SiteHome
from pushlive.system import locks


@contextmanager
def turn(home: SiteHome, report: Report = silent) -> Iterator[Callable[[], None]]:
    """Become the site's newest delivery, wait for the turn and hold it.

    Yields a check that raises SupersededError once there is a newer one. Raises UsageError when the site was removed.
    """
    ticket = _draw(home)

    def check() -> None:
        if _newest(home) > ticket:
            raise SupersededError(
                "superseded: a newer push, rollback or stop of this site took its place",
                remedy="`pushlive deliveries` shows it. If this revision is still wanted: git fetch, and push again.",
            )

    with queue(home, report):
        yield check


@contextmanager
def queue(home: SiteHome, report: Report = silent) -> Iterator[None]:
    """Wait for the turn and hold it, for what does not decide which revision is live: it supersedes nothing.

    Having to wait is reported. Raises UsageError when the site was removed.
    """
    require_site(home)
    with ExitStack() as until_done:
        if not until_done.enter_context(locks.held(_lock(home), wait=False)):
            report(Note(f"waiting for {_running(home)} to end"))
            until_done.enter_context(locks.held(_lock(home)))
        require_site(home)
        yield


def _running(home: SiteHome) -> str:
    """Who has the turn, as far as the records tell."""
    from pushlive.history import History  # noqa: PLC0415  # only when somebody else has the turn

    if not home.history.exists():
        return "another command"
    with History(home.history) as history:
        return next((f"delivery {found.number}" for found in history.unfinished()), "another command")


@contextmanager
def idle(home: SiteHome) -> Iterator[bool]:
    """Hold the turn if nobody does; yields whether it is held."""
    with locks.held(_lock(home), wait=False) as mine:
        yield mine


def _draw(home: SiteHome) -> int:
    """Take the next number. It is the length of a file with nothing in it, which no kill leaves half written."""
    require_site(home)
    with locks.held(home.run / "ticket.lock"):
        number = _newest(home) + 1
        _ticket(home).touch()
        os.truncate(_ticket(home), number)
    return number


def _newest(home: SiteHome) -> int:
    try:
        return _ticket(home).stat().st_size
    except FileNotFoundError:
        return 0


def require_site(home: SiteHome) -> None:
    """Raise UsageError when the site was removed, before anything is written that would bring a part of it back."""
    if not home.record.exists():
        raise UsageError(f"there is no site called {home.name} any more", where=str(home.path))


def _lock(home: SiteHome) -> Path:
    return home.run / "delivery.lock"


def _ticket(home: SiteHome) -> Path:
    return home.run / "ticket"
