"""`pushlive build` and `image`."""

from pathlib import Path

import click

from pushlive import pipeline
from pushlive.cli.options import on_site
from pushlive.cli.output import show_json
from pushlive.cli.report import reporter


@click.command(epilog="Example:  pushlive build master")
@click.argument("revision", required=False)
@on_site
def build(revision: str | None, wanted: str | None, *, as_json: bool) -> None:
    """Build the image of REVISION, which was pushed before, into the site's OCI layout; deliver nothing."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    made = pipeline.build_only(context, revision, reporter(as_json=as_json))
    if as_json:
        show_json({"image": str(made.digest), "layout": str(context.site.images)})
    else:
        click.echo(f"{made.digest}\nin the OCI layout {context.site.images}")


@click.group(epilog="Example:  pushlive image prune")
def image() -> None:
    """Look after the images of a site."""


@image.command(epilog="Example:  pushlive image prune --keep 5", short_help="Remove what no kept release needs.")
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=2),
    default=pipeline.KEPT_RELEASES,
    show_default=True,
    help="How many releases stay, the live one and the one before among them.",
)
@on_site
def prune(keep: int, wanted: str | None, *, as_json: bool) -> None:
    """Remove the files and images of releases that are not kept: those that were live last stay.

    A release without its files cannot be rolled back to; `pushlive deliver REVISION` builds it anew.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    kept = pipeline.prune(context, keep)
    if as_json:
        show_json({"kept": kept})
    else:
        click.echo(f"kept: {', '.join(kept) or 'nothing'}")
