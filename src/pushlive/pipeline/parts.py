"""What a site's code runs with: a Python, its packages, our server."""

from pathlib import Path

from msgspec import Struct

import pushlive
from pushlive.config.site import Site
from pushlive.image import dependencies
from pushlive.image.dependencies import Dependencies, Place, install_server, provide
from pushlive.image.plan import Lock
from pushlive.image.survey import Interpreter
from pushlive.model.events import Note, Report
from pushlive.model.source import Tree
from pushlive.pipeline.context import Context

RUNTIME = Path(pushlive.__file__).parent.with_name("pushlive_runtime")
"""What is copied into the server layer. It is no import: it runs on the site's Python."""


class Parts(Struct, frozen=True):
    """What a site's code runs with: its Python, its packages, our server."""

    python: Interpreter
    packages: Dependencies
    server: Dependencies


def install(context: Context, tree: Tree, site: Site, report: Report) -> Parts:
    """Choose a Python, and make, or find again, the layers below the site's own."""
    place = _place(context)
    choice, packages = provide(site.python, _lock(tree, site), place, report)
    for note in (choice.note, *packages.notes):
        if note:
            report(Note(note, warning=note == choice.note))
    return Parts(choice.interpreter, packages, install_server(RUNTIME, choice.interpreter, place, report))


def install_for(python: Interpreter, context: Context, tree: Tree, site: Site, report: Report) -> Parts:
    """The same layers for a Python that is given, a base image's as a rule."""
    place = _place(context)
    packages = dependencies.install(_lock(tree, site), python, place, report)
    return Parts(python, packages, install_server(RUNTIME, python, place, report))


def _place(context: Context) -> Place:
    return Place(context.home.cache, context.images, context.record.account)


def _lock(tree: Tree, site: Site) -> Lock:
    wanted = site.requirements
    return Lock(tree.path, wanted.kind, wanted.files, wanted.groups)
