"""Releases without a build: an earlier one again, or the live one with the settings of now."""

from datetime import UTC, datetime

from msgspec.structs import replace

from pushlive import source
from pushlive.history import History
from pushlive.model.delivery import Origin, Stage
from pushlive.model.errors import UsageError
from pushlive.model.events import Report
from pushlive.model.release import Release
from pushlive.pipeline.context import Context
from pushlive.pipeline.delivery import Order, Outcome, carry_out, run
from pushlive.pipeline.recovery import settle
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.turns import queue
from pushlive.release import unset


def roll_back(context: Context, wanted: str | None, report: Report) -> Outcome:
    """Make an earlier release live, as it was: `wanted` is v7 or a revision, None the release before the live one.

    The branch moves to its revision, from wherever a delivery that it had to wait for has put it. Raises UsageError
    when there is no such release.
    """
    with context.history as history:
        release = _earlier(history, wanted)
    _require_files(context, release)

    def forward(clock: Stopwatch, _history: History) -> Release:
        with clock.run(Stage.RELEASE) as told:
            context.engine.prepare(release)
            told(f"{release.name} of {release.revision[:7]}, as it was")
        return release

    return run(context, _order(context, release, Origin.ROLLBACK), forward, report)


def apply_settings(context: Context, report: Report) -> Outcome | None:
    """Give the live release the secrets of now, as a new release. None when nothing is live yet.

    It waits for a delivery that runs, and supersedes none: the revision and the branch stay as they are.
    """
    with queue(context.site, report):
        settle(context)
        with context.history as history:
            live = history.live()
        return _with_settings(context, live, report) if live else None


def _with_settings(context: Context, live: Release, report: Report) -> Outcome:
    def forward(clock: Stopwatch, history: History) -> Release:
        with clock.run(Stage.RELEASE) as told:
            store = context.secrets
            release = history.add_release(
                replace(
                    live,
                    created=datetime.now(UTC),
                    secrets=store.names(),
                    secrets_version=store.current,
                    supplied=unset(live.supplied, store.names()),
                )
            )
            context.engine.prepare(release)
            told(f"{release.name}: {live.name} with the settings of now")
        return release

    return carry_out(context, _order(context, live, Origin.SETTINGS), forward, Stopwatch(report, lambda: None))


def _earlier(history: History, wanted: str | None) -> Release:
    found = history.find(wanted) if wanted else history.previous()
    if found is None or not history.was_live(found.name):
        raise UsageError(
            f"there is no release {wanted} that was live" if wanted else "there is no earlier release",
            remedy="`pushlive releases` lists them.",
        )
    return found


def _require_files(context: Context, release: Release) -> None:
    if not (context.site.releases / release.name).is_dir() and not context.images.has(release.image.digest):
        raise UsageError(
            f"{release.name} is not kept any more",
            remedy=f"`pushlive deliver {release.revision[:12]}` builds its revision anew.",
        )


def _order(context: Context, release: Release, origin: Origin) -> Order:
    revision = source.revision(context.site.repository, release.revision)
    return Order(revision=revision, ref=f"refs/heads/{context.record.branch}", origin=origin)
