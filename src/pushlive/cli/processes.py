"""`pushlive logs` and `run`."""

from pathlib import Path

import click

from pushlive import pipeline
from pushlive.cli.options import site_option
from pushlive.cli.text import plain


@click.command(epilog="Example:  pushlive logs -f")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", default=100, show_default=True, help="Lines of each replica to begin with.")
@site_option
def logs(wanted: str | None, lines: int, *, follow: bool) -> None:
    """Show the site's log, each line with the name of its replica."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    for line in context.engine.logs(follow=follow, lines=lines):
        click.echo(plain(line))


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example:  pushlive run -- python manage.py createsuperuser",
)
@site_option
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
def run(argv: tuple[str, ...], wanted: str | None) -> int:
    """Run a one-off command in the live release: its files, its user, its environment, your terminal."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    return pipeline.run_once(context, argv)
