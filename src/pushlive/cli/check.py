"""`pushlive check`."""

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import to_builtins

from pushlive import pipeline
from pushlive.cli.folder import repository
from pushlive.cli.options import on_site
from pushlive.cli.output import show_json, show_table
from pushlive.cli.text import GREEN, RED, YELLOW, painted, plain
from pushlive.config.site import Fact
from pushlive.model.errors import UsageError
from pushlive.pipeline import checks
from pushlive.pipeline.checks import Finding, Grade

_COLOURS = {Grade.GOOD: GREEN, Grade.WARNING: YELLOW, Grade.BAD: RED}


@click.command(epilog="Example:  cd mysite && pushlive check")
@on_site
def check(wanted: str | None, *, as_json: bool) -> int:
    """Show what was detected in this folder's repository and where it comes from; check the machine and the site.

    Exits with 3 when something would stop a delivery.
    """
    folder = repository(Path.cwd())
    found, facts = checks.repository(folder) if folder else ((), ())
    findings = [*found, *checks.check(pipeline.home(), _context(wanted, folder))]
    if as_json:
        show_json({"facts": to_builtins(facts), "findings": to_builtins(findings)})
    else:
        _show(facts, findings)
    return 3 if any(each.grade is Grade.BAD for each in findings) else 0


def _show(facts: Sequence[Fact], findings: Sequence[Finding]) -> None:
    if facts:
        show_table(("SETTING", "VALUE", "FROM"), [(each.key, each.value, each.origin) for each in facts], nothing="")
        click.echo()
    width = max(len(each.subject) for each in findings)
    for each in findings:
        grade = painted(f"{each.grade.value:8}", _COLOURS[each.grade])
        click.echo(f"{grade} {each.subject:{width}} {plain(each.text)}")
        if each.remedy:
            click.echo(f"{'':{width + 9}} {each.remedy}")


def _context(wanted: str | None, folder: Path | None) -> pipeline.Context | None:
    """The site that is wanted or that belongs to the repository; outside of one, the only one there is."""
    try:
        context = pipeline.find_site(pipeline.home(), wanted, folder or Path.cwd())
    except UsageError:
        if wanted:
            raise
        return None
    named = wanted or folder is None or folder.name == context.site.name
    return context if named or context.record.source == folder else None
