"""Run git on one of our repositories so that nobody's configuration, environment or file names have a say in it.

Names that people chose travel on git's standard input or as full refs, never where an option could stand.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pushlive.model.errors import MachineError, PushliveError, SourceError, StateError
from pushlive.system import process
from pushlive.system.process import Account, Completed, Reading

SHA = re.compile(r"[0-9a-f]{40}")
"""A full commit name. Everything but what a user types is one of these."""

_PINNED = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_DEFAULT_REF_FORMAT": "files",
    "GIT_NO_LAZY_FETCH": "1",
    # A pushed refs/replace/ or graft would show another commit under an honest name.
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
}
_QUARANTINE = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")


def environment() -> dict[str, str]:
    """The whole environment git gets from us."""
    return {"PATH": os.environ.get("PATH", os.defpath), **_PINNED}


def in_quarantine(repository: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The variables that let git see objects of a push that is not accepted yet (git-receive-pack(1), QUARANTINE).

    Empty unless `given` is the environment of a hook of this very repository.
    """
    quarantine = given.get("GIT_QUARANTINE_PATH")
    if quarantine is None or Path(quarantine).resolve().parent != (repository / "objects").resolve():
        return {}
    return {name: given[name] for name in _QUARANTINE if name in given}


def run(repository: Path, *arguments: str, stdin: bytes = b"", accepted_only: bool = False) -> Completed:
    """Run git and collect what it prints. In a hook it sees the push's objects too, unless `accepted_only`."""
    return process.run(_argv(repository, arguments), env=_environment(repository, accepted_only), stdin=stdin)


def reading(repository: Path, *arguments: str, stdin: bytes = b"") -> AbstractContextManager[Reading]:
    """Run git and read exact bytes as they come."""
    return process.reading(_argv(repository, arguments), env=_environment(repository, accepted_only=False), stdin=stdin)


def run_in(folder: Path, *arguments: str, account: Account | None = None, stdin: bytes = b"") -> Completed:
    """Run git in somebody's own checkout, with no hook and no file system monitor of theirs."""
    harmless = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    return process.run(("git", *harmless, *arguments), cwd=folder, env=environment(), account=account, stdin=stdin)


def failed(done: Completed, doing: str, repository: Path) -> PushliveError:
    """Say why git failed at `doing`."""
    evidence = [line for line in done.errors.splitlines() if line.strip()][-5:]
    kind, cause, remedy = _reason(done.errors, doing, repository)
    return kind(cause, where=str(repository), evidence=evidence, remedy=remedy, output=done.errors)


def _reason(errors: str, doing: str, repository: Path) -> tuple[type[PushliveError], str, str]:
    if "No space left on device" in errors or "Disk quota exceeded" in errors:
        return MachineError, f"no space left on the disk while {doing}", "Free some space and run it again."
    if "Permission denied" in errors:
        return MachineError, f"no right to go on while {doing}", "Run it as the user who owns the folder."
    fsck = f"`git --git-dir={repository} fsck` shows whether the repository is whole."
    return StateError, f"git failed while {doing}", fsck


def full_sha(text: str) -> str:
    """`text`, which must be 40 lower-case hexadecimal digits. Raises SourceError."""
    if not SHA.fullmatch(text):
        raise SourceError(f"{text[:80]!a} is not a full commit name", remedy="Give all 40 hexadecimal digits.")
    return text


def _environment(repository: Path, accepted_only: bool) -> dict[str, str]:
    return environment() | ({} if accepted_only else in_quarantine(repository, os.environ))


def _argv(repository: Path, arguments: Sequence[str]) -> tuple[str, ...]:
    return ("git", f"--git-dir={repository}", *arguments)
