"""Which settings module a file of the site names, when it names one outright."""

import re
from pathlib import Path

from msgspec import Struct

from pushlive.config.detect.code import SET_SETTINGS
from pushlive.config.detect.settings import PRODUCTION
from pushlive.inspection.values import App

_NAMED = re.compile(SET_SETTINGS)


class Named(Struct, frozen=True):
    """A settings module and the line in the tree that names it."""

    module: str
    where: str


def served(app: App) -> Named | None:
    """The settings module that the WSGI or ASGI callable's own module names."""
    module = app.callable.partition(":")[0]
    if not module:
        return None
    path = app.folder.joinpath(*module.split("."))
    return _named(path.with_suffix(".py"), app) or _named(path / "__init__.py", app)


def managed(app: App) -> Named | None:
    """The settings module that manage.py names."""
    return _named(app.folder / app.manage, app) if app.manage else None


def for_production(app: App, module: str) -> tuple[str, ...]:
    """Settings modules beside `module` whose names say that they are meant for a server."""
    folder = app.folder.joinpath(*module.split(".")[:-1])
    package = module.rpartition(".")[0]
    names = [name for name in PRODUCTION if (folder / f"{name}.py").is_file()]
    return tuple(f"{package}.{name}" if package else name for name in names)


def _named(path: Path, app: App) -> Named | None:
    text = _text(path)
    found = _NAMED.search(text)
    if found is None or len(set(_NAMED.findall(text))) > 1:
        return None
    line = text.count("\n", 0, found.start()) + 1
    return Named(found[1], f"{path.relative_to(app.tree)}:{line}")


def _text(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    return path.read_text(errors="replace")
