"""`pushlive up`, `create`, `start`, `status`, `down`: a site from its beginning to its end."""

from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from pushlive import pipeline
from pushlive.cli import errors
from pushlive.cli.options import json_option, on_site
from pushlive.cli.output import show_json, show_table
from pushlive.cli.report import reporter
from pushlive.cli.results import show_outcome
from pushlive.model.errors import PushliveError, UsageError
from pushlive.model.home import Home
from pushlive.pipeline import sites

listen_option = click.option(
    "--listen", metavar="HOST:PORT", help="Where the site listens; port 0: the first free one from 8000."
)


@click.command(epilog="Example:  cd mysite && pushlive up")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".")
@click.option(
    "--name", metavar="NAME", help="The site's name; default: [site] name in pushlive.toml, else the folder's."
)
@listen_option
@json_option
def up(folder: Path, name: str | None, listen: str | None, *, as_json: bool) -> None:
    """Set a site up from the git repository FOLDER and deliver its current revision.

    Run again, it delivers what is committed now. The site keeps running in the background; `git push` to the remote
    that is printed delivers from then on.
    """
    report = reporter(as_json=as_json)
    context, outcome = pipeline.up(pipeline.home(), folder.resolve(), name=name, listen=listen, report=report)
    show_outcome(outcome, as_json=as_json, remote=str(context.site.repository))
    if not as_json:
        branch = context.record.branch
        click.echo(f"\nTo deliver by push:\n  git remote add live {context.site.repository}\n  git push live {branch}")


@click.command(epilog="Example:  pushlive create mysite --listen 0.0.0.0:80")
@click.argument("name")
@listen_option
@click.option(
    "--branch", metavar="BRANCH", default="master", show_default=True, help="The branch whose pushes go live."
)
@json_option
def create(name: str, listen: str | None, branch: str, *, as_json: bool) -> None:
    """Make an empty site called NAME on this machine; the first push makes it live."""
    context = sites.create(pipeline.home(), name, listen=listen, branch=branch)
    ssh = sites.ssh_remote(context)
    if as_json:
        show_json({"site": name, "url": context.record.url, "remote": str(context.site.repository), "ssh_remote": ssh})
        return
    click.echo(f"{name} will answer at {context.record.url}\n")
    click.echo(f"From a repository on this machine:\n  git remote add live {context.site.repository}\n")
    click.echo(f"From your laptop:\n  git remote add live {ssh}\n\nThen:\n  git push live {branch}")


@click.command(epilog="Example, for a machine that boots:  pushlive start --all")
@click.option("--all", "every", is_flag=True, help="Every site of this machine that runs unless it was taken down.")
@click.option("--listen", metavar="HOST:PORT", help="Listen there from now on; the site is stopped and started.")
@on_site
def start(wanted: str | None, *, every: bool, listen: str | None, as_json: bool) -> int:
    """Start a site that was stopped, with the release that was live.

    With --all, a site that cannot be started does not keep the others from it; the exit code is then its error's.
    """
    machine = pipeline.home()
    if every and listen:
        raise UsageError("--listen is for one site", remedy="Leave out --all, or --listen.")
    ended = _start_all(machine) if every else [_start(_chosen(machine, wanted, listen))]
    if as_json:
        show_json([each.as_dict() for each in ended if each.url or each.error])
    else:
        _tell_started(ended)
    return max((each.error.exit_code for each in ended if each.error), default=0)


class _Ended(Struct, frozen=True):
    """How starting a site ended: it runs at `url`, or failed, or there was nothing to start."""

    site: str
    url: str = ""
    error: PushliveError | None = None
    was_down: bool = False

    def as_dict(self) -> dict[str, Any]:
        found = errors.as_dict(self.error) if self.error else {"url": self.url}
        return {"site": self.site, **found}


def _chosen(machine: Home, wanted: str | None, listen: str | None) -> pipeline.Context:
    context = pipeline.find_site(machine, wanted, Path.cwd())
    return pipeline.move(context, listen) if listen else context


def _start(context: pipeline.Context) -> _Ended:
    return _Ended(context.site.name, url=context.record.url if pipeline.start(context) else "")


def _start_all(machine: Home) -> list[_Ended]:
    """Start each site by itself: none keeps another from it. Those that started are told of first."""
    return sorted((_start_unless_down(machine, site.name) for site in machine.sites), key=lambda each: not each.url)


def _start_unless_down(machine: Home, name: str) -> _Ended:
    """Start a site, but not one that somebody took down on purpose: a boot must not bring it back."""
    try:
        context = pipeline.open_site(machine, name)
        return _Ended(name, was_down=True) if context.engine.status().stopped else _start(context)
    except PushliveError as error:
        return _Ended(name, error=error)


def _tell_started(ended: list[_Ended]) -> None:
    for each in ended:
        if each.url:
            click.echo(f"{each.site} runs at {each.url}")
        elif each.error:
            click.echo(f"{each.site} does not start:", err=True)
            errors.show(each.error, as_json=False)
        elif each.was_down:
            click.echo(f"{each.site} was taken down and stays so; `pushlive start --site {each.site}` starts it.")
    if not any(each.url or each.error or each.was_down for each in ended):
        click.echo("There is nothing to start: no site has had a live release.")


@click.command(epilog="Example:  pushlive status --json")
@on_site
def status(wanted: str | None, *, as_json: bool) -> None:
    """Show what is live, what runs, and how the last delivery ended."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    pipeline.recover(context)
    found = pipeline.status(context)
    if as_json:
        show_json(found.as_dict())
        return
    state = "taken down" if found.stopped else "live"
    release = f"{found.revision[:7]} ({found.release}): {found.subject}" if found.release else "nothing yet"
    click.echo(f"{context.site.name} at {context.record.url}\n{state}: {release}\nmemcached: {found.cache or 'none'}\n")
    rows = [
        (each.name, str(each.pid), "ready" if each.ready else "starting", str(each.restarts), _mebibytes(each.memory))
        for each in found.replicas
    ]
    show_table(("REPLICA", "PID", "STATE", "RESTARTS", "MEMORY"), rows, nothing="Nothing runs.")
    if found.last:
        click.echo(f"\nlast delivery: {found.last.revision[:7]} {found.last.verdict.value}")
        if found.last.diagnosis:
            click.echo(f"  {found.last.diagnosis.cause}")


@click.command(epilog="Example:  pushlive down --site mysite")
@click.option("--remove", is_flag=True, help="Remove the site too: its releases, its history and its DATA.")
@click.option("--yes", is_flag=True, help="Do not ask before removing.")
@on_site
def down(wanted: str | None, *, remove: bool, yes: bool, as_json: bool) -> None:
    """Stop a site and leave nothing running. Its data, releases and history stay, unless --remove is given."""
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    if remove and not yes:
        click.confirm(f"Remove {context.site.name} with all its data below {context.site.data}?", abort=True, err=True)
    pipeline.stop(context, remove=remove)
    if as_json:
        show_json({"site": context.site.name, "removed": remove})
    else:
        click.echo(f"{context.site.name} is {'removed' if remove else 'stopped; `pushlive start` starts it again'}.")


def _mebibytes(size: int) -> str:
    return f"{size / 1024**2:.0f} MiB" if size else ""
