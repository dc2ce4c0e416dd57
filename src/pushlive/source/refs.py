"""Names of refs: which are well formed, where they point, and moving them. git-check-ref-format(1)."""

import re
from pathlib import Path

from pushlive.model.errors import SourceError
from pushlive.model.source import ZERO
from pushlive.source import git

_FORBIDDEN = re.compile(r"[ ~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|[/.]$")
_LONGEST = 1024


def is_name(text: str) -> bool:
    """Whether `text` could be a branch's or tag's name: well formed, printable, no longer than 1,024 characters."""
    return 0 < len(text) <= _LONGEST and text.isprintable() and text[0] not in "./" and not _FORBIDDEN.search(text)


def full_ref(text: str) -> str:
    """`text`, which must be a full ref such as refs/heads/main. Raises SourceError."""
    if not text.startswith("refs/") or not is_name(text):
        raise SourceError(
            f"{text[:80]!a} is not the full name of a ref",
            remedy="Rename the branch or tag: letters, digits, '-', '_', '.' and '/' always work.",
        )
    return text


def tip(repository: Path, ref: str) -> str | None:
    """What the ref holds among accepted pushes, or None when there is no such ref. Raises SourceError."""
    done = git.run(repository, "show-ref", "--verify", "--hash", "--", full_ref(ref), accepted_only=True)
    if done.ok:
        return done.output.strip()
    if "not a valid ref" in done.errors:
        return None
    raise git.failed(done, f"reading {ref}", repository)


def set_ref(repository: Path, ref: str, new: str, old: str) -> None:
    """Move the ref from `old` to `new` in one step; ZERO as `old` makes it, as `new` removes it.

    Raises SourceError when it does not stand at `old`: nothing was changed then.
    """
    change = f"update {full_ref(ref)}\0{git.full_sha(new)}\0{git.full_sha(old)}\0"
    done = git.run(repository, "update-ref", "--no-deref", "--stdin", "-z", stdin=change.encode(), accepted_only=True)
    if done.ok:
        return
    found = tip(repository, ref) or ZERO
    if found == old:
        raise git.failed(done, f"moving {ref}", repository)
    raise SourceError(
        f"{ref} is at {found[:7]}, not at {old[:7]}: something else moved it",
        where=str(repository),
        remedy="Fetch, and push again.",
    )
