"""Images beside deliveries: building one alone, and removing what is not kept."""

from pushlive import source
from pushlive.config.load import load as load_site
from pushlive.model.errors import UsageError
from pushlive.model.events import Report
from pushlive.model.image import Image
from pushlive.pipeline import stages
from pushlive.pipeline.context import Context
from pushlive.pipeline.scratch import scratch
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.turns import idle

KEPT_RELEASES = 10
"""Releases that stay besides the live one and the one before it."""


def build_only(context: Context, wanted: str | None, report: Report) -> Image:
    """Build the image of a revision that was pushed before; nothing else changes."""
    repository = context.site.repository
    revision = source.revision(repository, wanted or f"refs/heads/{context.record.branch}")
    with scratch(context.site) as folder, context.history as history:
        tree = source.checkout(repository, revision, folder / "tree").tree
        site = load_site(tree.path, name=context.site.name)
        return stages.make_image(context, tree, site, Stopwatch(report, lambda: None), history).image


def prune(context: Context, keep: int = KEPT_RELEASES) -> tuple[str, ...]:
    """Remove files and images of releases that are not kept; returns the names of those that are."""
    with idle(context.site) as mine:
        if not mine:
            raise UsageError("a delivery runs", remedy="Wait for its end.")
        return _prune(context, keep)


def _prune(context: Context, keep: int) -> tuple[str, ...]:
    with context.history as history:
        kept = tuple(history.keep(keep))
        context.engine.collect(kept)
        digests = {each.image.digest for each in history.releases() if each.name in kept}
        context.images.prune(digests)
    return kept
