"""What a killed delivery left behind is put in order, by whoever has the site's turn next."""

from contextlib import suppress

from pushlive import source
from pushlive.history import History
from pushlive.model.delivery import Delivery, Verdict
from pushlive.model.errors import StateError
from pushlive.model.release import Release
from pushlive.model.source import Push
from pushlive.pipeline import scratch
from pushlive.pipeline.context import Context
from pushlive.pipeline.turns import idle

PATIENCE = 600.0
"""Seconds to wait for what a killed delivery's release command is doing; [release] timeout's default."""


def recover(context: Context) -> None:
    """Put in order what was left, if nobody delivers at the moment."""
    with idle(context.site) as mine:
        if mine:
            context.engine.rescue()
            with suppress(StillRunningError):
                settle(context, patience=0.0)


class StillRunningError(StateError):
    """A command of a delivery that was killed runs on: migrations, as often as not."""


def settle(context: Context, coming: Push | None = None, *, patience: float = PATIENCE) -> None:
    """Bring branch and records to what is live. Hold the site's turn.

    A delivery whose release was committed is live, and its branch is moved if git was killed before it did; any
    other that did not end was interrupted. `coming` is a push that is about to be decided on: is it the very one that
    git was killed over, its branch is left for git to move.

    What a killed deliverer's release command is doing to a database is waited for, `patience` seconds at most. Raises
    StillRunningError past them.
    """
    stuck = source.settle(context.site.repository)
    with context.history as history:
        _outlast(context, history, patience)
        committed = _unrecorded(context, history)
        for delivery in history.unfinished():
            _finish(history, delivery, committed)
        if committed:
            history.went_live(committed.name)
        if stuck and stuck != coming:
            live = history.live()
            if live and live.revision == stuck.new:
                source.set_ref(context.site.repository, stuck.ref, stuck.new, stuck.old)
            source.withdraw(context.site.repository)
    scratch.sweep(context.site)


def _outlast(context: Context, history: History, patience: float) -> None:
    if history.unfinished() and not context.engine.outlast(patience):
        raise StillRunningError(
            "the release command of a delivery that was killed still runs",
            where=str(context.site.path),
            remedy="Wait for its end, or end it: `ps -ef` shows it. Then run this again.",
        )


def is_live(context: Context, history: History, delivery: Delivery) -> bool:
    """Whether a delivery that did not come to its end is live all the same: its release was committed."""
    committed = _unrecorded(context, history)
    return committed is not None and committed.revision == delivery.revision


def _unrecorded(context: Context, history: History) -> Release | None:
    """The live release by the engine's word, which counts, if the records have another: a kill came in between."""
    name = context.engine.live()
    recorded = history.live()
    if name is None or (recorded and recorded.name == name):
        return None
    return history.release(name)


def _finish(history: History, delivery: Delivery, committed: Release | None) -> None:
    """Its ending comes before the record of what is live: a kill between the two leaves what shows it was live."""
    if committed and committed.revision == delivery.revision:
        history.finish(delivery.number, Verdict.LIVE, release=committed.name)
    else:
        history.finish(delivery.number, Verdict.INTERRUPTED)
