"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
site_option = click.option(
    "-s",
    "--site",
    "wanted",
    metavar="NAME",
    envvar="PUSHLIVE_SITE",
    help="Which site; default: the one of this folder.",
)


def on_site(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --site and --json."""
    return site_option(json_option(command))
