"""An image alone, without a delivery."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pushlive import source
from pushlive.config.load import load as load_site
from pushlive.config.site import Site
from pushlive.model.events import Report
from pushlive.model.image import Image
from pushlive.model.source import Tree
from pushlive.pipeline import imaging, signing
from pushlive.pipeline.ahead import import_ahead
from pushlive.pipeline.context import Context
from pushlive.pipeline.diagnosing import diagnosing, known_of
from pushlive.pipeline.push import remarks
from pushlive.pipeline.scratch import scratch
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Published, Target
from pushlive.pipeline.turns import queue


class _Taken(Struct, frozen=True):
    """A revision that is checked out, and what it says of itself."""

    tree: Tree
    site: Site


def build_only(context: Context, wanted: str | None, report: Report) -> Image:
    """Build the image of a revision that was pushed before, as a delivery does; nothing else changes.

    It takes the site's turn, so that nothing removes its layers meanwhile. Raises PushliveError, diagnosed.
    """
    clock = Stopwatch(report, lambda: None)
    with (
        scratch(context.site) as folder,
        queue(context.site, report),
        context.history as history,
        _checked_out(context, wanted, folder, report) as taken,
    ):
        return imaging.make_image(context, taken.tree, taken.site, clock, history).image


def publish(context: Context, wanted: str | None, target: Target, report: Report) -> Published:
    """Build the image of a revision on a base image; push and sign it where `target` says, if it says so.

    The site's turn is held for the building alone. Raises PushliveError, diagnosed.
    """
    clock = Stopwatch(report, lambda: None)
    by = signing.signer(target, report)
    made = _published(context, wanted, target, report, clock)
    if by is None:
        return made
    signing.sign(by, made, target, clock)
    return replace(made, signed=str(by))


def _published(context: Context, wanted: str | None, target: Target, report: Report, clock: Stopwatch) -> Published:
    import_ahead("pushlive.pipeline.publishing")
    with scratch(context.site) as folder:
        blobs = folder / "image"
        with queue(context.site, report), _checked_out(context, wanted, folder, report) as taken:
            if taken.site.file.build.dockerfile:
                from pushlive.pipeline import dockerfile  # noqa: PLC0415 - few sites have one

                return dockerfile.build(taken.tree, taken.site, target, folder, clock)
            parts = imaging.dependencies(context, taken.tree, taken.site, clock)
            from pushlive.pipeline import publishing  # noqa: PLC0415 - imported while git was waited for

            ground = publishing.stand(context, taken.tree, taken.site, parts, target, clock)
            made = publishing.recall(context, taken.tree, ground)
            if made is None:
                with context.history as history:
                    looked = imaging.look(context, taken.tree, taken.site, parts, clock, history)
                made = publishing.assemble(context, taken.tree, taken.site, looked, ground, clock)
            publishing.hold(context.images, made.digest, blobs)
        pushed = publishing.push(made, target, taken.tree.revision, blobs, clock) if target.to else None
    return Published(str(made.digest), str(made.base), pushed)


@contextmanager
def _checked_out(context: Context, wanted: str | None, folder: Path, report: Report) -> Iterator[_Taken]:
    """The revision's tree and site; what goes wrong inside the block is diagnosed."""
    repository = context.site.repository
    revision = source.revision(repository, wanted or f"refs/heads/{context.record.branch}")
    taken = source.checkout(repository, revision, folder / "tree")
    for remark in remarks(taken):
        report(remark)
    site = load_site(taken.tree.path)
    with diagnosing(context, lambda: known_of(context, taken.tree, site)):
        yield _Taken(taken.tree, site)
