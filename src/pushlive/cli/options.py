"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pushlive.model.errors import PushliveError


def _names_of_sites(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The sites whose names begin so, for the shell's completion."""
    from pushlive import pipeline  # noqa: PLC0415  # only when a shell asks

    return [site.name for site in pipeline.home().sites if site.name.startswith(begun)]


def names_of_targets(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The targets with a registry in this folder's site file, for the shell's completion."""
    from pushlive.cli.folder import repository  # noqa: PLC0415  # only when a shell asks
    from pushlive.config.read import read  # noqa: PLC0415

    try:
        targets = read(repository(Path.cwd()) or Path.cwd()).target
    except PushliveError:
        return []
    return [name for name, section in sorted(targets.items()) if section.registry and name.startswith(begun)]


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
site_option = click.option(
    "-s",
    "--site",
    "wanted",
    metavar="NAME",
    envvar="PUSHLIVE_SITE",
    show_envvar=True,
    shell_complete=_names_of_sites,
    help="Which site; default: the one of this folder.",
)


def on_site(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --site and --json."""
    return site_option(json_option(command))
