"""Shell completion."""

import click
from click.shell_completion import get_completion_class


@click.command(epilog="Example, for bash:  echo 'eval \"$(pushlive completion bash)\"' >> ~/.bashrc")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the code for SHELL that completes commands, options and names of sites."""
    from pushlive.cli.app import pushlive  # noqa: PLC0415  # the app knows this module only by name

    found = get_completion_class(shell)
    assert found is not None, "one of click's own shells"
    click.echo(found(pushlive, {}, "pushlive", "_PUSHLIVE_COMPLETE").source())
