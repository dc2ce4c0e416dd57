"""What a push brings: the hook's input, and objects that git has not taken in yet."""

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pushlive.model.errors import SourceError
from pushlive.model.source import Push
from pushlive.source import git, refs
from pushlive.system import files

_LINE = re.compile(r"([0-9a-f]{40}) ([0-9a-f]{40}) ([^\n]+)\n?")
_LOOSE = re.compile(r"[0-9a-f]{38}")
_PACK = re.compile(r"pack-[0-9a-f]{40}\.(?:pack|rev|idx)")
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}


def read_pushes(stream: Iterable[bytes]) -> tuple[Push, ...]:
    """Read the lines git gives a pre-receive hook (githooks(5)). Raises SourceError for any that is malformed."""
    return tuple(_push(line) for line in stream)


def _push(line: bytes) -> Push:
    match = _LINE.fullmatch(line.decode(errors="surrogateescape"))
    if match is None:
        raise SourceError(f"git gave the hook a line that is no push: {line[:120]!a}")
    return Push(old=match[1], new=match[2], ref=refs.full_ref(match[3]))


def keep_objects(repository: Path, environment: Mapping[str, str]) -> None:
    """Put the objects of the push that is being received into the repository for good, before git itself does.

    A delivery that is live when its push is killed can then be given its ref. git's own move of the same objects
    finds them there and is content. Does nothing outside a hook of this repository. Raises MachineError on a full disk.
    """
    quarantine = git.in_quarantine(repository, environment).get("GIT_QUARANTINE_PATH")
    if quarantine is None:
        return
    store = repository / "objects"
    with files.explained(store):
        folders = {_keep(source, store / source.relative_to(quarantine)) for source in _objects(Path(quarantine))}
        for folder in sorted(folders):
            files.sync_folder(folder)
        if folders:
            files.sync_folder(store)


def _objects(quarantine: Path) -> Iterator[Path]:
    """Loose objects, then packs; an index comes last, for a pack counts as there once its index is.

    A `.keep` is left alone: it is git's own lock on a pack, and git takes it away again.
    """
    for folder in sorted(quarantine.glob("[0-9a-f][0-9a-f]")):
        yield from (path for path in sorted(folder.iterdir()) if _LOOSE.fullmatch(path.name))
    packs = [path for path in quarantine.glob("pack/pack-*") if _PACK.fullmatch(path.name)]
    yield from sorted(packs, key=lambda path: (path.suffix == ".idx", path.name))


def _keep(source: Path, target: Path) -> Path:
    """Make `target` the same durable file as `source`; returns its folder."""
    target.parent.mkdir(exist_ok=True)
    _sync(source)
    try:
        target.hardlink_to(source)
    except FileExistsError:
        _sync(target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(source, target)
    return target.parent


def _copy(source: Path, target: Path) -> None:
    """For file systems without hard links; the name appears once the content is durable."""
    scratch = target.with_name(f"tmp_obj_{os.getpid()}_{target.name}")
    shutil.copyfile(source, scratch)
    scratch.chmod(0o444)
    _sync(scratch)
    scratch.replace(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
