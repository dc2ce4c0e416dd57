"""Retention: what no kept release needs is removed, by hand or when enough of it has gathered."""

import os
import sys
import time

from pushlive import source
from pushlive.image import modules
from pushlive.image.sweep import forget
from pushlive.model.errors import UsageError
from pushlive.pipeline.context import Context
from pushlive.pipeline.recovery import settle
from pushlive.pipeline.retention import KEPT_RELEASES, UNUSED_DAYS
from pushlive.pipeline.turns import idle
from pushlive.system import process
from pushlive.system.files import remove_tree


def prune(context: Context, keep: int = KEPT_RELEASES) -> tuple[str, ...]:
    """Remove files and images of releases that are not kept; returns the names of those that are."""
    with idle(context.site) as mine:
        if not mine:
            raise UsageError("a delivery runs", remedy="Wait for its end.")
        settle(context)
        kept = _prune(context, keep)
    # Slow, and safe beside a delivery: nobody waits for it.
    from pushlive.pipeline import bases  # noqa: PLC0415 - deliveries import this module, and speak to no registry

    modules.forget(context.site.bytecode, unused_for=UNUSED_DAYS * 86400, now=time.time())
    forget(context.home.cache, unused_for=UNUSED_DAYS * 86400, now=time.time())
    bases.forget(context.home, unused_for=UNUSED_DAYS * 86400, now=time.time())
    source.tidy(context.site.repository)
    return kept


def prune_later(context: Context) -> None:
    """Start a process of its own that prunes, once there is twice what is kept; whoever pushes does not wait for it."""
    if not context.site.releases.is_dir() or len(list(context.site.releases.iterdir())) <= 2 * KEPT_RELEASES:
        return
    process.popen(
        [sys.executable, "-I", "-m", "pushlive", "image", "prune", "--site", context.site.name],
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "PUSHLIVE_HOME": str(context.home.path)},
    )


def _prune(context: Context, keep: int) -> tuple[str, ...]:
    with context.history as history:
        names = history.keep(keep)
        kept = [each for each in history.releases() if each.name in names]
    context.engine.collect(kept)
    context.images.prune({each.image.digest for each in kept})
    remove_tree(context.site.assembled)
    source.keep_commits(context.site.repository, {each.name: each.revision for each in kept})
    return names
