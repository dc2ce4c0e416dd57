"""Where the application is: its folder, manage.py, the settings module and the callable, each with its origin."""

from collections.abc import Sequence

from pushlive.config.detect import callables, projects
from pushlive.config.detect import settings as settings_modules
from pushlive.config.detect.callables import Entry
from pushlive.config.detect.code import SETTINGS_VARIABLE, Found, Sources
from pushlive.config.detect.files import parent
from pushlive.config.detect.hints import Hint, variable
from pushlive.config.detect.projects import Project
from pushlive.config.detect.servers import Serves, serving
from pushlive.config.detect.settings import Choice
from pushlive.config.schema import AppSection, SiteFile
from pushlive.config.site import FILE, App, Fact, Interface
from pushlive.model.errors import SettingsError

Detected = tuple[App, tuple[Fact, ...]]


def project(sources: Sources, section: AppSection, hints: tuple[Hint, ...]) -> Project:
    """The folder to run in; the top when there is no manage.py to go by. Raises SettingsError."""
    found = projects.find(sources.files, section, serving(hints))
    if found is None:
        return _without_manage(sources)
    return found


def detect(
    sources: Sources, file: SiteFile, *, chosen: Project, hints: tuple[Hint, ...], wanted: frozenset[str]
) -> Detected:
    """The application in the project. `wanted` are the names of the packages it requires. Raises SettingsError."""
    bases = projects.importable(sources, chosen)
    serves = serving(hints)
    choice, said = _settings(sources, file, bases, _named(sources, chosen, hints))
    entry = _entry(sources, file.app, bases, serves=serves, choice=choice, wanted=wanted)
    if entry is None:
        raise _no_application(choice)
    manage = sources.at(chosen.manage) if chosen.manage else None
    needed = {entry.base, *projects.added_to_path(sources.files, manage)} | ({choice.base} if choice else set())
    app = App(
        root=chosen.root,
        manage=chosen.manage,
        settings=said.text if said else None,
        interface=entry.interface,
        callable=entry.callable,
        paths=tuple(base for base in bases if base in needed - {chosen.root}),
    )
    return app, _facts(app, chosen, said=said, choice=choice, entry=entry)


def _without_manage(sources: Sources) -> Project:
    """The folder that the settings of a wsgi.py or asgi.py are imported from, else the top."""
    for source in callables.project_files(sources, ""):
        for found in source.settings_modules():
            folder = parent(source.path)
            above = tuple(dict.fromkeys([parent(folder), folder, ""]))
            if place := sources.module_file(found.text, above):
                return Project(place[1], None, source.path)
    return Project("", None, "default")


def _named(sources: Sources, chosen: Project, hints: tuple[Hint, ...]) -> list[Found]:
    """Every settings module that something names, the one that binds most first."""
    serves = serving(hints)
    hinted = variable(hints, SETTINGS_VARIABLE)
    manage = sources.at(chosen.manage) if chosen.manage else None
    found = [Found(hinted.text, hinted.origin)] if hinted else []
    found += [Found(serve.settings, serve.origin) for serve in serves if serve.settings]
    for source in callables.project_files(sources, chosen.root):
        found += source.settings_modules()
    return found + list(manage.settings_modules() if manage else ())


def _settings(
    sources: Sources, file: SiteFile, bases: tuple[str, ...], named: Sequence[Found]
) -> tuple[Choice | None, Found | None]:
    """The settings module that is read here for what it says, and the one to run with."""
    told = file.app.settings or file.run.env.get(SETTINGS_VARIABLE)
    if told:
        return settings_modules.choose(sources, bases, [Found(told, FILE)]), Found(told, FILE)
    choice = settings_modules.choose(sources, bases, named)
    if choice:
        return choice, Found(choice.module, choice.origin)
    return None, next(iter(named), None)


def _entry(
    sources: Sources,
    section: AppSection,
    bases: tuple[str, ...],
    *,
    serves: tuple[Serves, ...],
    choice: Choice | None,
    wanted: frozenset[str],
) -> Entry | None:
    told = section.asgi or section.wsgi
    if told:
        module, _, name = told.partition(":")
        found = sources.module_file(module, bases)
        interface = Interface.ASGI if section.asgi else Interface.WSGI
        return Entry(interface, f"{module}:{name or 'application'}", found[1] if found else bases[0], FILE)
    if entry := callables.served(sources, bases, serves):
        return entry
    if choice:
        return callables.of_django(sources, bases, choice, wanted)
    return callables.of_other(sources, bases)


def _facts(app: App, chosen: Project, *, said: Found | None, choice: Choice | None, entry: Entry) -> tuple[Fact, ...]:
    found = [Fact("app.root", app.root or ".", chosen.origin)]
    if app.manage:
        found.append(Fact("app.manage", app.manage, chosen.origin))
    if said:
        found.append(Fact("app.settings", said.text, said.origin))
    if choice and choice.instead_of and said and said.origin != FILE:
        found.append(Fact("app.settings passed over", choice.instead_of.text, choice.instead_of.origin))
    found.append(Fact(f"app.{app.interface}", entry.callable, entry.origin))
    if app.paths:
        found.append(Fact("app.paths", ", ".join(path or "." for path in app.paths), app.manage or entry.origin))
    return tuple(found)


def _no_application(choice: Choice | None) -> SettingsError:
    if choice:
        return SettingsError(
            f"{choice.module} is there, and no wsgi.py or asgi.py with an application",
            where=choice.path or "",
            remedy="Commit the wsgi.py that `django-admin startproject` writes, or set wsgi in pushlive.toml.",
        )
    return SettingsError(
        "no application was found in the repository: no manage.py, no wsgi.py or asgi.py, no app.py with an app in it",
        remedy='Say where it is in pushlive.toml: under [app], write wsgi = "module:callable" (or asgi = …).',
    )
