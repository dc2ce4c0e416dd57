"""Take the current commit of a developer's own checkout, for `pushlive up DIR`. Nothing of theirs is changed.

No hook and no monitor of theirs is run. A clean filter may be, as `git status` runs it: so it runs as its owner.
"""

import os
from pathlib import Path

from msgspec import Struct

from pushlive.model.errors import PushliveError, SourceError
from pushlive.source import git, revisions
from pushlive.system import process
from pushlive.system.process import Account, Completed

# git-upload-pack is safe in a repository one does not trust: it runs nothing that is set there (git(1), SECURITY). It
# checks the owner all the same, and reads these two from its own command line only. git gives this text to sh.
_UPLOAD_PACK = "git -c 'safe.directory=*' -c uploadpack.allowAnySHA1InWant=true upload-pack"


class Snapshot(Struct, frozen=True):
    """The commit a checkout is at. `branch` is None for a detached HEAD; `uncommitted` are paths that are left out."""

    branch: str | None
    sha: str
    uncommitted: tuple[str, ...] = ()


def snapshot(directory: Path, repository: Path) -> Snapshot:
    """Bring the commit that `directory` is at, with its history, into `repository`. No ref of it moves.

    A linked worktree works; a shallow or partial clone does not. Raises SourceError with the commands to type when
    there is no git repository, no commit, no whole history, or it belongs to somebody else.
    """
    folder = directory.resolve()
    account = _owner(folder)
    _check_place(folder, account)
    sha = _resolve(folder, "HEAD", account)
    if sha is None:
        raise SourceError(
            f"{folder} has no commit yet",
            where=str(folder),
            remedy=f"Type: `cd {folder} && git add . && git commit -m 'Begin'`",
        )
    _fetch(folder, repository, sha)
    branch = git.run_in(folder, "symbolic-ref", "--quiet", "--short", "HEAD", account=account).output.strip()
    return Snapshot(branch or None, sha, _uncommitted(folder, account))


def bring(directory: Path, repository: Path, name: str) -> str:
    """The full name of the commit that `name` means in `directory`; its history is then in `repository` too.

    What is not there may have been pushed before, and is looked for in `repository`. No ref moves. Raises SourceError
    as `snapshot` and `revision` do.
    """
    folder = directory.resolve()
    if (folder / ".git").exists():
        account = _owner(folder)
        _check_place(folder, account)
        sha = _resolve(folder, name, account)
        if sha is not None:
            _fetch(folder, repository, sha)
            return sha
    return revisions.revision(repository, name).sha


def _owner(folder: Path) -> Account | None:
    """Whom to be when reading the checkout: its settings and filters are its owner's, so root becomes the owner."""
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder", remedy="Name the folder your site's repository is in.")
    owner = folder.stat()
    if owner.st_uid == os.geteuid():
        return None
    if os.geteuid() == 0:
        return Account(owner.st_uid, owner.st_gid)
    raise SourceError(
        f"{folder} belongs to another user",
        where=str(folder),
        remedy="Run pushlive as that user, or clone the repository and name your clone.",
    )


def _check_place(folder: Path, account: Account | None) -> None:
    done = git.run_in(folder, "rev-parse", "--is-shallow-repository", "--show-toplevel", account=account)
    if not done.ok:
        raise _no_repository(folder, done)
    shallow, _, top = done.output.rstrip("\n").partition("\n")
    if Path(top) != folder:
        raise SourceError(
            f"{folder} is inside the repository {top}",
            where=str(folder),
            remedy=f"Name the repository (`pushlive up {top}`), or make this folder one: {_beginning(folder)}",
        )
    if shallow == "true":
        raise SourceError(
            f"{folder} is a shallow clone: a part of its history is missing",
            where=str(folder),
            remedy=f"Fetch the rest: `git -C {folder} fetch --unshallow`",
        )


def _no_repository(folder: Path, done: Completed) -> PushliveError:
    if "must be run in a work tree" in done.errors:
        return SourceError(
            f"{folder} is a bare repository, with no files to look at",
            where=str(folder),
            remedy=f"Clone it and name the clone: `git clone {folder} site && pushlive up site`",
        )
    if "not a git repository" in done.errors:
        return SourceError(f"{folder} is not a git repository", where=str(folder), remedy=f"Type: {_beginning(folder)}")
    if "dubious ownership" in done.errors:
        return SourceError(
            f"the .git in {folder} belongs to another user than the folder",
            where=str(folder),
            remedy=f"Give both to one user: `chown -R USER {folder}`",
        )
    return git.failed(done, "looking for a repository", folder)


def _beginning(folder: Path) -> str:
    return f"`cd {folder} && git init && git add . && git commit -m 'Begin'`"


def _resolve(folder: Path, name: str, account: Account | None) -> str | None:
    """The commit that `name` means in somebody's checkout. Raises SourceError when it means two."""
    lines = "".join(f"{candidate}\n" for candidate in revisions.candidates(name)).encode()
    done = git.run_in(folder, "cat-file", "--batch-check", account=account, stdin=lines)
    if not done.ok:
        raise git.failed(done, "looking up a revision", folder)
    found = {line.split()[0] for line in done.output.splitlines() if line.split()[1:2] == ["commit"]}
    if len(found) > 1:
        raise revisions.ambiguous(name, found)
    return next(iter(found), None)


def _fetch(folder: Path, repository: Path, sha: str) -> None:
    """Over git's own local transport, the only one allowed; whether the objects are sound is checked on arrival."""
    arguments = (
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
        "--upload-pack", _UPLOAD_PACK, "--", str(folder), sha,
    )  # fmt: skip
    environment = git.environment() | {"GIT_ALLOW_PROTOCOL": "file"}
    done = process.run(("git", f"--git-dir={repository}", *arguments), env=environment)
    if not done.ok:
        raise _not_fetched(folder, repository, done)


def _not_fetched(folder: Path, repository: Path, done: Completed) -> PushliveError:
    said = [line for line in done.errors.splitlines() if line.strip()]
    if "fsck error" in done.errors:
        return SourceError(
            "the repository holds objects that git finds unsafe",
            where=str(folder),
            evidence=[line for line in said if "fsck" in line or "error" in line][:5],
            remedy=f"`git -C {folder} fsck` names them.",
        )
    if "missing" in done.errors or "lazy fetching disabled" in done.errors or "promisor" in done.errors:
        return SourceError(
            f"{folder} lacks a part of its history: it is a partial clone, or damaged",
            where=str(folder),
            evidence=said[-5:],
            remedy="Make a full clone (`git clone URL`, without --filter) and name that.",
        )
    return git.failed(done, f"fetching from {folder}", repository)


def _uncommitted(folder: Path, account: Account | None) -> tuple[str, ...]:
    arguments = (
        "status",
        "--porcelain=v1",
        "-z",
        "--untracked-files=normal",
        "--no-renames",
        "--ignore-submodules=all",
    )
    done = git.run_in(folder, *arguments, account=account)
    if not done.ok:
        raise git.failed(done, f"asking what is not committed in {folder}", folder)
    return tuple(item[3:] for item in done.output.split("\0") if item)
