"""Retention: what no kept release needs is removed, by hand or when enough of it has gathered."""

import os
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from pushlive import source
from pushlive.image import modules
from pushlive.image.sweep import forget
from pushlive.model.errors import UsageError
from pushlive.model.image import Digest
from pushlive.pipeline.context import Context
from pushlive.pipeline.recovery import settle
from pushlive.pipeline.retention import KEPT_RELEASES, UNUSED_DAYS
from pushlive.pipeline.turns import idle
from pushlive.system import process

_NEWEST = "latest"
"""How the tags of the images begin that stay in any case: what was built last is the likeliest to be asked for."""


class Pruned(Struct, frozen=True):
    """What stayed: the names of releases; and what went of images, in bytes on the disk."""

    kept: tuple[str, ...]
    freed: int


def prune(context: Context, keep: int = KEPT_RELEASES) -> Pruned:
    """Remove files and images of releases that are not kept, and what caches have that nobody asks for any more."""
    with idle(context.site) as mine:
        if not mine:
            raise UsageError("a delivery runs", remedy="Wait for its end.")
        settle(context)
        done = _prune(context, keep)
    # Slow, and safe beside a delivery: nobody waits for it.
    from pushlive.pipeline import bases  # noqa: PLC0415 - deliveries import this module, and speak to no registry

    for_long, now = UNUSED_DAYS * 86400.0, time.time()
    modules.forget(context.site.bytecode, unused_for=for_long, now=now)
    forget(context.home.cache, unused_for=for_long, now=now)
    freed = bases.forget(context.home, unused_for=for_long, now=now)
    source.tidy(context.site.repository)
    return Pruned(done.kept, done.freed + freed)


def prune_later(context: Context) -> None:
    """Start a process of its own that prunes, once there is twice what is kept; nobody waits for it."""
    if max(map(_count, (context.site.releases, context.site.assembled))) <= 2 * KEPT_RELEASES:
        return
    process.popen(
        [sys.executable, "-I", "-m", "pushlive", "image", "prune", "--site", context.site.name],
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "PUSHLIVE_HOME": str(context.home.path)},
    )


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0


def _prune(context: Context, keep: int) -> Pruned:
    with context.history as history:
        names = history.keep(keep)
        kept = [each for each in history.releases() if each.name in names]
    context.engine.collect(kept)
    newest = {digest for tag, digest in context.images.tags().items() if tag.startswith(_NEWEST)}
    freed = context.images.prune({each.image.digest for each in kept} | newest)
    _forget_notes(context)
    source.keep_commits(context.site.repository, {each.name: each.revision for each in kept})
    return Pruned(names, freed)


def _forget_notes(context: Context) -> None:
    """The notes on images that are gone, and those that cannot be read."""
    for note in context.site.assembled.glob("*.json"):
        try:
            digest = Digest.parse(str(msgspec.json.decode(note.read_bytes())["digest"]))
        except (ValueError, KeyError, TypeError):  # msgspec's errors and ours are ValueErrors
            note.unlink()
            continue
        if not context.images.has(digest):
            note.unlink()
