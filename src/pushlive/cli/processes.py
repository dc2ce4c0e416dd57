"""`pushlive logs` and `run`."""

from pathlib import Path

import click

from pushlive import pipeline
from pushlive.cli.options import on_site, site_option
from pushlive.cli.output import show_json
from pushlive.cli.text import plain


@click.command(epilog="Example:  pushlive logs -f")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "-n",
    "--lines",
    metavar="N",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Lines of each replica to begin with.",
)
@click.option("--failed", is_flag=True, help="What the last delivery that failed had printed, tracebacks and all.")
@on_site
def logs(wanted: str | None, lines: int, *, follow: bool, failed: bool, as_json: bool) -> None:
    """Show what the live release printed, each line with the name of its replica."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    if failed:
        for line in pipeline.failure(context):
            show_json({"line": line}) if as_json else click.echo(plain(line))
        return
    for line in context.engine.logs(follow=follow, lines=lines):
        if as_json:
            replica, _, text = line.partition(" | ")
            show_json({"replica": replica, "line": text})
        else:
            click.echo(plain(line))


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example:  pushlive run -- python manage.py createsuperuser",
)
@site_option
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
def run(argv: tuple[str, ...], wanted: str | None) -> int:
    """Run a one-off command, ARGV, in the live release: its files, its user, its environment, your terminal.

    Exits with the command's own exit code; with 128 and the number of the signal that ended it, as a shell does.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    code = pipeline.run_once(context, argv)
    return code if code >= 0 else 128 - code
