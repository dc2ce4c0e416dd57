"""Which Python the repository asks for. A patch level is not insisted on: 3.12.1 is met by any 3.12."""

import re
from collections.abc import Callable, Iterator, Sequence

from pushlive.config.detect.files import Files, join, parent
from pushlive.config.detect.hints import Hint, Kind, variable
from pushlive.config.detect.toml import parse, text
from pushlive.config.schema import BuildSection
from pushlive.config.site import FILE, Fact, PythonWish
from pushlive.model.errors import SettingsError

_VERSION = r"(?:c?python-?|py)?(\d)(?:\.(\d{1,2}))?(?:\.\d+|\.\*)?(?:[-+.\w]*)"
_CLAUSE = r"(===?|!=|<=?|>=?)\d+(\.\d+)*((a|b|rc)\d+)?|(==|!=)\d+(\.\d+)*\.\*|~=\d+(\.\d+)+((a|b|rc)\d+)?"
_ANY_PATCH = r"([<>]=?)(\d+(\.\d+)*)\.\*"
_POETRY = r"([\^~])(\d+)(?:\.(\d+))?(?:\.\d+)?"
_IMAGE = r"(?:^|/|:)python(?:@|:)?(\d+(?:\.\d+)?)"
_SETUP = r"""python_requires\s*=\s*["']?([^"'\n]+)"""


def detect(files: Files, section: BuildSection, *, root: str, hints: Sequence[Hint]) -> PythonWish:
    """The first wish that can be read, the most exact file first. Raises SettingsError for one in the site file."""
    if section.python is not None:
        return _told(section.python)
    folders = dict.fromkeys([root, parent(root), ""])
    wishes = (wish for folder in folders for wish in _in_files(files, folder))
    return next(wishes, None) or next(_in_hints(hints), PythonWish())


def fact(wish: PythonWish) -> Fact:
    """The wish, as `check` shows it."""
    return Fact("build.python", wish.specifier or "any", wish.origin)


def exact(version: str) -> str | None:
    """The specifier for a version as people write it: `3.12`, `3.12.1`, `python-3.12.1`; None when it is no version."""
    found = re.fullmatch(_VERSION, version.strip())
    if not found:
        return None
    return f"=={found[1]}.{found[2]}.*" if found[2] else f">={found[1]}"


def specifier(wanted: str) -> str | None:
    """A PEP 440 specifier set from one, or from Poetry's `^3.10` and `~3.11`; None when it is neither.

    `>=3.8.*`, which older tools took, is `>=3.8`. Of alternatives (`||`) the last counts, which allows the newest
    Python.
    """
    wanted = wanted.rpartition("||")[2].strip()
    clauses = re.split(r"\s*,\s*|\s+(?=[\^~<>=!])", wanted)
    plain = ",".join(_caret(_bound(clause.replace(" ", ""))) for clause in clauses)
    if all(re.fullmatch(_CLAUSE, clause) for clause in plain.split(",")):
        return plain
    return exact(wanted)


def _told(wanted: str) -> PythonWish:
    found = specifier(wanted)
    if found is None:
        raise SettingsError(
            f'build.python: "{wanted}" is neither a version nor a version specifier',
            where=FILE,
            remedy='Write a version (python = "3.13") or a specifier (python = ">=3.12,<3.14").',
        )
    return PythonWish(found, FILE)


def _bound(clause: str) -> str:
    found = re.fullmatch(_ANY_PATCH, clause)
    return f"{found[1]}{found[2]}" if found else clause


def _caret(clause: str) -> str:
    found = re.fullmatch(_POETRY, clause)
    if not found:
        return clause
    sign, major, minor = found[1], int(found[2]), found[3]
    if sign == "~" and minor is not None:
        return f">={major}.{minor},<{major}.{int(minor) + 1}"
    return f">={major}.{minor or 0},<{major + 1}"


def _in_files(files: Files, folder: str) -> Iterator[PythonWish]:
    for name, reader in _READERS:
        path = join(folder, name)
        content = files.text(path)
        for line, wanted in reader(content) if content else ():
            if wanted and (found := specifier(wanted)):
                yield PythonWish(found, f"{path}:{line}" if line else path)


def _in_hints(hints: Sequence[Hint]) -> Iterator[PythonWish]:
    named = variable(tuple(hints), "PYTHON_VERSION")
    if named and (found := exact(named.text)):
        yield PythonWish(found, named.origin)
    for hint in hints:
        if hint.kind is Kind.IMAGE and (image := re.search(_IMAGE, hint.text)) and (found := exact(image[1])):
            yield PythonWish(found, hint.origin)


def _line_by_line(content: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(content.splitlines(), 1):
        yield number, line.partition("#")[0].strip()


def _tool_versions(content: str) -> Iterator[tuple[int, str]]:
    for number, line in _line_by_line(content):
        name, _, version = line.partition(" ")
        if name == "python":
            yield number, version.split()[0] if version.split() else ""


def _pyproject(content: str) -> Iterator[tuple[int, str]]:
    data = parse(content)
    yield _line_of(content, "requires-python"), text(data, "project", "requires-python")
    yield _line_of(content, "python"), text(data, "tool", "poetry", "dependencies", "python")


def _pipfile(content: str) -> Iterator[tuple[int, str]]:
    data = parse(content)
    for key in ("python_version", "python_full_version"):
        yield _line_of(content, key), text(data, "requires", key)


def _setup(content: str) -> Iterator[tuple[int, str]]:
    if found := re.search(_SETUP, content):
        yield content.count("\n", 0, found.start()) + 1, found[1].strip()


def _line_of(content: str, key: str) -> int:
    lines = enumerate(content.splitlines(), 1)
    return next((number for number, line in lines if re.match(rf"\s*{key}\s*=", line)), 0)


_READERS: tuple[tuple[str, Callable[[str], Iterator[tuple[int, str]]]], ...] = (
    (".python-version", _line_by_line),
    ("runtime.txt", _line_by_line),
    (".tool-versions", _tool_versions),
    ("pyproject.toml", _pyproject),
    ("Pipfile", _pipfile),
    ("setup.cfg", _setup),
    ("setup.py", _setup),
)
