"""pushlive.lock: which content the base image's name stood for when it was locked, so that builds stay on it."""

import tomllib
from pathlib import Path

from msgspec import Struct

from pushlive.model.errors import SettingsError
from pushlive.model.image import BadDigestError, Digest

FILE = "pushlive.lock"
"""Where it lies in the tree, unless [build] lock says otherwise."""

_TEXT = """\
# Written by `pushlive image lock`. Commit it: builds then stand on exactly this base image.
[base]
name = "{name}"
digest = "{digest}"
"""


class BaseLock(Struct, frozen=True):
    """A base image's whole name, tag included, and what it named: an index for several platforms, or an image."""

    name: str
    digest: Digest


def read(tree: Path, path: str) -> BaseLock | None:
    """The lock at `path` in a tree; None when there is none. Raises SettingsError for one that is damaged."""
    try:
        found = tomllib.loads((tree / path).read_text())["base"]
        return BaseLock(str(found["name"]), Digest.parse(str(found["digest"])))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, BadDigestError, RecursionError) as error:
        raise SettingsError(
            f"the lock of the base image cannot be read: {error}",
            where=path,
            remedy="Write it anew: `pushlive image lock`.",
        ) from error


def text(lock: BaseLock) -> str:
    """What the file says."""
    return _TEXT.format(name=lock.name, digest=lock.digest)
