"""Publish an image. Before anything else is even imported, the site's Python is started."""

from pushlive.model.events import Report
from pushlive.pipeline.ahead import import_ahead
from pushlive.pipeline.context import Context
from pushlive.pipeline.headstart import head_start
from pushlive.pipeline.scratch import scratch
from pushlive.pipeline.target import Published, Target


def publish(context: Context, wanted: str | None, target: Target, report: Report) -> Published:
    """Build the image of a revision on a base image; push and sign it where `target` says, if it says so.

    Raises PushliveError, diagnosed.
    """
    with scratch(context.site) as folder, head_start(context, folder) as start:
        from pushlive.pipeline import images  # noqa: PLC0415 - imported while the site's Python starts

        import_ahead("pushlive.pipeline.sending")
        return images.publish(context, wanted, target, folder, start, report)
