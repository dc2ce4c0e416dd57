"""pyproject.toml without a lock: the project's own dependencies and the groups that are wanted."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from pushlive.config.packages import canonical, named
from pushlive.image.plan import unreadable
from pushlive.model.errors import BuildError

FILE = "pyproject.toml"


class Project(Struct, frozen=True, rename="kebab"):
    """[project], as far as it says what to install (PEP 621)."""

    name: str = ""
    dependencies: tuple[str, ...] | None = None
    optional_dependencies: dict[str, tuple[str, ...]] = field(default_factory=dict)


class _Index(Struct, frozen=True):
    url: str
    default: bool = False
    explicit: bool = False


class _Uv(Struct, frozen=True, rename="kebab"):
    sources: dict[str, Any] = field(default_factory=dict)
    index: tuple[_Index, ...] = ()
    index_url: str = ""
    extra_index_url: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()


class _Tool(Struct, frozen=True):
    uv: _Uv = field(default_factory=_Uv)
    poetry: Any = None


class _Include(Struct, frozen=True, rename="kebab"):
    include_group: str


_Groups = dict[str, tuple[str | _Include, ...]]


class Document(Struct, frozen=True, rename="kebab"):
    """A pyproject.toml, as far as it says what to install."""

    project: Project = field(default_factory=Project)
    dependency_groups: _Groups = field(default_factory=dict)
    tool: _Tool = field(default_factory=_Tool)


def read(data: Mapping[str, Any]) -> Document:
    """The file from its TOML. Raises BuildError when a key is not of the form it should be."""
    try:
        return msgspec.convert(data, Document)
    except msgspec.ValidationError as error:
        raise unreadable(FILE, error) from error


def asked(data: Mapping[str, Any], groups: Iterable[str]) -> Iterator[str]:
    """The requirements of the project and of `groups`, behind the indexes they come from, as lines.

    Raises BuildError for what Poetry alone can read, and for a package whose source it takes a lock to say.
    """
    document = read(data)
    if document.project.dependencies is None and document.tool.poetry is not None:
        raise BuildError(
            "pyproject.toml names its packages in Poetry's own way and there is no poetry.lock",
            where=FILE,
            remedy="Run `poetry lock` and commit poetry.lock.",
        )
    grouped = (line for group in groups for line in _group(document.dependency_groups, group))
    return _lines(document, (*(document.project.dependencies or ()), *grouped))


def own(data: Mapping[str, Any], extras: Iterable[str]) -> Iterator[str] | None:
    """What the project itself needs, with such extras, as `asked` has it; None when its file does not say."""
    document = read(data)
    if document.project.dependencies is None:
        return None
    return _lines(document, (*document.project.dependencies, *_extras(document.project, extras)))


def _extras(project: Project, wanted: Iterable[str], within: tuple[str, ...] = ()) -> Iterator[str]:
    """The requirements of extras; one may name others of the same project: `all = ["shop[redis,mail]"]`."""
    known = {canonical(name): lines for name, lines in project.optional_dependencies.items()}
    for extra in (canonical(name) for name in wanted):
        for line in known.get(extra, ()) if extra not in within else ():
            if named(line) == canonical(project.name):
                yield from _extras(project, extras_of(line), (*within, extra))
            else:
                yield line


def extras_of(requirement: str) -> tuple[str, ...]:
    """The extras that a requirement names in brackets (PEP 508)."""
    found = re.match(r"[^\[;@]*\[([^\]]*)\]", requirement)
    return tuple(name.strip() for name in found[1].split(",") if name.strip()) if found else ()


def _lines(document: Document, asked_for: Iterable[str]) -> Iterator[str]:
    sources = {canonical(name) for name in document.tool.uv.sources}
    yield from _indexes(document.tool.uv)
    for line in asked_for:
        if (name := named(line)) in sources:
            raise BuildError(
                f"pyproject.toml takes {name} from a source of its own ([tool.uv.sources]), and there is no uv.lock",
                where=FILE,
                remedy="Run `uv lock` and commit uv.lock.",
            )
        yield line


def _indexes(uv: _Uv) -> Iterator[str]:
    """The indexes of [tool.uv], as options; one that is explicit serves packages of [tool.uv.sources] alone."""
    for entry in uv.index:
        if not entry.explicit:
            yield f"--{'' if entry.default else 'extra-'}index-url {entry.url}"
    if uv.index_url:
        yield f"--index-url {uv.index_url}"
    yield from (f"--extra-index-url {url}" for url in uv.extra_index_url)
    yield from (f"--find-links {url}" for url in uv.find_links)


def _group(groups: _Groups, name: str, within: Iterable[str] = ()) -> Iterator[str]:
    """The requirements of a dependency group and of the groups it includes (PEP 735)."""
    for entry in groups.get(name, ()) if name not in within else ():
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(groups, entry.include_group, (*within, name))
