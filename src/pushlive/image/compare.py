"""What differs between two images: packages, configuration, files. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from pushlive.image.contents import Contents, Entry, Kind
from pushlive.image.packages import Package, owner
from pushlive.model.image import Digest, ImageConfig


class Change(Struct, frozen=True):
    """A path that differs. `before` is None for one that was added, `after` for one that was removed.

    `what` says of one that changed in what it did: content, mode, owner, target, kind. `package` is the name of the
    package it belongs to, in either image.
    """

    path: str
    before: Entry | None
    after: Entry | None
    what: tuple[str, ...] = ()
    package: str = ""

    @property
    def growth(self) -> int:
        """Bytes that it adds to what the image holds."""
        return (self.after.size if self.after else 0) - (self.before.size if self.before else 0)


class PackageChange(Struct, frozen=True):
    """A package that was added (no `before`), removed (no `after`) or is of another version; both are versions.

    `files` is how many of its files differ, `growth` the bytes they add.
    """

    name: str
    before: str
    after: str
    files: int = 0
    growth: int = 0


class SettingChange(Struct, frozen=True):
    """A part of the configuration that differs; None where it is not set."""

    name: str
    before: str | None
    after: str | None


def files(before: Contents, after: Contents, owners: Sequence[Mapping[str, Package]]) -> Iterator[Change]:
    """The paths that differ, in their order; `owners` tell for each image whose its files are. Times do not count.

    Entries of one layer are the same when they are the same member; others need the `digest` of their contents. A
    folder that comes or goes with what is in it is not told of, nor is bytecode: its module is.
    """
    old = {entry.path: entry for entry in before.below()}
    new = {entry.path: entry for entry in after.below()}
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        what = differences(one, other) if one and other else ()
        alone = not (one and other) and not (after if other else before).children(path)
        if what or alone:
            mine = next(filter(None, (owner(path, known) for known in reversed(owners))), None)
            if mine is None and _is_bytecode(path):
                continue
            yield Change(path, one, other, what, mine.name if mine else "")


def differences(one: Entry, other: Entry) -> tuple[str, ...]:
    """In what two entries of one path differ."""
    if one.kind is not other.kind:
        return ("kind",)
    found = (
        ("content", one.kind is Kind.FILE and not _same_content(one, other)),
        ("target", one.target != other.target),
        ("mode", one.mode != other.mode),
        ("owner", (one.uid, one.gid) != (other.uid, other.gid)),
    )
    return tuple(name for name, differs in found if differs)


def unsure(before: Contents, after: Contents) -> set[Digest]:
    """The layers whose files want a digest so that `files` can tell: pairs of one size that only it tells apart."""
    pairs = ((entry, after.find(entry.path)) for entry in before.below() if entry.kind is Kind.FILE)
    open_ = [
        (one, other)
        for one, other in pairs
        if other and other.kind is Kind.FILE and one.size == other.size and not _is_one(one, other)
    ]
    return {each.layer for pair in open_ for each in pair if each.layer and not each.digest}


def packages(before: Sequence[Package], after: Sequence[Package], changed: Sequence[Change]) -> list[PackageChange]:
    """The packages that differ, by name; `changed` are the files that differ."""
    count = Counter(change.package for change in changed)
    growth: Counter[str] = Counter()
    for change in changed:
        growth[change.package] += change.growth
    old, new = _versions(before), _versions(after)
    return [
        PackageChange(name, old.get(name, ""), new.get(name, ""), count[name], growth[name])
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def settings(before: ImageConfig, after: ImageConfig) -> list[SettingChange]:
    """What differs in how the images run: entrypoint, user, folder, platform, environment."""
    old, new = _settings(before), _settings(after)
    return [
        SettingChange(name, old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _is_bytecode(path: str) -> bool:
    return path.endswith(".pyc") and "__pycache__" in path.split("/")


def _is_one(one: Entry, other: Entry) -> bool:
    return one.layer is not None and (one.layer, one.at) == (other.layer, other.at)


def _same_content(one: Entry, other: Entry) -> bool:
    return _is_one(one, other) or (one.size == other.size and bool(one.digest) and one.digest == other.digest)


def _versions(packages: Sequence[Package]) -> dict[str, str]:
    """Versions by name; a package that lies in several places has several."""
    found: dict[str, list[str]] = {}
    for package in packages:
        found.setdefault(package.name, []).append(package.version)
    return {name: ", ".join(dict.fromkeys(versions)) for name, versions in found.items()}


def _settings(config: ImageConfig) -> dict[str, str]:
    return {
        "entrypoint": " ".join(config.entrypoint),
        "user": config.user,
        "folder": config.working_dir,
        "platform": f"{config.os}/{config.architecture}",
        **{f"env {name}": value for name, value in sorted(config.env.items())},
    }
