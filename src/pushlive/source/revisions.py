"""Commits: from what a user types to a full name, and what changed between two of them."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO

from pushlive.model.errors import SourceError
from pushlive.model.source import Revision
from pushlive.source import git, refs

MOST_PATHS = 100_000
"""Files past which a change counts as one of every file."""

_SHORT_SHA = re.compile(r"[0-9a-fA-F]{4,40}")
_STEPS = re.compile(r"(?P<name>.*?)(?P<steps>(?:[~^][0-9]{0,4})*)")
_COMMITTED = re.compile(rb"\ncommitter [^\n]*> (-?[0-9]{1,15}) ([+-])([0-9]{2})([0-9]{2})\n")
_ENCODING = re.compile(rb"\nencoding ([\w-]{1,40})\n")


def revision(repository: Path, name: str) -> Revision:
    """The commit that `name` means: a branch, a tag, a full ref, HEAD, or 4 to 40 digits of a commit's name.

    `~2` and `^` may follow. An annotated tag stands for its commit. Raises SourceError, with the remedy, when there
    is no such commit or more than one.
    """
    commits = _look_up(repository, candidates(name))
    if len(commits) == 1:
        return _parse(*commits.popitem())
    if commits:
        raise ambiguous(name, commits)
    raise _unknown(repository, name)


def changed_paths(repository: Path, old: str, new: str) -> tuple[str, ...] | None:
    """The paths that differ between two commits, both names of a renamed file; None means every file.

    That is so when `old` is not there (a new branch), shares no history with `new`, or either has more than
    MOST_PATHS files. Bytes that are not UTF-8 become U+FFFD.
    """
    names = (git.full_sha(old), git.full_sha(new))
    if not git.run(repository, "merge-base", *names).ok:
        return None
    before, after = (_listing(repository, name) for name in names)
    if before is None or after is None:
        return None
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return tuple(path.decode(errors="replace") for path in sorted(changed))


def _listing(repository: Path, commit: str) -> dict[bytes, bytes] | None:
    """Path to mode and object; None past MOST_PATHS.

    git-diff-tree would hold all in memory before it prints, and a small repository can name endless files.
    """
    found: dict[bytes, bytes] = {}
    with git.reading(repository, "ls-tree", "-r", "-z", "--full-tree", commit) as listing:
        for record in records(listing.output):
            if len(found) == MOST_PATHS:
                return None
            facts, _, path = record.partition(b"\t")
            found[path] = facts
        done = listing.end()
    if not done.ok:
        raise git.failed(done, "listing a revision's files", repository)
    return found


def records(stream: IO[bytes]) -> Iterator[bytes]:
    """What a git command with -z prints, item by item."""
    rest = b""
    while chunk := stream.read1(65536):  # type: ignore[attr-defined]
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole


def candidates(name: str) -> tuple[str, ...]:
    """What `name` may stand for, each spelled so that git reads it one way."""
    match = _STEPS.fullmatch(name)
    if match is None or not refs.is_name(match["name"]):
        raise SourceError(
            f"{name[:80]!a} cannot name a commit",
            remedy="Give a branch, a tag, or the first digits of a commit's name.",
        )
    base, commit = match["name"], f"{match['steps']}^{{commit}}"
    if base in {"HEAD", "@"} or base.startswith("refs/"):
        return (f"{base}{commit}",)
    places = [f"refs/heads/{base}", f"refs/tags/{base}", f"refs/remotes/{base}"]
    if _SHORT_SHA.fullmatch(base):
        places = [base] if len(base) == 40 else [*places, base]  # noqa: PLR2004
    return tuple(f"{place}{commit}" for place in places)


def _look_up(repository: Path, candidates: tuple[str, ...]) -> dict[str, bytes]:
    """The commits that the candidates name: full name to content."""
    lines = "".join(f"{candidate}\n" for candidate in candidates).encode()
    with git.reading(repository, "cat-file", "--batch", stdin=lines) as commits:
        found = [_commit(commits.output) for _ in candidates]
        done = commits.end()
    if not done.ok:
        raise git.failed(done, "looking up a revision", repository)
    return dict(commit for commit in found if commit)


def _commit(stream: IO[bytes]) -> tuple[str, bytes] | None:
    """One answer of `cat-file --batch`: `<sha> commit <size>` and the content, or the name and `missing`."""
    header = stream.readline().decode().split()
    if len(header) != 3 or header[1] != "commit":  # noqa: PLR2004
        return None
    content = stream.read(int(header[2]))
    stream.readline()
    return header[0], content


def _parse(sha: str, content: bytes) -> Revision:
    headers, _, message = content.partition(b"\n\n")
    encoding = _ENCODING.search(headers + b"\n")
    return Revision(sha, _text(message, encoding[1].decode() if encoding else "utf-8"), _committed(headers + b"\n"))


def _text(message: bytes, encoding: str) -> str:
    try:
        return message.decode(encoding, errors="replace")
    except LookupError:
        return message.decode(errors="replace")


def _committed(headers: bytes) -> datetime:
    """When it was committed; old tools wrote dates that no calendar has, and those count as 1970."""
    match = _COMMITTED.search(headers)
    if match is None:
        return datetime.fromtimestamp(0, UTC)
    offset = timedelta(hours=int(match[3]), minutes=int(match[4])) * (-1 if match[2] == b"-" else 1)
    try:
        return datetime.fromtimestamp(int(match[1]), timezone(offset))
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def ambiguous(name: str, commits: Iterable[str]) -> SourceError:
    """The error for a name that is a branch and a tag, of different commits."""
    return SourceError(
        f"{name} is the name of more than one thing here, and they differ",
        evidence=sorted(commits),
        remedy=f"Say refs/heads/{name} or refs/tags/{name}.",
    )


def _unknown(repository: Path, name: str) -> SourceError:
    digits = name.partition("~")[0].partition("^")[0]
    if _SHORT_SHA.fullmatch(digits):
        objects = git.run(repository, "rev-parse", f"--disambiguate={digits}").output.split()
        if len(objects) > 1:
            return SourceError(
                f"more than one object's name begins with {digits}", evidence=objects[:10], remedy="Give more digits."
            )
    return SourceError(
        f"there is no branch, tag or commit {ascii(name)[1:-1]} here",
        where=str(repository),
        remedy="Push it first (`git push live BRANCH`), or pick one that `pushlive releases` lists.",
    )
