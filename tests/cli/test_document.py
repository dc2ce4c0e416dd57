from pathlib import Path

import click
import pytest

from pushlive.cli import document
from pushlive.cli.app import COMMANDS, pushlive

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / document.REFERENCE
EVERY = {context.command_path: context for context in document.commands()}
WITHOUT_RESULTS = {"pushlive run", "pushlive image run", "pushlive completion"}
"""What these print is another program's: the command's own output, the shell's code."""

commands = pytest.mark.parametrize("context", EVERY.values(), ids=EVERY)


def test_the_committed_page_is_what_the_commands_make():
    text = COMMITTED.read_text(encoding="utf-8")
    assert text == document.reference(), "run: python -m pushlive.cli.document docs/reference"


def test_main_writes_the_page(tmp_path):
    document.main(tmp_path / "new")
    assert (tmp_path / "new" / document.REFERENCE).read_text(encoding="utf-8") == document.reference()


@commands
def test_every_command_says_what_it_does(context: click.Context):
    text = context.command.help or ""
    assert text.split("\n")[0].endswith("."), "a help's first line is a sentence"


@commands
def test_every_command_shows_an_example_that_calls_it(context: click.Context):
    epilog = context.command.epilog or ""
    assert epilog.removeprefix("\b\n").startswith("Example")
    assert context.command_path in epilog


@commands
def test_every_option_is_explained(context: click.Context):
    options = [parameter for parameter in context.command.params if isinstance(parameter, click.Option)]
    assert all(option.help and option.help.endswith((".", "]")) for option in options)


@commands
def test_every_argument_is_explained_in_the_text(context: click.Context):
    arguments = [parameter for parameter in context.command.params if isinstance(parameter, click.Argument)]
    for argument in arguments:
        name = argument.make_metavar(context).strip("[].").split("=")[0].split("|")[0]
        assert name in (context.command.help or "") or name.startswith("{"), name


@commands
def test_every_command_that_prints_results_prints_json(context: click.Context):
    if isinstance(context.command, click.Group) or context.command_path in WITHOUT_RESULTS:
        return
    assert "--json" in {name for parameter in context.command.params for name in parameter.opts}


@commands
def test_the_list_of_commands_shows_whole_sentences(context: click.Context):
    assert context.command.get_short_help_str(limit=60).endswith("."), "give it a short_help"


def test_the_list_of_commands_says_what_their_modules_say():
    assert {path.split()[1] for path in EVERY if " " in path} == set(COMMANDS)
    for name, entry in COMMANDS.items():
        assert EVERY[f"pushlive {name}"].command.callback.__module__ == f"pushlive.cli.{entry.module}"


def test_help_needs_no_command_s_module():
    context = click.Context(pushlive, info_name="pushlive")
    text = pushlive.get_help(context)
    assert all(f"  {name} " in text for name in COMMANDS)
