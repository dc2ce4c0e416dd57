"""One file per noun: parse, call, print."""


def main() -> None:
    """Run the command line; exits with the code of the error's class."""
    from pushlive.cli.app import run  # noqa: PLC0415  # the git hook imports this package and needs no click

    raise SystemExit(run())
