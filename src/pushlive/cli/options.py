"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click


def _names_of_sites(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The sites whose names begin so, for the shell's completion."""
    from pushlive import pipeline  # noqa: PLC0415  # only when a shell asks

    return [site.name for site in pipeline.home().sites if site.name.startswith(begun)]


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
