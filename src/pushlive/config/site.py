"""A site as a revision describes it: what pushlive.toml sets and what was detected, each with where it comes from."""

from enum import StrEnum

from msgspec import Struct, field

from pushlive.config.schema import SiteFile

FILE = "pushlive.toml"
"""The site file's name, and the origin of what it sets."""
DEFAULT = "default"
"""The origin of what nothing in the repository says."""


class Interface(StrEnum):
    """How the server calls the application."""

    WSGI = "wsgi"
    ASGI = "asgi"


class RequirementsKind(StrEnum):
    """What says which packages to install."""

    UV_LOCK = "uv.lock"
    POETRY_LOCK = "poetry.lock"
    PIPFILE_LOCK = "Pipfile.lock"
    REQUIREMENTS = "requirements.txt"
    PYPROJECT = "pyproject.toml"
    NONE = "none"


class Fact(Struct, frozen=True):
    """Something found out: `origin` is a file (`proj/settings.py:71`), `pushlive.toml` or `default`."""

    key: str
    value: str
    origin: str


class App(Struct, frozen=True):
    """Where the application is. Paths are relative to the top of the repository, "" being the top itself.

    `callable` is what gunicorn takes (`proj.wsgi:application`), to be imported from `root`; `paths` are folders that
    must be importable besides it. `manage` and `settings` are None for what is not Django.
    """

    root: str
    manage: str | None
    settings: str | None
    interface: Interface
    callable: str
    paths: tuple[str, ...] = ()


class Requirements(Struct, frozen=True):
    """What to install. `files` name it, in their order; `includes` are the further files those refer to.

    A lock file's `files` are the lock and the file it was made from. `groups` are dependency groups (PEP 735) that a
    deployed site wants besides the project's own dependencies.
    """

    kind: RequirementsKind
    files: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    origin: str = DEFAULT


class PythonWish(Struct, frozen=True):
    """Which Pythons will do, as a version specifier (PEP 440); "" is any."""

    specifier: str = ""
    origin: str = DEFAULT


class Site(Struct, frozen=True):
    """Everything a revision says about itself without being run.

    `build_commands` run in the tree's top before static files are collected, the ones that begin with `python` in
    the site's environment and `app.root`. `release_command` is None when nothing names one, "" when none is wanted.
    `source` is the URL where its source is kept, as it says itself.
    """

    file: SiteFile
    app: App
    requirements: Requirements
    python: PythonWish
    build_commands: tuple[str, ...] = ()
    release_command: str | None = None
    source: str = ""
    facts: tuple[Fact, ...] = field(default_factory=tuple)
