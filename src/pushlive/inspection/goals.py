"""What a site must come to before it is run, which names may bring it there, and what to try for each. Pure."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from msgspec import Struct, field

from pushlive.inspection import hosts
from pushlive.inspection.values import App, Database, Observation, Read, Settings
from pushlive.model.release import SuppliedSetting


class Policy(Struct, frozen=True):
    """What may be supplied, and from what.

    `own` are the names the user has set, which nothing is supplied over; `stood_in` those of them that have something
    else in place of their value, with that. `hosts` are those the site shall answer to. `key` is the secret key to
    give, `data` the folder that stays, as the running site will see it.
    """

    app: App
    supply: bool
    own: frozenset[str]
    hosts: tuple[str, ...]
    key: str
    data: str
    stood_in: Mapping[str, str] = field(default_factory=dict)


class Goal(Struct, frozen=True):
    """One thing to bring about. `wants` are the values to try for a name, the likeliest first."""

    setting: str
    is_met: Callable[[Settings, Policy], bool]
    resembles: Callable[[str], bool]
    wants: Callable[[Read, Policy], Sequence[str]]
    reason: str
    secret: bool = False

    def names(self, reads: Sequence[Read], policy: Policy) -> tuple[Read, ...]:
        """The names that may reach the setting, the nearest first; none of the user's own."""
        free = [read for read in reads if read.name not in policy.own]
        near = sorted((read for read in free if self.setting in read.flows), key=self._distance)
        return (*near, *(read for read in free if read not in near and self.resembles(read.name)))

    def is_users(self, reads: Sequence[Read], policy: Policy) -> bool:
        """The user has decided on it."""
        return any(read.name in policy.own and (self.setting in read.flows) for read in reads)

    def candidates(self, reads: Sequence[Read], policy: Policy) -> Iterator[SuppliedSetting]:
        """Everything there is to try, the likeliest first."""
        for read in self.names(reads, policy):
            where = f" ({read.where[0]})" if read.where else ""
            for value in self.wants(read, policy):
                yield SuppliedSetting(read.name, value, f"{self.reason}{where}", secret=self.secret)

    def _distance(self, read: Read) -> tuple[int, bool]:
        return read.flows.index(self.setting), not self.resembles(read.name)


_PLATFORMS = {
    "DYNO": "web.1",
    "RENDER": "true",
    "VERCEL": "1",
    "FLY_APP_NAME": "site",
    "WEBSITE_HOSTNAME": "{host}",
    "RAILWAY_ENVIRONMENT": "production",
    "RAILWAY_ENVIRONMENT_NAME": "production",
    "GITHUB_WORKFLOW": "",
    "CI": "",
}
"""Variables by which a platform makes itself known: what they are like there; "" where it is none to be had."""

_ENVIRONMENTS = {"ENVIRONMENT", "ENV", "DJANGO_ENV", "APP_ENV", "DJANGO_ENVIRONMENT", "ENV_NAME", "STAGE"}


def key_print(key: str, nonce: str) -> str:
    """What the site tells of a secret key that is `key` (see pushlive_runtime.ask_settings)."""
    return hashlib.sha256(f"{nonce}:{key}".encode("utf-8", "surrogateescape")).hexdigest()


def key_arrived(value: str, observation: Observation) -> bool:
    """SECRET_KEY is `value`."""
    found = observation.settings
    return found is not None and found.secret_key.print == key_print(value, observation.nonce)


def allowed(settings: Settings, policy: Policy) -> tuple[str, ...]:
    """The wanted hosts that are answered."""
    return tuple(host for host in policy.hosts if hosts.is_allowed(host, settings.allowed_hosts, debug=settings.debug))


def needs_root(settings: Settings, policy: Policy) -> bool:
    """Static files are looked up in STATIC_ROOT while the site runs, and it is no folder of the tree."""
    runs_from_it = "anifest" in settings.storage or any("whitenoise" in name for name in settings.middleware)
    return runs_from_it and policy.app.in_tree(settings.static_root or "/") is None


def _has_database(settings: Settings, _policy: Policy) -> bool:
    default = _default(settings)
    return default is None or not (default.in_memory or default.is_none or _is_broken_sqlite(default))


def _default(settings: Settings) -> Database | None:
    return next((each for each in settings.databases if each.alias == "default"), None)


def _is_broken_sqlite(database: Database) -> bool:
    """SQLite with PostgreSQL's options cannot be opened."""
    return database.is_sqlite and "sslmode" in database.options


def _has_media(settings: Settings, policy: Policy) -> bool:
    return not settings.media_root or policy.app.in_tree(settings.media_root) is not None


def _trusts(settings: Settings, policy: Policy) -> bool:
    public = [host for host in policy.hosts if not hosts.is_local(host)]
    patterns = [_trusted(origin) for origin in settings.trusted_origins]
    return all(any(hosts.matches(host.lower(), pattern) for pattern in patterns if pattern) for host in public)


def _trusted(origin: str) -> str:
    """The host of a trusted origin, `*.` for those below it (django.middleware.csrf); before Django 4.0 it is bare."""
    try:
        return (urlsplit(origin if "//" in origin else f"//{origin}").hostname or "").removeprefix("*")
    except ValueError:
        return ""


def _off(read: Read, policy: Policy) -> Sequence[str]:
    if read.name in _PLATFORMS:
        return _platform(read, policy)
    if read.name in _ENVIRONMENTS:
        return ("production", "prod")
    return ("False", "0", "production", "")


def _platform(read: Read, policy: Policy) -> tuple[str, ...]:
    value = _PLATFORMS[read.name].replace("{host}", policy.hosts[0] if policy.hosts else "")
    return (value,) if value else ()


def _host_list(read: Read, policy: Policy) -> Sequence[str]:
    if read.name in _PLATFORMS:
        return _platform(read, policy)
    if not policy.hosts:
        return ()
    public = [host for host in policy.hosts if not hosts.is_local(host)] or policy.hosts
    alone = (public[0],)
    several = _lists(policy.hosts)
    return (*several, *alone) if read.name.upper().endswith("S") else (*alone, *several)


def _origins(_read: Read, policy: Policy) -> Sequence[str]:
    return _lists(tuple(origin for host in policy.hosts for origin in _origins_of(host)))


def _origins_of(host: str) -> tuple[str, ...]:
    """A host that begins with a dot stands for its domain and all below it, which a trusted origin writes with `*.`."""
    if host.startswith("."):
        return f"https://{host[1:]}", f"https://*{host}"
    return (f"http{'' if hosts.is_local(host) else 's'}://{host}",)


def _lists(items: Sequence[str]) -> tuple[str, ...]:
    """The ways a list is written in one variable."""
    ways = (",".join(items), " ".join(items), json.dumps(list(items)), ";".join(items))
    return tuple(dict.fromkeys(ways)) if items else ()


def _sqlite(read: Read, policy: Policy) -> Sequence[str]:
    if read.name in _PLATFORMS:
        return ()
    is_url = read.library == "dj_database_url" or read.name.upper().endswith(("URL", "URI", "DSN"))
    if is_url:
        return (f"sqlite:///{policy.data}/db.sqlite3",)
    return (f"{policy.data}/db.sqlite3",) if read.name.upper().endswith(("PATH", "FILE")) else ()


def _says(*parts: str) -> Callable[[str], bool]:
    return lambda name: any(part in name.upper() for part in parts)


SECRET_KEY = Goal(
    setting="SECRET_KEY",
    is_met=lambda settings, _policy: not settings.secret_key.empty,
    resembles=lambda name: name.upper().endswith("SECRET_KEY"),
    wants=lambda _read, policy: (policy.key,),
    reason="a secret key, made once and kept",
    secret=True,
)
DEBUG = Goal(
    setting="DEBUG",
    is_met=lambda settings, _policy: not settings.debug,
    resembles=lambda name: "DEBUG" in name.upper() or name in _ENVIRONMENTS or name in _PLATFORMS,
    wants=_off,
    reason="turns DEBUG off",
)
HOSTS = Goal(
    setting="ALLOWED_HOSTS",
    is_met=lambda settings, policy: len(allowed(settings, policy)) == len(policy.hosts),
    resembles=_says("ALLOWED_HOST"),
    wants=_host_list,
    reason="the site's hosts, for ALLOWED_HOSTS",
)
DATABASE = Goal(
    setting="DATABASES",
    is_met=_has_database,
    resembles=lambda name: name in ("DATABASE_URL", "DB_URL", "DATABASE_URI", "SQLITE_PATH", "DATABASE_PATH"),
    wants=_sqlite,
    reason="an SQLite database in the folder that is kept across releases",
)
ORIGINS = Goal(
    setting="CSRF_TRUSTED_ORIGINS",
    is_met=_trusts,
    resembles=_says("TRUSTED_ORIGIN"),
    wants=_origins,
    reason="the site's hosts, for CSRF_TRUSTED_ORIGINS",
)
STATIC = Goal(
    setting="STATIC_ROOT",
    is_met=lambda settings, policy: not needs_root(settings, policy),
    resembles=_says("STATIC_ROOT"),
    wants=lambda _read, _policy: ("staticfiles",),
    reason="the folder static files are collected into",
)
MEDIA = Goal(
    setting="MEDIA_ROOT",
    is_met=_has_media,
    resembles=_says("MEDIA_ROOT"),
    wants=lambda _read, _policy: ("media",),
    reason="the folder of uploaded files, kept across releases",
)
GOALS = (SECRET_KEY, DEBUG, HOSTS, DATABASE, ORIGINS, STATIC, MEDIA)
