"""`pushlive env`: the values that only the running site may know."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pushlive import pipeline
from pushlive.cli.options import on_site
from pushlive.cli.output import show_json, show_table
from pushlive.cli.report import reporter
from pushlive.cli.results import show_outcome
from pushlive.model.errors import UsageError
from pushlive.model.release import RESERVED


@click.group(epilog="Example:  pushlive env list")
def env() -> None:
    """Set, unset and list the site's secrets.

    Values are kept in files that only their owner can read, and are never printed.
    """


@env.command(
    "set", epilog="Example:  pushlive env set DATABASE_URL < url.txt", short_help="Set values; the live site gets them."
)
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE...")
@on_site
def set_(pairs: tuple[str, ...], wanted: str | None, *, as_json: bool) -> None:
    """Set values. NAME alone keeps the value out of your shell's history: on a terminal it is asked for.

    Elsewhere it is all of standard input, without the line end that closes it. A live site gets the values at once,
    as a new release of the same image.
    """
    values = _values(pairs)
    context = _site(wanted)
    context.secrets.set(values)
    _apply(context, sorted(values), "set", as_json=as_json)


@env.command(
    "unset", epilog="Example:  pushlive env unset SENTRY_DSN", short_help="Forget values; the live site loses them."
)
@click.argument("names", nargs=-1, required=True)
@on_site
def unset(names: tuple[str, ...], wanted: str | None, *, as_json: bool) -> None:
    """Forget the values of NAMES. A live site loses them at once; earlier releases keep those they were made with."""
    context = _site(wanted)
    unknown = set(names) - set(context.secrets.names())
    if unknown:
        raise UsageError(f"no value is set for {', '.join(sorted(unknown))}", remedy="`pushlive env list` shows names.")
    context.secrets.unset(*names)
    _apply(context, sorted(names), "unset", as_json=as_json)


@env.command("list", epilog="Example:  pushlive env list --json", short_help="List names and where each came from.")
@on_site
def list_(wanted: str | None, *, as_json: bool) -> None:
    """List the names that have a value, and what was supplied to the live release, with the reason."""
    context = _site(wanted)
    with context.history as history:
        live = history.live()
    supplied = {one.name: one.reason for one in live.supplied} if live else {}
    names = sorted({*context.secrets.names(), *supplied})
    if as_json:
        show_json([{"name": name, "supplied": supplied.get(name)} for name in names])
        return
    rows = [(name, f"supplied: {supplied[name]}" if name in supplied else "set") for name in names]
    show_table(("NAME", "FROM"), rows, nothing="No value is set.")


def _site(wanted: str | None) -> pipeline.Context:
    return pipeline.find_site(pipeline.home(), wanted, Path.cwd())


def _values(pairs: Sequence[str]) -> dict[str, str]:
    """Each name's value. Raises UsageError for a name or a value that cannot be."""
    given = [text.partition("=") for text in pairs]
    for name, _, _ in given:
        _check_name(name)
    bare = [name for name, equals, _ in given if not equals]
    if len(bare) > 1:
        raise UsageError(
            f"only one value can be read, and {', '.join(bare)} have none", remedy="Set one of them at a time."
        )
    return {name: value if equals else _read(name) for name, equals, value in given}


def _check_name(name: str) -> None:
    if not name.isidentifier() or not name.isascii():
        raise UsageError(f"{name[:60]!r} is not the name of an environment variable")
    if name.startswith(RESERVED):
        raise UsageError(f"{name}: names that begin with {RESERVED} are pushlive's own")


def _read(name: str) -> str:
    """A value that stands on no command line."""
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True, err=True))
    try:
        value = sys.stdin.buffer.read().decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UsageError(f"the value of {name} is no text: it is not UTF-8") from error
    if not value:
        raise UsageError(
            f"there is no value for {name} on standard input", remedy=f"`pushlive env set {name}=` sets it to nothing."
        )
    if "\0" in value:
        raise UsageError(f"the value of {name} has a NUL character, which no variable can have")
    return value


def _apply(context: pipeline.Context, names: list[str], done: str, *, as_json: bool) -> None:
    outcome = pipeline.apply_settings(context, reporter(as_json=as_json))
    if outcome:
        show_outcome(outcome, as_json=as_json)
    elif as_json:
        show_json({done: names, "live": False})
    else:
        click.echo(f"{', '.join(names)} {done}, for the first delivery.")
