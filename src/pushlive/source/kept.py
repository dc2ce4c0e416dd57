"""Refs that nobody sees, for commits that no branch may lead to any more: git's tidying leaves them alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pushlive.source import git

PLACE = "refs/pushlive/releases/"


def keep_commits(repository: Path, commits: Mapping[str, str]) -> None:
    """Keep the commits of these releases (name to full commit name), and of no others.

    One that is gone already is passed over. Raises StateError, MachineError on a full disk.
    """
    here = _here(repository, commits.values())
    wanted = {f"{PLACE}{name}": sha for name, sha in commits.items() if sha in here}
    stand = _stand(repository)
    made = [f"update {ref}\0{sha}\0\0" for ref, sha in wanted.items() if stand.get(ref) != sha]
    dropped = [f"delete {ref}\0\0" for ref in stand if ref not in wanted]
    if not made and not dropped:
        return
    change = "".join([*made, *dropped]).encode()
    done = git.run(repository, "update-ref", "--no-deref", "--stdin", "-z", stdin=change, accepted_only=True)
    if not done.ok:
        raise git.failed(done, "keeping the releases' commits", repository)


def _here(repository: Path, commits: Iterable[str]) -> set[str]:
    lines = "".join(f"{git.full_sha(sha)}\n" for sha in commits).encode()
    done = git.run(repository, "cat-file", "--batch-check", stdin=lines, accepted_only=True)
    if not done.ok:
        raise git.failed(done, "looking the releases' commits up", repository)
    return {line.partition(" ")[0] for line in done.output.splitlines() if " commit " in line}


def _stand(repository: Path) -> dict[str, str]:
    done = git.run(repository, "for-each-ref", "--format=%(refname) %(objectname)", PLACE, accepted_only=True)
    if not done.ok:
        raise git.failed(done, "listing the releases' refs", repository)
    return dict(line.split(" ", 1) for line in done.output.splitlines())
