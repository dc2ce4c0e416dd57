"""From a tree to a site: the site file, and what it leaves open detected from the other files."""

from pathlib import Path

from pushlive.config.detect import app, commands, hints, origin, python, requirements
from pushlive.config.detect.code import Source, Sources
from pushlive.config.detect.commands import Build
from pushlive.config.detect.files import Files
from pushlive.config.detect.hints import Hint
from pushlive.config.detect.projects import Project
from pushlive.config.read import read
from pushlive.config.schema import SiteFile
from pushlive.config.site import DEFAULT, FILE, App, Fact, Site


def load(tree: Path) -> Site:
    """The site in `tree`. No code of the site is run.

    What the site file sets wins over what is detected. Raises SettingsError for a file that cannot be used, and where
    the tree leaves open what only its author can say.
    """
    file, files = read(tree), Files(tree)
    sources = Sources(files)
    project, said = _project(sources, file)
    wanted = requirements.detect(files, file.build, root=project.root, hints=said)
    packages = requirements.names(files, wanted)
    found, app_facts = app.detect(sources, file, chosen=project, hints=said, wanted=packages)
    wish = python.detect(files, file.build, root=project.root, hints=said)
    build = _build(file, files, found, settings_of=_settings_files(sources, found), packages=packages)
    release, release_facts = _release(file, said)
    source = origin.detect(files, file.site, root=project.root)
    facts = (*app_facts, python.fact(wish), *requirements.facts(wanted), *commands.facts(build), *release_facts)
    passed_over = (*requirements.unread(files, wanted), *commands.unused(files, project.root, said))
    return Site(
        file=file,
        app=found,
        requirements=wanted,
        python=wish,
        build_commands=build.commands,
        release_command=release,
        source=source.value if source else "",
        facts=(*facts, *filter(None, [source]), *passed_over),
    )


def _project(sources: Sources, file: SiteFile) -> tuple[Project, tuple[Hint, ...]]:
    """The project, and the hints from its folder before those from the top."""
    said = hints.read(sources.files)
    project = app.project(sources, file.app, said)
    near = hints.read(sources.files, project.root) if project.root else ()
    return project, tuple(dict.fromkeys([*near, *said]))


def _settings_files(sources: Sources, found: App) -> tuple[Source, ...]:
    """The settings module's file, and those it star-imports."""
    bases = (found.root, *found.paths)
    place = sources.module_file(found.settings, bases) if found.settings else None
    return sources.chain(place[0], bases) if place else ()


def _build(
    file: SiteFile, files: Files, found: App, *, settings_of: tuple[Source, ...], packages: frozenset[str]
) -> Build:
    if file.build.commands is not None:
        return Build(file.build.commands, FILE)
    return commands.detect(files, root=found.root, settings=settings_of, wanted=packages)


def _release(file: SiteFile, said: tuple[Hint, ...]) -> tuple[str | None, tuple[Fact, ...]]:
    if file.release.command is not None:
        return file.release.command, (Fact("release.command", file.release.command or "none", FILE),)
    hint = commands.release(said)
    if hint:
        return hint.text, (Fact("release.command", hint.text, hint.origin), *commands.other_releases(said, hint))
    return None, (Fact("release.command", "migrate, where there is a database", DEFAULT),)
