"""`pushlive releases` and `rollback`."""

from pathlib import Path

import click

from pushlive import pipeline
from pushlive.cli.options import on_site
from pushlive.cli.output import show_json, show_table, when
from pushlive.cli.report import reporter
from pushlive.cli.results import show_outcome


@click.command(epilog="Example:  pushlive releases")
@on_site
def releases(wanted: str | None, *, as_json: bool) -> None:
    """List the releases, the newest first."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    with context.history as history:
        found, live = history.releases(), history.live()
    name = live.name if live else ""
    if as_json:
        show_json(
            [
                {
                    "release": each.name,
                    "revision": each.revision,
                    "image": str(each.image.digest),
                    "created": each.created,
                    "live": each.name == name,
                }
                for each in found
            ]
        )
        return
    rows = [
        (
            each.name,
            each.revision[:7],
            when(each.created),
            each.image.digest.hex[:12],
            "live" if each.name == name else "",
        )
        for each in found
    ]
    show_table(("RELEASE", "REVISION", "MADE", "IMAGE", ""), rows, nothing="There is no release yet.")


@click.command(epilog="Example:  pushlive rollback v7")
@click.argument("release", required=False, metavar="[REVISION|RELEASE]")
@on_site
def rollback(release: str | None, wanted: str | None, *, as_json: bool) -> None:
    """Make an earlier release live again, with its settings, without a build.

    RELEASE is its name, such as v7, or the beginning of its REVISION; by default it is the one that was live before
    this one. The branch on the remote moves to its revision.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    outcome = pipeline.roll_back(context, release, reporter(as_json=as_json))
    show_outcome(outcome, as_json=as_json)
