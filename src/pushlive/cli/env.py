"""`pushlive env`: the values that only the running site may know."""

import sys

import click

from pushlive import pipeline
from pushlive.cli.options import on_site
from pushlive.cli.output import show_json, show_table
from pushlive.model.errors import UsageError


@click.group(epilog="Example:  pushlive env set DATABASE_URL=postgres://...")
def env() -> None:
    """Set, unset and list the site's secrets. Values are kept in a file only you can read, and never printed."""


@env.command("set")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE...")
@on_site
def set_(pairs: tuple[str, ...], wanted: str | None, *, as_json: bool) -> None:
    """Set values. NAME alone reads the value from standard input, so that it stays out of your shell's history.

    The next delivery uses them; `pushlive deliver` does that at once.
    """
    values = dict(_pair(text) for text in pairs)
    context = _site(wanted)
    context.secrets.set(values)
    _told(sorted(values), "set", as_json=as_json)


@env.command("unset")
@click.argument("names", nargs=-1, required=True)
@on_site
def unset(names: tuple[str, ...], wanted: str | None, *, as_json: bool) -> None:
    """Forget values. Releases that were made with them keep them until they are removed."""
    context = _site(wanted)
    unknown = set(names) - set(context.secrets.names())
    if unknown:
        raise UsageError(f"no value is set for {', '.join(sorted(unknown))}", remedy="`pushlive env list` shows names.")
    context.secrets.unset(*names)
    _told(sorted(names), "unset", as_json=as_json)


@env.command("list")
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
    from pathlib import Path  # noqa: PLC0415

    return pipeline.find_site(pipeline.home(), wanted, Path.cwd())


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.isidentifier() or not name.isascii():
        raise UsageError(f"{name[:60]!r} is not the name of an environment variable")
    if name.startswith("PUSHLIVE_"):
        raise UsageError(f"{name}: names that begin with PUSHLIVE_ are pushlive's own")
    return name, value if equals else sys.stdin.readline().rstrip("\n")


def _told(names: list[str], done: str, *, as_json: bool) -> None:
    if as_json:
        show_json({done: names})
    else:
        click.echo(f"{', '.join(names)} {done}. `pushlive deliver` makes it live.")
