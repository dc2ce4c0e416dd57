"""Databases that cannot be reached, opened or written."""

from pushlive.diagnose.rule import Decide, Exceptional

_ERRORS = ("OperationalError", "ProgrammingError", "ImproperlyConfigured", "InterfaceError", "MigrationSchemaMissing")
_SET_URL = "pushlive env set DATABASE_URL=... (or the variables that the settings read)."
_ADDRESS = f"Give the right address: {_SET_URL}"

RULES: tuple[Decide, ...] = (
    Exceptional(
        "table-missing",
        _ERRORS,
        r"no such table: (?P<table>[\w.]+)|relation \"(?P<relation>[\w.]+)\" does not exist|"
        r"Table '(?P<name>[\w.]+)' doesn't exist",
        "the database has no table {table}{relation}{name}",
        "Migrations are pending, or missing in the repository: have [release] command run `python manage.py migrate`.",
    ),
    Exceptional(
        "column-missing",
        _ERRORS,
        r"(?:no such column: |has no column named )(?P<column>[\w.]+)|column \"?(?P<other>[\w.]+)\"? does not exist|"
        r"Unknown column '(?P<name>[\w.]+)'",
        "the database has no column {column}{other}{name}",
        "A migration is pending, or was not made: run `python manage.py makemigrations` and commit what it writes.",
    ),
    Exceptional(
        "database-missing",
        _ERRORS,
        r"database \"(?P<name>[^\"]+)\" does not exist|Unknown database '(?P<other>[^']+)'",
        "the database server has no database {name}{other}",
        "Create it (`createdb {name}{other}`), or name another: pushlive env set DATABASE_URL=...",
    ),
    Exceptional(
        "database-login",
        _ERRORS,
        r"password authentication failed for user \"(?P<user>[^\"]+)\"|no password supplied|"
        r"role \"(?P<role>[^\"]+)\" does not exist|Access denied for user '(?P<name>[^']+)'|"
        r"no pg_hba\.conf entry",
        "the database refuses the login of {user}{role}{name}",
        f"Give the right user and password: {_SET_URL}",
    ),
    Exceptional(
        "database-host",
        _ERRORS,
        r"(?:failed to resolve host|not translate host name|Unknown MySQL server host) ['\"](?P<host_>[^'\"]+)['\"]",
        "the database's host {host_} has no address",
        _ADDRESS,
    ),
    Exceptional(
        "database-unreachable",
        _ERRORS,
        r"connection to server at \"(?P<host_>[^\"]+)\"(?: \([^)]*\))?, port (?P<port>\d+) failed",
        "no database answers at {host_}:{port}",
        f"Start it, or give another address: {_SET_URL}",
    ),
    Exceptional(
        "database-unreachable",
        _ERRORS,
        r"Can't connect to (?:local )?(?:MySQL|MariaDB|server)[^\n]*|could not connect to server|"
        r"connection to server on socket \"(?P<socket>[^\"]+)\" failed|connection (?:timeout expired|timed out)",
        "the database does not answer",
        _ADDRESS,
    ),
    Exceptional(
        "sqlite-open",
        _ERRORS,
        r"unable to open database file",
        "SQLite cannot open its file: its folder is not in the repository, or the site may not write there",
        'Have it kept across releases: [data] paths = ["var"] in pushlive.toml, with the database\'s own folder.',
    ),
    Exceptional(
        "sqlite-readonly",
        _ERRORS,
        r"attempt to write a readonly database",
        "SQLite's file is read-only to the site",
        'Have it kept across releases: [data] paths = ["db.sqlite3"] in pushlive.toml, with the database\'s own path.',
    ),
    Exceptional(
        "sqlite-locked",
        _ERRORS,
        r"database is locked",
        "SQLite is locked by another process that writes",
        'Raise its timeout, DATABASES["default"]["OPTIONS"] = {{"timeout": 20}}, or use PostgreSQL.',
    ),
)
