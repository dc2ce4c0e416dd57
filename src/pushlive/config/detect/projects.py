"""Which folder of the tree is the project: the one with manage.py, chosen by evidence where there are several."""

import ast
from collections.abc import Sequence

from msgspec import Struct

from pushlive.config.detect.code import Source, Sources
from pushlive.config.detect.files import Files, join, parent
from pushlive.config.detect.servers import Serves
from pushlive.config.schema import AppSection
from pushlive.config.site import FILE
from pushlive.model.errors import SettingsError

_ASIDE = frozenset({"example", "examples", "test", "tests", "testing", "doc", "docs", "sandbox", "samples", "fixtures"})
"""Folders whose projects are there to show or to test something else."""


class Project(Struct, frozen=True):
    """A folder to run in. `manage` is its manage.py, if it has one; `origin` is what says so."""

    root: str
    manage: str | None
    origin: str


def find(files: Files, section: AppSection, serves: Sequence[Serves]) -> Project | None:
    """The Django project; None when there is no manage.py. Raises SettingsError when there are several and no clue."""
    if section.manage is not None or section.root is not None:
        return _told(files, section)
    if _is_djangos(files, "manage.py"):
        return Project("", "manage.py", "manage.py")
    found = [path for path in files.find("manage.py") if _is_djangos(files, path)]
    serious = [path for path in found if not _ASIDE & set(parent(path).split("/"))]
    if not serious and found:
        raise _ask(found, "the only Django project is one among examples or tests")
    if not serious:
        return None
    return _choose(files, serious, serves)


def importable(sources: Sources, project: Project) -> tuple[str, ...]:
    """Folders that modules of the project may be imported from, the likeliest first."""
    manage = sources.at(project.manage) if project.manage else None
    above = [project.root]
    while above[-1]:
        above.append(parent(above[-1]))
    below = [join(project.root, "src")] if sources.files.is_folder(join(project.root, "src")) else []
    return tuple(dict.fromkeys([project.root, *added_to_path(sources.files, manage), *below, *above[1:]]))


def added_to_path(files: Files, manage: Source | None) -> tuple[str, ...]:
    """Folders that manage.py itself puts on sys.path."""
    if manage is None or manage.tree is None:
        return ()
    named = [
        join(parent(manage.path), part.value)
        for call in ast.walk(manage.tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"sys.path.append", "sys.path.insert"}
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return tuple(path for path in named if path and files.is_folder(path))


def _is_djangos(files: Files, path: str) -> bool:
    """A template's folder (`{{ cookiecutter.slug }}`) holds no project yet."""
    return "{{" not in path and "django" in (files.text(path) or "")


def _told(files: Files, section: AppSection) -> Project:
    if section.root is not None and not files.is_folder(join(section.root)):
        raise _missing("app.root", section.root, "folder")
    if section.manage is not None and not files.is_file(join(section.manage)):
        raise _missing("app.manage", section.manage, "file")
    root = join(section.root if section.root is not None else parent(section.manage or ""))
    return Project(root, files.first(join(section.manage or join(root, "manage.py"))), FILE)


def _choose(files: Files, found: Sequence[str], serves: Sequence[Serves]) -> Project:
    if len(found) == 1:
        return Project(parent(found[0]), found[0], found[0])
    for serve in serves:
        named = [path for path in found if _is_served(files, parent(path), serve)]
        if len(named) == 1:
            return Project(parent(named[0]), named[0], serve.origin)
    raise _ask(found, f"there are {len(found)} Django projects here, and nothing says which one is the site")


def _is_served(files: Files, root: str, serve: Serves) -> bool:
    """Whether the command runs in the project's folder or on a module that is there."""
    if serve.folder:
        return root == serve.folder.strip("/") or root.endswith("/" + serve.folder.strip("/"))
    sources = Sources(files)
    return any(sources.module_file(module, (root,)) for module, _ in serve.candidates)


def _ask(found: Sequence[str], cause: str) -> SettingsError:
    return SettingsError(
        cause,
        where=", ".join(found[:5]),
        remedy=f'Say which one in {FILE}: under [app], write root = "{parent(found[0])}".',
        evidence=tuple(found[:10]),
    )


def _missing(key: str, path: str, kind: str) -> SettingsError:
    return SettingsError(
        f"{key}: there is no {kind} {path} in the repository",
        where=FILE,
        remedy="Paths begin at the top of the repository; commit what is missing, or correct the path.",
    )
