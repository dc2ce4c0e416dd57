"""What is in an image, for people and for programs."""

import base64
import stat
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pushlive.cli.output import show_table, when
from pushlive.cli.text import escaped
from pushlive.model.errors import UsageError

if TYPE_CHECKING:
    from pushlive.image.compare import Change, PackageChange, SettingChange
    from pushlive.image.contents import Entry
    from pushlive.pipeline.differing import Difference
    from pushlive.pipeline.inside import File, Listing, Sizes

_ON_TERMINAL, _IN_JSON = 1024 * 1024, 16 * 1024 * 1024
"""Bytes of a file that are printed at most."""

_SNIFFED = 8000
"""Bytes at a file's beginning in which a NUL says that it is no text, as for git."""

_FORMATS = {
    "file": stat.S_IFREG,
    "hard link": stat.S_IFREG,
    "folder": stat.S_IFDIR,
    "link": stat.S_IFLNK,
    "device": stat.S_IFCHR,
    "pipe": stat.S_IFIFO,
}


def show_listing(found: "Listing") -> None:
    """Print a listing."""
    click.echo(f"{escaped(found.folder)} in {found.chosen.name}")
    rows = (_row(found, entry) for entry in found.entries)
    show_table(("MODE", "OWNER", "SIZE", "CHANGED", "LAYER", "NAME"), rows, nothing="It is empty.")


def listing_dict(found: "Listing") -> dict[str, Any]:
    """A listing for programs."""
    entries = [_entry_dict(entry) | {"layer": _layer(found, entry) or None} for entry in found.entries]
    return {**found.chosen.as_dict(), "folder": found.folder, "entries": entries}


def text(found: "File") -> str:
    """A file's content for a terminal. Raises UsageError for what is no text, or too long."""
    content = _whole(found, _ON_TERMINAL, "for a terminal")
    if b"\0" in content[:_SNIFFED]:
        raise UsageError(
            f"/{found.entry.path} is no text, and a terminal shows nothing else",
            remedy="Pass it on: `pushlive image cat FILE > copy`, or `| xxd`.",
        )
    return content.decode(errors="replace")


def file_dict(found: "File") -> dict[str, Any]:
    """A file for programs, its content as `text`, or as `base64` if it is none."""
    content = _whole(found, _IN_JSON, "for JSON")
    known = {**found.chosen.as_dict(), **_entry_dict(found.entry)}
    try:
        return known | {"text": content.decode(), "base64": None}
    except UnicodeDecodeError:
        return known | {"text": None, "base64": base64.b64encode(content).decode()}


def difference_lines(found: "Difference", *, every: bool) -> Iterator[str]:
    """A difference in lines; `every` file, or only those that no line above stands for."""
    yield f"{found.before.name} -> {found.after.name}"
    counted = set() if every else {each.name for each in found.packages}
    yield from _part("packages", found.packages, _package_line)
    yield from _part("configuration", found.settings, _setting_line)
    yield from _part("files", [each for each in found.files if each.package not in counted], _file_line)
    if found.packages or found.settings or found.files:
        yield f"\n{found.same} of {len(found.after.image.layers)} layers are the same."
    else:
        yield "\nNothing differs."


def difference_dict(found: "Difference") -> dict[str, Any]:
    """A difference for programs, every file in it."""
    return {
        "before": found.before.as_dict(),
        "after": found.after.as_dict(),
        "same_layers": found.same,
        "packages": [_package_dict(each) for each in found.packages],
        "configuration": [{"name": each.name, "before": each.before, "after": each.after} for each in found.settings],
        "files": [_change_dict(each) for each in found.files],
    }


def show_sizes(found: "Sizes", limit: int) -> None:
    """Print what takes how much."""
    layers = (
        (escaped(each.title), str(each.layer.digest)[:19], *_counts(each.layer.size, each.unpacked, each.files))
        for each in found.layers
    )
    packages = (
        (escaped(each.name), escaped(each.version), *_counts(share.size, share.files))
        for each, share in found.packages[:limit]
    )
    files = ((*_counts(each.size), escaped(f"/{each.path}")) for each in found.files[:limit])
    click.echo(f"{found.chosen.name}\n")
    show_table(("LAYER", "DIGEST", "PACKED", "UNPACKED", "FILES"), layers, nothing="It has no layer.")
    click.echo()
    show_table(("PACKAGE", "VERSION", "BYTES", "FILES"), packages, nothing="No package is recorded in it.")
    click.echo()
    show_table(("BYTES", "FILE"), files, nothing="It has no file.")


def sizes_dict(found: "Sizes", limit: int) -> dict[str, Any]:
    """What takes how much, for programs; all in bytes."""
    layers = [
        {"title": each.title, "digest": str(each.layer.digest), "packed": each.layer.size}
        | {"unpacked": each.unpacked, "files": each.files}
        for each in found.layers
    ]
    packages = [
        {"name": each.name, "version": each.version, "folder": f"/{each.folder}"}
        | {"size": share.size, "files": share.files}
        for each, share in found.packages[:limit]
    ]
    files = [{"path": f"/{each.path}", "size": each.size} for each in found.files[:limit]]
    return {**found.chosen.as_dict(), "layers": layers, "packages": packages, "files": files}


def _row(found: "Listing", entry: "Entry") -> tuple[str, ...]:
    name = escaped(entry.path.removeprefix(found.folder.lstrip("/")).lstrip("/"))
    target = f" -> {escaped(entry.target)}" if entry.target else ""
    changed = when(_time(entry))
    return _mode(entry), _owner(entry), f"{entry.size:,}", changed, escaped(_layer(found, entry)), f"{name}{target}"


def _layer(found: "Listing", entry: "Entry") -> str:
    return found.chosen.titles[entry.layer] if entry.layer else ""


def _entry_dict(entry: "Entry") -> dict[str, Any]:
    return {
        "path": f"/{entry.path}",
        "kind": entry.kind.value,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "changed": _time(entry),
        "target": entry.target or None,
    }


def _mode(entry: "Entry") -> str:
    return stat.filemode(_FORMATS[entry.kind.value] | entry.mode)


def _owner(entry: "Entry") -> str:
    return f"{entry.uid}:{entry.gid}"


def _size(entry: "Entry") -> str:
    return f"{entry.size:,} bytes" if entry.kind.value == "file" else entry.kind.value


def _time(entry: "Entry") -> datetime | None:
    """When it was changed; None for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(entry.mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _whole(found: "File", bound: int, purpose: str) -> bytes:
    if found.entry.size > bound:
        raise UsageError(
            f"/{found.entry.path} has {found.entry.size:,} bytes, too many {purpose}",
            remedy="Pass it on: `pushlive image cat FILE > copy`.",
        )
    return b"".join(found.pieces)


def _part(title: str, items: Iterable[Any], line: Callable[[Any], str]) -> Iterator[str]:
    lines = [f"  {line(each)}" for each in items]
    if lines:
        yield f"\n{title}: {len(lines)}"
        yield from lines


def _package_line(each: "PackageChange") -> str:
    return f"{_changed(each.name, each.before, each.after, ' ')}  ({each.files:,} files, {each.growth:+,} bytes)"


def _setting_line(each: "SettingChange") -> str:
    return _changed(each.name, each.before, each.after, ": ")


def _changed(name: str, before: str | None, after: str | None, between: str) -> str:
    """`+ NAME NEW`, `- NAME OLD` or `~ NAME OLD -> NEW`."""
    sign = "~" if before and after else "+" if after else "-"
    return f"{sign} {escaped(name)}{between}{escaped(' -> '.join(filter(None, (before, after))))}"


def _file_line(each: "Change") -> str:
    path = escaped(f"/{each.path}")
    if each.before and each.after:
        return f"~ {path}  {', '.join(_what(name, each.before, each.after) for name in each.what)}"
    entry = each.after or each.before
    assert entry is not None
    return f"{'+' if each.after else '-'} {path}  {_size(entry)}"


def _what(name: str, before: "Entry", after: "Entry") -> str:
    of: dict[str, Callable[[Entry], str]] = {
        "content": _size,
        "mode": _mode,
        "owner": _owner,
        "target": lambda entry: escaped(entry.target),
        "kind": lambda entry: entry.kind.value,
    }
    return f"{name} {of[name](before)} -> {of[name](after)}"


def _package_dict(each: "PackageChange") -> dict[str, Any]:
    versions = {"before": each.before or None, "after": each.after or None}
    return {"name": each.name, **versions, "files": each.files, "growth": each.growth}


def _change_dict(each: "Change") -> dict[str, Any]:
    return {
        "path": f"/{each.path}",
        "before": _entry_dict(each.before) if each.before else None,
        "after": _entry_dict(each.after) if each.after else None,
        "differs": list(each.what),
        "package": each.package or None,
    }


def _counts(*numbers: int) -> tuple[str, ...]:
    return tuple(f"{number:,}" for number in numbers)
