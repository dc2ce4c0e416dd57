"""The commands' reference, made from their own help: `python -m pushlive.cli.document docs/reference`."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pushlive.cli.app import pushlive

REFERENCE = "commands.md"
_HEAD = """\
# Commands

Every command shows this with `--help`. How a command ends is told by its exit code: [exit codes](exit-codes.md). What
`--json` prints stands in [JSON](events-json.md). The variables that all commands read stand in
[environment](environment.md#what-pushlive-itself-reads).

Without `--site`, a command means the site that was set up from the folder you are in, or the one that has the folder's
name, or the only one there is.

This page is made from the commands by `python -m pushlive.cli.document docs/reference`.
"""


def commands(group: click.Group = pushlive, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Every command that does something, and the groups above it, each in the context of its full name."""
    context = click.Context(group, info_name=group.name, parent=parent)
    yield context
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, context)
        else:
            yield click.Context(command, info_name=name, parent=context)


def reference() -> str:
    """The page that explains every command."""
    return "\n".join([_HEAD, *(_section(context) for context in commands())])


def main(folder: Path) -> None:
    """Write the page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REFERENCE).write_text(reference(), encoding="utf-8")


def _section(context: click.Context) -> str:
    command = context.command
    usage = f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    parts = [
        f"## `{context.command_path}`",
        f"```\n{usage}\n```",
        inspect.cleandoc(command.help or ""),
        _options(context),
        _example(command),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _options(context: click.Context) -> str:
    """Options in a table; arguments are explained in the text, and `--help` on top of the page."""
    records = [option.get_help_record(context) for option in context.command.params if isinstance(option, click.Option)]
    rows = [f"| `{names}` | {_escaped(text)} |" for names, text in filter(None, records)]
    return "\n".join(["| option | |", "|---|---|", *rows]) if rows else ""


def _example(command: click.Command) -> str:
    """The epilog: its first line says what it is an example of, and what follows is the example."""
    title, _, example = (command.epilog or "").removeprefix("\b\n").partition(":")
    return f"{title}:\n\n```sh\n{inspect.cleandoc(example.strip(chr(10)))}\n```" if example else ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
