"""An image alone, without a delivery."""

from pushlive import source
from pushlive.config.load import load as load_site
from pushlive.model.events import Report
from pushlive.model.image import Image
from pushlive.pipeline import stages
from pushlive.pipeline.context import Context
from pushlive.pipeline.scratch import scratch
from pushlive.pipeline.stopwatch import Stopwatch


def build_only(context: Context, wanted: str | None, report: Report) -> Image:
    """Build the image of a revision that was pushed before; nothing else changes."""
    repository = context.site.repository
    revision = source.revision(repository, wanted or f"refs/heads/{context.record.branch}")
    with scratch(context.site) as folder, context.history as history:
        tree = source.checkout(repository, revision, folder / "tree").tree
        site = load_site(tree.path, name=context.site.name)
        return stages.make_image(context, tree, site, Stopwatch(report, lambda: None), history).image
