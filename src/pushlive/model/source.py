"""What git hands over."""

from datetime import datetime
from pathlib import Path

from msgspec import Struct

ZERO = "0" * 40
"""What git sends in place of a commit that is not there: a ref that is made or deleted."""


class Push(Struct, frozen=True):
    """One line of a pre-receive hook's input: full commit names and the full name of the ref."""

    old: str
    new: str
    ref: str

    @property
    def creates(self) -> bool:
        """The ref did not exist before."""
        return self.old == ZERO

    @property
    def deletes(self) -> bool:
        """The ref is to be removed."""
        return self.new == ZERO

    @property
    def branch(self) -> str | None:
        """The branch's short name, or None for a tag or another ref."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else None

    @property
    def tag(self) -> str | None:
        """The tag's short name, or None for a branch or another ref."""
        return self.ref.removeprefix("refs/tags/") if self.ref.startswith("refs/tags/") else None


class Revision(Struct, frozen=True):
    """A commit: its full SHA, its message and when it was committed."""

    sha: str
    message: str
    committed: datetime

    @property
    def short(self) -> str:
        """The first seven digits, as git shows them."""
        return self.sha[:7]

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


class Tree(Struct, frozen=True):
    """A revision's files, written out below `path`: plain files, folders and links that stay inside."""

    revision: Revision
    path: Path
