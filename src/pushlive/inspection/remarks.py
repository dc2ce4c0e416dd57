"""What the user should know of a site that runs. Pure."""

from collections.abc import Iterator

from pushlive.inspection import goals, hosts, modules
from pushlive.inspection.goals import Policy
from pushlive.inspection.supply import Trial
from pushlive.inspection.values import Migrations, Observation, Remark, Settings


def remarks(seen: Observation, trial: Trial, policy: Policy) -> Iterator[Remark]:
    """Everything worth a line, warnings among them."""
    settings = seen.settings
    if settings is None:
        return
    yield from _security(seen, settings, policy)
    yield from _addresses(seen, settings, policy)
    yield from _data(seen, settings, trial, policy)
    yield from _static(settings, policy)
    yield from _migrations(seen.migrations)
    if trial.unchecked:
        yield Remark("the system checks were left out: the site asks its database while it is imported")


def _migrations(found: Migrations | None) -> Iterator[Remark]:
    """What cannot be taken back by rolling back the code."""
    if found is None:
        return
    for name in found.irreversible:
        yield Remark(f"no way back from migration {name} (a rollback leaves the database as it is then)", warning=True)
    for name in found.destructive:
        yield Remark(f"data is taken away by migration {name} (the old release may still read it)", warning=True)
    if found.missing:
        apps = ", ".join(found.missing)
        yield Remark(
            f"models of {apps} have changes that no migration makes: `python manage.py makemigrations`", warning=True
        )


def _security(seen: Observation, settings: Settings, policy: Policy) -> Iterator[Remark]:
    key = settings.secret_key
    if settings.debug:
        names = [read.name for read in seen.reads if "DEBUG" in read.flows and read.name in policy.own]
        why = f"as {names[0]} says" if names else f"and nothing in the environment of {settings.module} turns it off"
        beside = [each for each in modules.for_production(policy.app, settings.module) if each != settings.module]
        hint = f'. For a server there is {beside[0]}: [app] settings = "{beside[0]}"' if beside else ""
        yield Remark(f"DEBUG is on, {why}: an error page then shows the site's inside to anybody{hint}", warning=True)
    if key.drawn and not _is_given(seen, policy):
        yield Remark(
            "SECRET_KEY is drawn anew in each process: with several of them nobody stays logged in. "
            'Read it from the environment: os.environ["SECRET_KEY"]',
            warning=True,
        )
    elif key.insecure:
        yield Remark("SECRET_KEY stands in the repository: whoever reads it can forge logins", warning=True)


def _is_given(seen: Observation, policy: Policy) -> bool:
    """The key came from the environment, though one is drawn beside it for the case that none does."""
    own = any("SECRET_KEY" in read.flows and read.name in policy.own for read in seen.reads)
    return own or goals.key_arrived(policy.key, seen)


def _addresses(seen: Observation, settings: Settings, policy: Policy) -> Iterator[Remark]:
    shut_out = [
        host for host in policy.hosts if not hosts.is_allowed(host, settings.allowed_hosts, debug=settings.debug)
    ]
    if shut_out:
        yield Remark(
            f"ALLOWED_HOSTS in {settings.module} does not allow {', '.join(shut_out)}: "
            f"only {', '.join(settings.allowed_hosts) or 'this machine'}",
            warning=True,
        )
    if settings.ssl_redirect:
        names = [read.name for read in seen.reads if "SECURE_SSL_REDIRECT" in read.flows]
        switch = f"; {names[0]} decides on it" if names else ""
        yield Remark(f"SECURE_SSL_REDIRECT is on: a plain HTTP request is sent on to HTTPS{switch}")


def _data(seen: Observation, settings: Settings, trial: Trial, policy: Policy) -> Iterator[Remark]:
    for database in settings.databases:
        if database.in_memory:
            yield Remark(
                f"the database {database.alias!r} is SQLite in memory: each process has its own, and it starts empty",
                warning=True,
            )
        elif database.is_sqlite and database.path is None and not database.name.startswith(policy.data):
            yield Remark(f"the database {database.alias!r} is {database.name}, outside of the repository")
        elif database.path and (policy.app.tree / database.path).is_file():
            yield Remark(f"{database.path} is in the repository: the kept database begins as a copy of it")
    if any(value.value.endswith("/db.sqlite3") for value in trial.supplied):
        yield Remark("the site names no database: an SQLite file is used until you set one", warning=True)
    if settings.media_root and policy.app.in_tree(settings.media_root) is None:
        yield Remark(f"uploaded files go to {settings.media_root}, outside of the repository")
    outside = sorted(name for name, where in seen.written.items() if _is_from_manage(name, where, policy))
    if outside:
        yield Remark(
            f"manage.py sets {', '.join(outside)} and the WSGI module does not: commands and pages see different "
            "settings. Do it in the settings, or set them by `pushlive env set`",
            warning=True,
        )


def _is_from_manage(name: str, where: str, policy: Policy) -> bool:
    if name == "DJANGO_SETTINGS_MODULE" or policy.app.manage is None:
        return False
    return where.rpartition(":")[0] == str((policy.app.folder / policy.app.manage).relative_to(policy.app.tree))


def _static(settings: Settings, policy: Policy) -> Iterator[Remark]:
    if goals.needs_root(settings, policy):
        place = settings.static_root or "not set"
        yield Remark(
            f"STATIC_ROOT is {place}, and the site looks there for its static files while it runs: "
            f'give it a folder in the repository, as BASE_DIR / "staticfiles" in {settings.module}',
            warning=True,
        )
    for name in settings.ignored:
        yield Remark(f"{name} is given in {settings.module}, and this Django ignores it: use STORAGES", warning=True)
