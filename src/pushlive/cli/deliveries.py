"""`pushlive deliver`, `plan` and `deliveries`."""

from pathlib import Path

import click

from pushlive import pipeline
from pushlive.cli.folder import repository
from pushlive.cli.options import on_site
from pushlive.cli.output import show_json, show_table, when
from pushlive.cli.report import reporter
from pushlive.cli.results import show_outcome
from pushlive.model.delivery import Delivery


@click.command(epilog="Example:  pushlive deliver v1.4")
@click.argument("revision", required=False)
@on_site
def deliver(revision: str | None, wanted: str | None, *, as_json: bool) -> None:
    """Deliver REVISION, which was pushed before; by default the branch's tip again, with the settings of now.

    The branch on the remote moves to REVISION.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    outcome = pipeline.redeliver(context, revision, reporter(as_json=as_json))
    show_outcome(outcome, as_json=as_json)


@click.command(epilog="Example:  pushlive plan HEAD")
@click.argument("revision", default="HEAD")
@on_site
def plan(revision: str, wanted: str | None, *, as_json: bool) -> None:
    """Show what a push of REVISION, from the repository you are in, would do. Changes nothing."""
    folder = repository(Path.cwd()) or Path.cwd()
    found = pipeline.plan(pipeline.find_site(pipeline.home(), wanted, folder), folder, revision)
    if as_json:
        show_json(found.as_dict())
        return
    for line in found.lines():
        click.echo(line)


@click.command(epilog="Example:  pushlive deliveries --limit 5")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many, the newest first.",
)
@on_site
def deliveries(limit: int, wanted: str | None, *, as_json: bool) -> None:
    """List the deliveries: what started each, how it ended and how long it took."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    pipeline.recover(context)
    with context.history as history:
        found = history.deliveries(limit)
    if as_json:
        show_json([pipeline.delivery_dict(each) for each in found])
        return
    rows = [
        (
            str(each.number),
            each.revision[:7],
            each.origin.value,
            when(each.started),
            _took(each),
            each.verdict.value,
            each.diagnosis.cause if each.diagnosis else each.release or "",
        )
        for each in found
    ]
    show_table(
        ("NUMBER", "REVISION", "BY", "STARTED", "TOOK", "VERDICT", ""), rows, nothing="There was no delivery yet."
    )


def _took(delivery: Delivery) -> str:
    """Seconds from its beginning to its end, the stage that failed included."""
    return f"{(delivery.ended - delivery.started).total_seconds():.2f} s" if delivery.ended else ""
