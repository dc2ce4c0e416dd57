"""The bare repository that is pushed to: making it, and the branch it is about."""

import shlex
from pathlib import Path

from pushlive.model.errors import MachineError
from pushlive.source import git, refs
from pushlive.system import files

MAX_INPUT = 1024**3
"""Bytes of packed objects that one push may bring."""

# The repository's own settings win over those of whoever pushes, so each that matters is said here.
_CONFIG = f"""\
# Written by pushlive, and again by `pushlive up` and `pushlive start`: change nothing here.
[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	hooksPath = hooks
	logAllRefUpdates = true
	fsmonitor = false
	protectHFS = true
	protectNTFS = true
	# Larger files are streamed, so that a pushed gigabyte of zeros takes no gigabyte of memory.
	bigFileThreshold = 32m
[receive]
	maxInputSize = {MAX_INPUT}
	fsckObjects = true
	denyDeletes = false
	denyDeleteCurrent = refuse
	denyNonFastForwards = false
	shallowUpdate = false
	# Tidying is ours to start: git's own would run while the pusher waits.
	autogc = false
	updateServerInfo = false
[fetch]
	fsckObjects = true
	# A fetched pack is kept only once it has been checked; objects unpacked one by one would be there before.
	unpackLimit = 1
# Old repositories carry these from the tools that wrote them (GitHub's old web editor, git-svn, early libgit2). They
# are untidy and not unsafe: nobody can change them without rewriting history. Every other fault refuses the push.
[receive "fsck"]
	zeroPaddedFilemode = ignore
	badTimezone = ignore
	missingSpaceBeforeDate = ignore
[fetch "fsck"]
	zeroPaddedFilemode = ignore
	badTimezone = ignore
	missingSpaceBeforeDate = ignore
[transfer]
	hideRefs = refs/pushlive
	hideRefs = refs/replace
[protocol]
	allow = never
[gc]
	auto = 2000
	autoDetach = false
	pruneExpire = 2.weeks.ago
"""

_LAUNCH = "from pushlive.cli.receive import run\n\nrun()\n"
_SHEBANG_LIMIT = 127


def create(path: Path, *, python: Path, branch: str = "master") -> None:
    """Make the repository, or bring an existing one up to date; its objects, refs and branch are kept.

    `python` is an interpreter that imports pushlive. Raises SourceError for a bad branch name, MachineError when
    the folder cannot be written.
    """
    refs.full_ref(f"refs/heads/{branch}")
    hook = hook_text(python)
    with files.explained(path):
        path.mkdir(parents=True, exist_ok=True)
    done = git.run(path, "-c", f"init.defaultBranch={branch}", "init", "--bare", "--quiet", "--template=")
    if not done.ok:
        raise git.failed(done, "making the repository", path)
    files.write_atomic(path / "config", _CONFIG.encode())
    files.write_atomic(path / "hooks" / "pre-receive", hook.encode(), mode=0o755)


def hook_text(python: Path) -> str:
    """The pre-receive hook. It names no site: the site is where the repository is.

    The kernel cuts a first line past 127 bytes or at a space (execve(2)); sh starts such an interpreter instead.
    """
    shebang = f"#!{python} -I"
    if not python.is_absolute() or not str(python).isprintable():
        raise MachineError(f"{str(python)!a} cannot start a hook", remedy="Give the interpreter's absolute path.")
    if " " not in str(python) and len(shebang.encode()) <= _SHEBANG_LIMIT:
        return f"{shebang}\n{_LAUNCH}"
    return f"#!/bin/sh\nexec {shlex.quote(str(python))} -I -c {shlex.quote(_LAUNCH)}\n"


def set_default_branch(repository: Path, branch: str) -> None:
    """Make the repository about `branch`, which need not be there yet. Raises SourceError for a bad name."""
    done = git.run(repository, "symbolic-ref", "HEAD", refs.full_ref(f"refs/heads/{branch}"))
    if not done.ok:
        raise git.failed(done, "setting HEAD", repository)


def tidy(repository: Path) -> None:
    """Pack what has gathered, if it is worth it. Slow, and safe beside a push: call it when nobody waits."""
    done = git.run(repository, "gc", "--auto", "--quiet", accepted_only=True)
    if not done.ok and "gc is already running" not in done.errors:
        raise git.failed(done, "tidying the repository", repository)
