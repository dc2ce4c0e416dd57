"""The end of a delivery as people and programs read it."""

import click

from pushlive.cli.output import show_json
from pushlive.cli.report import live_line
from pushlive.pipeline import Outcome


def show_outcome(outcome: Outcome, *, as_json: bool, remote: str = "") -> None:
    """Print how a delivery ended well."""
    if not as_json:
        click.echo(live_line(outcome))
        return
    show_json(
        {
            "live": True,
            "url": outcome.url,
            "revision": outcome.release.revision,
            "release": outcome.release.name,
            "image": str(outcome.release.image.digest),
            "seconds": round(outcome.seconds, 3),
            "timings": outcome.delivery.timings,
            "warnings": list(outcome.warnings),
            **({"remote": remote} if remote else {}),
        }
    )
