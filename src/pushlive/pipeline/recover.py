"""What a killed delivery left behind is put in order, by whoever has the site's turn next."""

from pushlive import source
from pushlive.history import History
from pushlive.model.delivery import Verdict
from pushlive.pipeline.context import Context
from pushlive.pipeline.turns import idle
from pushlive.system.files import remove_tree
from pushlive.system.process import start_time


def recover(context: Context) -> None:
    """Put in order what was left, if nobody delivers at the moment."""
    with idle(context.site) as mine:
        if mine:
            settle(context)


def settle(context: Context) -> None:
    """Bring branch and records to what is live. Hold the site's turn.

    A delivery whose release was committed is live, and its branch is moved if git was killed before it did; any
    other that did not end was interrupted.
    """
    stuck = source.settle(context.site.repository)
    with context.history as history:
        unfinished = history.unfinished()
        if stuck is None and not unfinished:
            return
        committed = context.engine.status().live
        _close(history, committed)
        if stuck is not None:
            release = history.release(committed) if committed else None
            if release is not None and release.revision == stuck.new:
                source.set_ref(context.site.repository, stuck.ref, stuck.new, stuck.old)
            source.withdraw(context.site.repository)
    _sweep(context)


def _close(history: History, committed: str | None) -> None:
    """The engine's word counts: a release that it has as live, and the records do not, was committed before a kill."""
    recorded = history.live()
    new = committed if committed != (recorded.name if recorded else None) else None
    for delivery in history.unfinished():
        release = history.release(new) if new else None
        if release is not None and release.revision == delivery.revision:
            history.went_live(release.name)
            history.finish(delivery.number, Verdict.LIVE, release=release.name)
        else:
            history.finish(delivery.number, Verdict.INTERRUPTED)


def _sweep(context: Context) -> None:
    """Remove the scratch folders of processes that are gone; each is named for its process."""
    for folder in context.site.work.glob("[0-9]*"):
        if not start_time(int(folder.name)):
            remove_tree(folder)
