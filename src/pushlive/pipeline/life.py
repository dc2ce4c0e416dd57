"""A site between deliveries: what runs, start, stop, one-off commands."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from pushlive import source
from pushlive.image.sweep import forget_account
from pushlive.model.delivery import Delivery
from pushlive.model.errors import PushliveError, UsageError
from pushlive.model.release import Release
from pushlive.pipeline import sites
from pushlive.pipeline.context import Context, open_site
from pushlive.pipeline.delivery import put_back
from pushlive.pipeline.recovery import settle
from pushlive.pipeline.turns import queue, turn
from pushlive.rollout.engine import Replica
from pushlive.rollout.local import record


class Status(Struct, frozen=True):
    """What is live and what runs. `release` and `revision` are empty before the first delivery.

    `stopped`: somebody took the site down, and `release` is what `start` brings back.
    """

    site: str
    url: str
    release: str
    revision: str
    subject: str
    replicas: tuple[Replica, ...]
    cache: str
    last: Delivery | None
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The status for programs."""
        return {
            "site": self.site,
            "url": self.url,
            "live": bool(self.release) and not self.stopped,
            "stopped": self.stopped,
            "release": self.release,
            "revision": self.revision,
            "memcached": self.cache,
            "replicas": [
                {"name": each.name, "pid": each.pid, "ready": each.ready, "restarts": each.restarts}
                for each in self.replicas
            ],
            "last_delivery": delivery_dict(self.last) if self.last else None,
        }


def status(context: Context) -> Status:
    """What runs now, and how the last delivery ended."""
    engine = context.engine.status()
    with context.history as history:
        live = history.release(engine.live) if engine.live else None
        last = next(iter(history.deliveries(1)), None)
    return Status(
        site=context.site.name,
        url=context.record.url,
        release=live.name if live else "",
        revision=live.revision if live else "",
        subject=_subject(context, live),
        replicas=engine.replicas,
        cache=engine.cache,
        last=last,
        stopped=engine.stopped,
    )


def delivery_dict(delivery: Delivery) -> dict[str, Any]:
    """A delivery for programs."""
    found = delivery.diagnosis
    return {
        "number": delivery.number,
        "revision": delivery.revision,
        "ref": delivery.ref,
        "origin": delivery.origin.value,
        "started": delivery.started,
        "ended": delivery.ended,
        "verdict": delivery.verdict.value,
        "release": delivery.release,
        "timings": delivery.timings,
        "cause": found.cause if found else None,
        "code": found.code if found else None,
        "remedy": found.remedy if found else None,
    }


def start(context: Context) -> bool:
    """Start the release that was live, unless it runs; False when there never was one."""
    with queue(context.site):
        sites.refresh(context)
        settle(context)
        with context.history as history:
            release = history.live()
        if release and not context.engine.status().replicas:
            put_back(context.engine, release)
    return release is not None


def move(context: Context, listen: str) -> Context:
    """Have the site listen elsewhere (HOST:PORT) from its next start on; it is stopped for that.

    Raises SettingsError and MachineError before anything stops.
    """
    with turn(context.site):
        moved = sites.moved(context, listen)
        context.engine.stop()
        record.save(context.site, moved)
    return open_site(context.home, context.site.name)


def stop(context: Context, *, remove: bool) -> None:
    """Stop all that runs for the site; with `remove`, delete its folder too, data and history included."""
    with turn(context.site):
        context.engine.stop()
        if remove:
            if context.record.account:
                forget_account(context.home.cache, context.record.account)
            sites.remove(context.home, context.site.name)


def run_once(context: Context, argv: Sequence[str]) -> int:
    """Run a command in the live release, on our own terminal. Raises UsageError when nothing is live."""
    with context.history as history:
        release = history.live()
    if release is None:
        raise UsageError("nothing is live yet", remedy="Push first.")
    return context.engine.attach(release, argv)


def _subject(context: Context, live: Release | None) -> str:
    if live is None:
        return ""
    try:
        return source.revision(context.site.repository, live.revision).subject
    except PushliveError:
        return ""
