"""An image alone, without a delivery."""

from pushlive import source
from pushlive.config.load import load as load_site
from pushlive.model.events import Report
from pushlive.model.image import Image
from pushlive.pipeline.context import Context
from pushlive.pipeline.diagnosing import diagnosing, known_of
from pushlive.pipeline.imaging import make_image
from pushlive.pipeline.push import remarks
from pushlive.pipeline.scratch import scratch
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.turns import queue


def build_only(context: Context, wanted: str | None, report: Report) -> Image:
    """Build the image of a revision that was pushed before; nothing else changes.

    It takes the site's turn, so that nothing removes its layers meanwhile. Raises PushliveError, diagnosed.
    """
    repository = context.site.repository
    revision = source.revision(repository, wanted or f"refs/heads/{context.record.branch}")
    with queue(context.site, report), scratch(context.site) as folder:
        taken = source.checkout(repository, revision, folder / "tree")
        for remark in remarks(taken):
            report(remark)
        site = load_site(taken.tree.path)
        clock = Stopwatch(report, lambda: None)
        with diagnosing(context, lambda: known_of(context, taken.tree, site)), context.history as history:
            return make_image(context, taken.tree, site, clock, history).image
