"""Which names a tree may hold, and where its links lead. Pure: nothing here touches a disk."""

from collections import deque
from collections.abc import Iterable, Mapping

LONGEST_PATH = 3500
"""Bytes; with the folder it is put in, a path stays below the kernel's 4,096."""
LONGEST_NAME = 255
MOST_STEPS = 40
"""Links followed one after another before it counts as a loop, as the kernel counts (path_resolution(7))."""

_ROOT = b"/"
# Code points that HFS+ leaves out when it compares names.
_UNSEEN = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF],
)


def fault(path: bytes) -> str | None:
    """What is wrong with a path in a tree, or None."""
    if len(path) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} bytes"
    if any(byte < 0x20 or byte == 0x7F for byte in path):  # noqa: PLR2004
        return "has a control character in it"
    return next((found for part in path.split(b"/") if (found := _name_fault(part))), None)


def _name_fault(name: bytes) -> str | None:
    if name in {b"", b".", b".."}:
        return "has an empty part, '.' or '..' in it"
    if len(name) > LONGEST_NAME:
        return f"has a part longer than {LONGEST_NAME} bytes"
    return "holds a .git of its own" if is_dot_git(name) else None


def is_dot_git(name: bytes) -> bool:
    """Whether some file system takes `name` for .git: HFS+ and NTFS do for many (git's is_hfs/ntfs_dotgit)."""
    seen = name.decode(errors="replace").translate(_UNSEEN).casefold()
    plain = seen.replace("\\", "/").partition("/")[0].partition(":")[0].rstrip(". ")
    return plain in {".git", "git~1"}


def clash(paths: Iterable[bytes]) -> bytes | None:
    """A path that is there twice, or is a file and a folder at once; None when there is none."""
    seen: set[bytes] = set()
    for path in (ordered := sorted(paths)):
        if path in seen:
            return path
        seen.add(path)
    folders = {folder for path in ordered for folder in parents(path)}
    return min(seen & folders, default=None)


def parents(path: bytes) -> Iterable[bytes]:
    """The folders above a path, the highest first."""
    parts = path.split(b"/")
    return (b"/".join(parts[:count]) for count in range(1, len(parts)))


def leaves_tree(link: bytes, links: Mapping[bytes, bytes]) -> bool:
    """Whether following `link`, and the links it meets, ever stands outside of the tree.

    `links` are all links of the tree: path to target. A loop, or a target that is not there, stays inside.
    """
    here, steps = link.split(b"/")[:-1], 0
    ahead = deque(_parts(links[link]))
    while ahead and steps < MOST_STEPS:
        part = ahead.popleft()
        if part == _ROOT or (part == b".." and not here):
            return True
        if part == b"..":
            here.pop()
        elif (met := links.get(b"/".join([*here, part]))) is not None:
            ahead.extendleft(reversed(_parts(met)))
            steps += 1
        else:
            here.append(part)
    return False


def _parts(target: bytes) -> list[bytes]:
    """The steps a link's target takes, the root first if it begins there."""
    steps = [part for part in target.split(b"/") if part not in {b"", b"."}]
    return [_ROOT, *steps] if target.startswith(_ROOT) else steps
