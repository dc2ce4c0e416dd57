"""`pushlive image ls`, `cat`, `diff`, `sizes` and `run`: looking into an image."""

import sys
from pathlib import Path

import click

from pushlive import pipeline
from pushlive.cli import contents
from pushlive.cli.folder import repository
from pushlive.cli.options import on_site, site_option
from pushlive.cli.output import show_json
from pushlive.cli.text import escaped

of_option = click.option(
    "--of",
    metavar="RELEASE|REVISION",
    help="Which image: a release (v7), a revision, a tag or a digest; default: the live release's.",
)


@click.command(epilog="Example:  pushlive image ls templates --of v7", short_help="List files, as ls -lA would there.")
@click.argument("path", required=False)
@of_option
@click.option("-R", "--recursive", is_flag=True, help="List all that is below, too.")
@on_site
def ls(path: str | None, of: str | None, wanted: str | None, *, recursive: bool, as_json: bool) -> None:
    """List what is at PATH in an image, as `ls -lA` would in its container, and from which layer it is.

    PATH is seen from the folder that the image's processes start in; that folder is listed by default. For a path that
    is not there, the error says what is near it, and what kept it out if the image's revision has it.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    found = pipeline.listing(context, of, path, repository(Path.cwd()), recursive=recursive)
    if as_json:
        show_json(contents.listing_dict(found))
    else:
        contents.show_listing(found)


@click.command(epilog="Example:  pushlive image cat proj/settings.py --of v7", short_help="Print a file.")
@click.argument("path", metavar="FILE")
@of_option
@on_site
def cat(path: str, of: str | None, wanted: str | None, *, as_json: bool) -> None:
    """Print FILE of an image: its exact bytes into a pipe or a file, and only text on a terminal.

    FILE is seen from the folder that the image's processes start in; links are followed.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    found = pipeline.file(context, of, path, repository(Path.cwd()))
    if as_json:
        show_json(contents.file_dict(found))
    elif sys.stdout.isatty():
        click.echo(escaped(contents.text(found), keep="\n\t"), nl=False)
    else:
        sys.stdout.buffer.writelines(found.pieces)


@click.command(epilog="Example:  pushlive image diff v6 v7", short_help="Show what differs between two images.")
@click.argument("before", metavar="RELEASE|REVISION")
@click.argument("after", metavar="[RELEASE|REVISION]", required=False)
@click.option("--all", "every", is_flag=True, help="List the files of packages, too.")
@on_site
def diff(before: str, after: str | None, wanted: str | None, *, every: bool, as_json: bool) -> None:
    """Show what differs from the image of one RELEASE or REVISION to another's; the second is the live one by default.

    Packages come first, then the configuration, then the files: by content, mode, owner and target, not by time. Files
    of a package whose version changed are counted and not listed.
    """
    found = pipeline.difference(pipeline.find_site(pipeline.home(), wanted, Path.cwd()), before, after)
    if as_json:
        show_json(contents.difference_dict(found))
        return
    for line in contents.difference_lines(found, every=every):
        click.echo(line)


@click.command(epilog="Example:  pushlive image sizes v7", short_help="Show what takes how much of an image.")
@click.argument("of", metavar="[RELEASE|REVISION]", required=False)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many packages and files, the biggest first.",
)
@on_site
def sizes(of: str | None, limit: int, wanted: str | None, *, as_json: bool) -> None:
    """Show what takes how much of the image of a RELEASE or REVISION: by layer, by Python package, by file."""
    found = pipeline.sizes(pipeline.find_site(pipeline.home(), wanted, Path.cwd()), of)
    if as_json:
        show_json(contents.sizes_dict(found, limit))
    else:
        contents.show_sizes(found, limit)


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example:  pushlive image run --of v7 -- ls -al",
    short_help="Run an image in Docker or Podman.",
)
@of_option
@click.option("-e", "--env", metavar="NAME[=VALUE]", multiple=True, help="A variable for the container.")
@click.option("-p", "--publish", metavar="PORT:PORT", multiple=True, help="A port of here and the container's it is.")
@site_option
@click.argument("argv", nargs=-1, type=click.UNPROCESSED)
def run(
    of: str | None, env: tuple[str, ...], publish: tuple[str, ...], wanted: str | None, argv: tuple[str, ...]
) -> int:
    """Run an image in a container, by Docker or Podman, on your terminal: ARGV, or what the image starts by itself.

    The container has the image's own environment, without the site's settings and secrets. It is removed when it ends;
    the image stays loaded as localhost/SITE:DIGEST. Exits with the command's own exit code.
    """
    context = pipeline.find_site(pipeline.home(), wanted, Path.cwd())
    code = pipeline.run_in_container(context, of, argv, env=env, publish=publish)
    return code if code >= 0 else 128 - code


COMMANDS = (ls, cat, diff, sizes, run)
