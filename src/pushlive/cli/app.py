"""The command `pushlive`: a group that imports a command only when it is called."""

import importlib
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import click

from pushlive import __version__
from pushlive.model.errors import PushliveError, UsageError


class _Entry(NamedTuple):
    module: str
    help: str


COMMANDS = {
    "up": _Entry("sites", "Set a site up from a repository and deliver it."),
    "create": _Entry("sites", "Make an empty site and print the remote to push to."),
    "deliver": _Entry("deliveries", "Deliver a revision that was pushed before."),
    "plan": _Entry("deliveries", "Show what a push would do; change nothing."),
    "rollback": _Entry("releases", "Make an earlier release live again, without a build."),
    "releases": _Entry("releases", "List the releases."),
    "deliveries": _Entry("deliveries", "List the deliveries and how each ended."),
    "status": _Entry("sites", "Show what is live and what runs."),
    "logs": _Entry("processes", "Show the site's log."),
    "run": _Entry("processes", "Run a one-off command in the live release."),
    "env": _Entry("env", "Set, unset and list the site's secrets."),
    "build": _Entry("images", "Build a revision's image; deliver nothing."),
    "image": _Entry("images", "Look after the images of a site."),
    "check": _Entry("check", "Show what was detected; check the machine and the site."),
    "start": _Entry("sites", "Start a site that was stopped."),
    "down": _Entry("sites", "Stop a site; keep its data."),
    "completion": _Entry("completion", "Print the code for your shell that completes commands."),
}
"""Every command, the module of `pushlive.cli` that has it, and its line in the help."""


READER_GONE = 141
"""The exit code when the reader of the output went away: 128 and the number of SIGPIPE."""


@contextmanager
def _until_the_reader_goes() -> Iterator[None]:
    """Catch this before click does, which exits with 1."""
    try:
        yield
    except BrokenPipeError:
        raise click.exceptions.Exit(READER_GONE) from None


class Commands(click.Group):
    """A group whose help needs none of its commands' modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command's name, in the order of a site's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        found = getattr(importlib.import_module(f"pushlive.cli.{entry.module}"), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def make_context(self, *arguments: Any, **keywords: Any) -> click.Context:
        """Read the command line, which may print help. Exits with 141 when nobody reads it."""
        with _until_the_reader_goes():
            return super().make_context(*arguments, **keywords)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Exits with 141 when the reader of what it prints goes away."""
        with _until_the_reader_goes():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


_EXAMPLES = """\b
Examples:
  pushlive up             # set the site in this folder up and deliver it
  git push live master    # deliver what you committed
  pushlive rollback       # make the previous release live again
"""


@click.group(
    cls=Commands,
    epilog=_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="pushlive", message="%(prog)s %(version)s")
def pushlive() -> None:
    """From a git push to a page that is proven live."""


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, or the code of the error's class."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    # The site's user has to get through what we make, whatever the caller's login keeps to itself.
    os.umask(0o022)
    try:
        code = _run(arguments)
    except BrokenPipeError:
        code = READER_GONE
    return code if _all_is_written() else READER_GONE


def _run(arguments: Sequence[str]) -> int:
    try:
        result = pushlive.main(arguments, prog_name="pushlive", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except Exception as error:  # noqa: BLE001  # the outermost edge: the user is told whose fault it is
        return _failed(error, as_json=_wants_json(arguments))
    return result if isinstance(result, int) else 0


def _all_is_written() -> bool:
    """Write what is left; where nobody reads it, Python is to find nothing left at its end."""
    written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            written = False
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    return written


def _failed(error: Exception, *, as_json: bool) -> int:
    """Show what went wrong; returns the exit code."""
    from pushlive.cli import errors  # noqa: PLC0415  # only when something failed

    match error:
        case PushliveError():
            errors.show(error, as_json=as_json)
            return error.exit_code
        case click.ClickException() if as_json:
            errors.show(UsageError(error.format_message()), as_json=True)
            return UsageError.exit_code
        case click.ClickException():
            error.show()
            return error.exit_code
    return errors.show_defect(error, as_json=as_json)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether our own options ask for JSON: what stands behind `--` belongs to the command that `run` runs."""
    return "--json" in itertools.takewhile(lambda argument: argument != "--", arguments)
