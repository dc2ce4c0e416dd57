"""What is asked of a site, what it answered, and what an inspection comes to."""

import os
from enum import IntEnum, StrEnum
from pathlib import Path

from msgspec import Struct, field

from pushlive.model.release import SuppliedSetting


class Job(StrEnum):
    """A question for the site; what each does stands in `pushlive_runtime.ask`."""

    SETTINGS = "settings"
    CHECK = "check"
    STATIC = "static"
    MIGRATIONS = "migrations"


class Level(IntEnum):
    """How bad a system check's message is, in Django's own numbers."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class App(Struct, frozen=True):
    """Where a site's application is.

    `tree` is the writable copy of the repository, `root` the folder in it that holds manage.py and is the working
    directory ("." for the top). Without `manage` the settings module alone is asked, or the `callable`.
    `settings` pins DJANGO_SETTINGS_MODULE when the site file names one. `paths` are folders of the tree that modules
    are imported from, beside `root`.
    """

    tree: Path
    root: str = "."
    manage: str | None = "manage.py"
    callable: str = ""
    settings: str | None = None
    paths: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The working directory."""
        return self.tree / self.root

    def in_tree(self, path: str) -> str | None:
        """An absolute path as one inside the tree; None when it is elsewhere, or the tree itself.

        Links are not followed: what is kept across releases is linked into the tree.
        """
        if "\0" in path:
            return None
        plain = Path(os.path.normpath(path))
        for top in (self.tree, self.tree.resolve()):
            if plain.is_relative_to(top):
                inside = plain.relative_to(top)
                return str(inside) if inside.parts else None
        return None


class Read(Struct, frozen=True):
    """A name the site's own code asked its environment for.

    `bare`: asked without a value to fall back on. `where` are places in the tree, the nearest first; `flows` the
    settings its value reaches, as far as the file shows.
    """

    name: str
    present: bool
    bare: bool
    where: tuple[str, ...] = ()
    library: str = ""
    flows: tuple[str, ...] = ()


class SecretKey(Struct, frozen=True):
    """What is told of SECRET_KEY: `print` is a hash of it under this asking's number."""

    empty: bool = False
    insecure: bool = False
    drawn: bool = False
    print: str = ""


class Database(Struct, frozen=True):
    """One entry of DATABASES. `path` is SQLite's file in the tree; `options` are the names in OPTIONS."""

    alias: str
    engine: str
    name: str = ""
    host: str = ""
    port: str = ""
    path: str | None = None
    options: tuple[str, ...] = ()

    @property
    def is_sqlite(self) -> bool:
        """Its data is a file, or lives in memory."""
        return self.engine.endswith(("sqlite3", "spatialite"))

    @property
    def in_memory(self) -> bool:
        """Its tables are gone with the process."""
        return self.is_sqlite and (not self.name or ":memory:" in self.name or "mode=memory" in self.name)

    @property
    def is_none(self) -> bool:
        """The site has no database here."""
        return self.engine.endswith("backends.dummy")


class Cache(Struct, frozen=True):
    """One entry of CACHES, its locations without passwords."""

    alias: str
    backend: str
    locations: tuple[str, ...] = ()


class Settings(Struct, frozen=True):
    """What the site's settings came to. Paths are absolute."""

    module: str = ""
    debug: bool = False
    allowed_hosts: tuple[str, ...] = ()
    secret_key: SecretKey = field(default_factory=SecretKey)
    databases: tuple[Database, ...] = ()
    caches: tuple[Cache, ...] = ()
    static_url: str = ""
    static_root: str = ""
    media_url: str = ""
    media_root: str = ""
    storage: str = ""
    middleware: tuple[str, ...] = ()
    ssl_redirect: bool = False
    trusted_origins: tuple[str, ...] = ()
    log_files: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class Failure(Struct, frozen=True):
    """An exception of the site's; `causes` are those below it.

    `missing_file` is the path in the tree of a file that was not there; `missing_elsewhere` are words, for people only.
    """

    phase: str
    type: str
    message: str
    where: str = ""
    missing_file: str = ""
    missing_elsewhere: str = ""
    causes: tuple[tuple[str, str], ...] = ()
    fields: tuple[str, ...] = ()
    traceback: str = ""


class Check(Struct, frozen=True):
    """A message of Django's system checks."""

    id: str
    level: Level
    message: str
    hint: str = ""


class Collected(Struct, frozen=True):
    """What became of the static files in one asking."""

    skipped: str = ""
    served_by_site: bool = False
    fingerprint: str = ""
    unchanged: bool = False
    lost: tuple[str, ...] = ()


class Migrations(Struct, frozen=True):
    """What `migrate` would do to the databases that are kept. `unknown` says why that can't be told.

    `irreversible` operations have no way back, `destructive` ones take away what the old release may still use;
    `missing` are apps with changes in their models that no migration makes.
    """

    pending: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    destructive: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def are_done(self) -> bool:
        """`migrate` would change nothing."""
        return not self.pending and not self.unknown


class Observation(Struct, frozen=True):
    """All that one asking brought.

    `nonce` is its number, `seconds` what it took, `printed` what the site wrote to its own output, `reached` the last
    job that was begun, `written` the names that the site's code set itself and where, `made` the folders that were made
    in the tree for SQLite's files. Without `ended` the process was gone before it could finish its answer, or its
    answer is `malformed`, for that reason.
    """

    nonce: str
    code: int | None
    reads: tuple[Read, ...] = ()
    settings: Settings | None = None
    django: str = ""
    written: dict[str, str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    static: Collected | None = None
    migrations: Migrations | None = None
    failure: Failure | None = None
    reached: str = ""
    ended: bool = False
    malformed: str = ""
    made: tuple[str, ...] = ()
    printed: str = ""
    seconds: float = 0.0

    def read(self, name: str) -> Read | None:
        """The read of `name`, if there was one."""
        return next((each for each in self.reads if each.name == name), None)


class Static(Struct, frozen=True):
    """The site's static files.

    `folder` is where the site looks for them, in the tree; `files` where they lie now, to be laid over that folder
    (None: nothing was collected, and `skipped` says why).
    """

    url: str
    folder: str
    files: Path | None = None
    count: int = 0
    served_by_site: bool = False
    skipped: str = ""


class Media(Struct, frozen=True):
    """Uploaded files: the URL prefix and the folder in the tree (None: elsewhere)."""

    url: str
    folder: str | None


class Remark(Struct, frozen=True):
    """Something the user should know; `warning` when it wants a decision."""

    text: str
    warning: bool = False


class Inspection(Struct, frozen=True):
    """What a site says of itself, and what was supplied so that it runs.

    `host` is a Host header it allows. `data` are paths in the tree to keep. `cache_variables` are the names that want
    memcached's host:port.
    """

    supplied: tuple[SuppliedSetting, ...] = ()
    django: str = ""
    settings: Settings | None = None
    static: Static | None = None
    media: Media | None = None
    data: tuple[str, ...] = ()
    migrations: Migrations | None = None
    databases: tuple[Database, ...] = ()
    remarks: tuple[Remark, ...] = ()
    cache_wanted: bool = False
    cache_variables: tuple[str, ...] = ()
    host: str = "localhost"
