"""Shell completion."""

import click
from click.shell_completion import get_completion_class

from pushlive.model.errors import UsageError


@click.command(epilog="Example, for bash:  echo 'eval \"$(pushlive completion bash)\"' >> ~/.bashrc")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the code for SHELL that completes commands, options and names of sites."""
    from pushlive.cli.app import pushlive  # noqa: PLC0415  # the app knows this module only by name

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"there is no completion for {shell}")
    click.echo(found(pushlive, {}, "pushlive", "_PUSHLIVE_COMPLETE").source())
