"""Pipfile.lock as a plan: what is under `default`, with its hashes."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct, field

from pushlive.config.packages import canonical
from pushlive.image.lines import is_pypi
from pushlive.image.plan import UNNEEDED, Plan, from_path, git, unreadable

_NAME = "Pipfile.lock"
_OWN = "the site's own code is in the image already"


class _Entry(Struct, frozen=True):
    version: str = "*"
    hashes: tuple[str, ...] = ()
    markers: str = ""
    extras: tuple[str, ...] = ()
    git: str = ""
    ref: str = "HEAD"
    subdirectory: str = ""
    file: str = ""
    path: str = ""


class _Source(Struct, frozen=True):
    url: str


class _Meta(Struct, frozen=True):
    sources: tuple[_Source, ...] = ()


class _Document(Struct, frozen=True):
    default: dict[str, _Entry] = field(default_factory=dict)
    meta: _Meta = field(default_factory=_Meta, name="_meta")


def plan(text: str) -> Plan:
    """The plan of a Pipfile.lock. Raises BuildError for one that cannot be read, and for a package from a path."""
    document = _document(text)
    packages = document.default
    passed = {name: reason for name, entry in packages.items() if (reason := _unneeded(name, entry))}
    return Plan(
        tuple(_line(name, entry) for name, entry in sorted(packages.items()) if name not in passed),
        options=tuple(_indexes([source.url for source in document.meta.sources])),
        complete=True,
        notes=tuple(f"{_NAME}: {name} is left out: {reason}" for name, reason in passed.items()),
    )


def _document(text: str) -> _Document:
    try:
        return msgspec.json.decode(text, type=_Document)
    except (ValueError, RecursionError) as error:
        raise unreadable(_NAME, error) from error


def _unneeded(name: str, entry: _Entry) -> str:
    return _OWN if entry.path in {".", "./"} else UNNEEDED.get(canonical(name), "")


def _indexes(sources: list[str]) -> Iterator[str]:
    """PyPI stays what the others come before, where it is one of them."""
    foreign = [url for url in sources if not is_pypi(url)]
    for number, url in enumerate(foreign):
        alone = number == 0 and len(foreign) == len(sources)
        yield f"--index-url {url}" if alone else f"--extra-index-url {url}"


def _line(name: str, entry: _Entry) -> str:
    extras = f"[{','.join(entry.extras)}]" if entry.extras else ""
    marker = f" ; {entry.markers}" if entry.markers else ""
    if address := _address(name, entry):
        return f"{name}{extras} @ {address}{marker}"
    hashes = "".join(f" --hash={value}" for value in entry.hashes)
    return f"{name}{extras}{'' if entry.version == '*' else entry.version}{marker}{hashes}"


def _address(name: str, entry: _Entry) -> str:
    """Where a package comes from that no index has; "" for any other."""
    if entry.git:
        return git(entry.git, entry.ref, entry.subdirectory)
    address = entry.file or entry.path
    if address and ("://" not in address or address.startswith("file:")):
        raise from_path(name, address, _NAME)
    return address
