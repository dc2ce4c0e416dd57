"""An image alone, without a delivery."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pushlive import source
from pushlive.config.load import load as load_site
from pushlive.config.site import Site
from pushlive.model.events import Report, silent
from pushlive.model.image import Image
from pushlive.model.source import Tree
from pushlive.pipeline import imaging, signing
from pushlive.pipeline.context import Context
from pushlive.pipeline.destination import addressed
from pushlive.pipeline.diagnosing import diagnosing, known_of
from pushlive.pipeline.headstart import HeadStart, remember
from pushlive.pipeline.parts import Parts, install
from pushlive.pipeline.pruning import prune_later
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


def publish(
    context: Context, wanted: str | None, target: Target, scratch: Path, start: HeadStart | None, report: Report
) -> Published:
    """Build the image of a revision on a base image; push and sign it where `target` says, if it says so.

    The site's turn is held while the image is put together, and for nothing that a network may take its time for.
    Raises PushliveError, diagnosed.
    """
    clock = Stopwatch(report, lambda: None)
    by = signing.signer(target, report)
    with _checked_out(context, wanted, scratch, report) as taken:
        made = _published(context, taken, target, scratch, start, clock)
    prune_later(context)
    if by is None:
        return made
    signing.sign(by, made, target, clock)
    return replace(made, signed=str(by))


def _published(
    context: Context, taken: _Taken, target: Target, scratch: Path, start: HeadStart | None, clock: Stopwatch
) -> Published:
    target = addressed(target, taken.site.file, context.site.name)
    if taken.site.file.build.dockerfile:
        from pushlive.pipeline import dockerfile  # noqa: PLC0415 - few sites have one

        return dockerfile.build(taken.tree, taken.site, target, scratch, clock)
    from pushlive.pipeline import assembling, sending  # noqa: PLC0415 - imported while git was waited for

    ground = assembling.stand(context, taken.tree, taken.site, target, clock)
    blobs = scratch / "image"
    with sending.sender(target) as to:
        with queue(context.site, clock.tell):
            made = assembling.recall(context, taken.tree, ground)
            if made is None:
                # Once more: before the turn was ours, a pruning may have taken the layers out of the site's layout.
                parts = install(context, taken.tree, taken.site, silent)
                if to:
                    sending.send_ahead(context, ground, parts, blobs, to)
                looked = _looked(context, taken, parts, start, clock)
                made = assembling.assemble(context, taken.tree, taken.site, looked, ground, clock)
            assembling.hold(context.images, made.digest, blobs)
        pushed = sending.push(made, target, taken.tree.revision, blobs, to, clock) if to else None
    return Published(str(made.digest), str(made.base), pushed)


def _looked(context: Context, taken: _Taken, parts: Parts, start: HeadStart | None, clock: Stopwatch) -> imaging.Looked:
    with context.history as history:
        warm = start.warm(parts) if start else None
        looked = imaging.look(context, taken.tree, taken.site, parts, clock, history, warm)
    remember(context.site, parts)
    return looked


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
