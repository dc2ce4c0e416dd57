"""The tree of errors.

PushliveError
 +- UsageError         2   the command line asks for something that does not exist
 +- SettingsError      3   pushlive.toml, or what was detected, cannot be used
 +- MachineError       4   this machine lacks something: a tool, a port, space, a right
 +- SourceError        5   a push, a ref or a tree was refused
 +- BuildError         6   the image could not be made
 +- ReleaseError       7   the release command failed, or the release lacks a setting
 +- RolloutError       8   the new release did not start
 +- VerificationError  9   it started, and the page is wrong
 +- SupersededError   10   a newer push took its place
 +- StateError        11   pushlive's own records cannot be read or written
 +- RegistryError     12   a registry of images refused something, or cannot be reached
 +- SigningError      13   an image was pushed, and could not be signed

The number is the exit code of the command that met the error.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class PushliveError(Exception):
    """What happened, where, what shows it, and what to do about it.

    `cause` is one sentence without a full stop. `evidence` are the lines that show it, few enough to print.
    `output` is raw text (a log, a traceback) that `diagnose` may read; it is never printed whole. `code` names the
    cause for programs (`environment-missing`) where whoever raises it knows better than the class does.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        cause: str,
        *,
        where: str = "",
        remedy: str = "",
        evidence: Sequence[str] = (),
        output: str = "",
        code: str = "",
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.where = where
        self.remedy = remedy
        self.evidence = tuple(evidence)
        self.output = output
        self.code = code

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return f"{self.cause}{place}{remedy}"


class UsageError(PushliveError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class SettingsError(PushliveError):
    """pushlive.toml, or what was detected, cannot be used."""

    exit_code = 3


class MachineError(PushliveError):
    """The machine lacks something: a tool, a port, space, a right."""

    exit_code = 4


class SourceError(PushliveError):
    """A push, a ref or a tree was refused."""

    exit_code = 5


class BuildError(PushliveError):
    """The image could not be made."""

    exit_code = 6


class PackagesError(BuildError):
    """The site's packages cannot be installed; `output` is what uv printed."""


class ReleaseError(PushliveError):
    """The release command failed, or the release lacks a setting."""

    exit_code = 7


class RolloutError(PushliveError):
    """The new release did not start."""

    exit_code = 8


class VerificationError(PushliveError):
    """The new release started, and the page is wrong."""

    exit_code = 9


class SupersededError(PushliveError):
    """A newer push took this one's place."""

    exit_code = 10


class StateError(PushliveError):
    """pushlive's own records cannot be read or written."""

    exit_code = 11


class RegistryError(PushliveError):
    """A registry of images refused something, or cannot be reached. `passing`: another try may do."""

    exit_code = 12

    def __init__(self, cause: str, *, passing: bool = False, **details: Any) -> None:
        super().__init__(cause, **details)
        self.passing = passing


class SigningError(PushliveError):
    """An image was pushed, and could not be signed."""

    exit_code = 13
