"""The WSGI or ASGI callable. ASGI is chosen by evidence alone: a command that serves it, or a library that needs it."""

import ast
from collections.abc import Iterator, Sequence

from msgspec import Struct

from pushlive.config.detect import settings
from pushlive.config.detect.code import Source, Sources
from pushlive.config.detect.files import join
from pushlive.config.detect.servers import Serves
from pushlive.config.detect.settings import Choice
from pushlive.config.site import Interface

ASGI_LIBRARIES = frozenset({"channels", "daphne", "uvicorn", "hypercorn"})
_ASGI_FRAMEWORKS = frozenset({"fastapi", "starlette", "quart", "litestar", "blacksheep", "sanic"})
_WSGI_FRAMEWORKS = frozenset({"flask", "bottle", "pyramid", "werkzeug", "webob", "falcon", "cherrypy", "dash"})
_MODULES = ("wsgi", "asgi", "app", "application", "main", "server", "run", "web", "hello", "app.main")
_NAMES = ("application", "app", "api")
_FACTORIES = ("create_app", "make_app")


class Entry(Struct, frozen=True):
    """An application that a server can call, the folder it is imported from, and what says so."""

    interface: Interface
    callable: str
    base: str
    origin: str


def served(sources: Sources, bases: tuple[str, ...], serves: Sequence[Serves]) -> Entry | None:
    """The application of the first command that serves one of this tree's."""
    for serve in serves:
        if serve.wsgi_file and serve.wsgi_file.endswith(".py"):
            module = join(serve.wsgi_file).removesuffix(".py").replace("/", ".")
            candidates: tuple[tuple[str, str], ...] = ((module, ""),)
        else:
            candidates = serve.candidates
        for module, name in candidates:
            if entry := _entry(sources, bases, (module, name), serve.interface, serve.origin):
                return entry
    return None


def of_django(sources: Sources, bases: tuple[str, ...], choice: Choice | None, wanted: frozenset[str]) -> Entry | None:
    """The callable of a Django project. `wanted` are the names of the packages it requires."""
    asgi = next(_named(sources, bases, choice, Interface.ASGI), None)
    wsgi = next(_named(sources, bases, choice, Interface.WSGI), None)
    installed = settings.members(sources, choice, bases, "INSTALLED_APPS")
    if asgi and (wsgi is None or "daphne" in installed or wanted & ASGI_LIBRARIES):
        return asgi
    return wsgi


def of_other(sources: Sources, bases: tuple[str, ...]) -> Entry | None:
    """The callable of an application that is not Django: a module-level `app` or `application`, or its factory."""
    for module in _MODULES:
        found = sources.module_file(module, bases[:2])
        source = sources.at(found[0]) if found else None
        if source and found and (name := _callable_in(source)) and (interface := _interface_of(source, name)):
            return Entry(interface, f"{module}:{name}", found[1], source.path)
    return None


def project_files(sources: Sources, root: str) -> Iterator[Source]:
    """wsgi.py and asgi.py below `root`, those of Django, the nearest first."""
    for path in sources.files.find("wsgi.py", "asgi.py", below=root, depth=2):
        source = sources.at(path)
        if source and "django" in source.text and "{{" not in path:
            yield source


def _named(sources: Sources, bases: tuple[str, ...], choice: Choice | None, interface: Interface) -> Iterator[Entry]:
    """What WSGI_APPLICATION or ASGI_APPLICATION names, then the file of that name beside the settings, then any."""
    setting = settings.value(sources, choice, bases, f"{interface.upper()}_APPLICATION")
    if setting and not (interface is Interface.ASGI and _loads_default(sources, bases, choice)):
        module, _, name = setting.text.rpartition(".")
        if entry := _entry(sources, bases, (module, name), interface, setting.origin):
            yield entry
    for module in _beside(choice, interface):
        if entry := _entry(sources, bases, (module, ""), interface, ""):
            yield entry
    for source in project_files(sources, bases[0]):
        if source.path.endswith(f"{interface}.py"):
            module = source.path.removeprefix(bases[0]).strip("/").removesuffix(".py").replace("/", ".")
            if entry := _entry(sources, bases, (module, ""), interface, ""):
                yield entry


def _loads_default(sources: Sources, bases: tuple[str, ...], choice: Choice | None) -> bool:
    """Whether asgi.py is that of Channels 2, which sets Django up and then loads what ASGI_APPLICATION names."""
    found = [sources.module_file(module, bases) for module in _beside(choice, Interface.ASGI)]
    read = [sources.at(path[0]) for path in found if path]
    return any("get_default_application" in source.text for source in read if source)


def _beside(choice: Choice | None, interface: Interface) -> tuple[str, ...]:
    """`proj.wsgi` for the settings proj.settings and proj.settings.production, `wsgi` for settings at the top."""
    package = choice.module.rpartition(".")[0] if choice else ""
    above = package.rpartition(".")[0]
    return tuple(dict.fromkeys(".".join(filter(None, (folder, interface.value))) for folder in (package, above)))


def _entry(
    sources: Sources, bases: tuple[str, ...], named: tuple[str, str], interface: Interface, origin: str
) -> Entry | None:
    module, name = named
    found = sources.module_file(module, bases) if module else None
    source = sources.at(found[0]) if found else None
    if not found or not source:
        return None
    name = name or _callable_in(source) or "application"
    return Entry(interface, f"{module}:{name}", found[1], origin or found[0])


def _callable_in(source: Source) -> str:
    """The name of the application in a module, with () behind a factory's; empty when there is none."""
    names = set(source.assigned) | _defined(source)
    found = next((name for name in _NAMES if name in names), "")
    return found or next((f"{name}()" for name in _FACTORIES if name in names), "")


def _defined(source: Source) -> set[str]:
    """Functions, classes and imported names at the top of a module."""
    body = source.tree.body if source.tree else []
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    imported = (node for node in body if isinstance(node, ast.ImportFrom))
    return functions | {alias.asname or alias.name for node in imported for alias in node.names}


def _interface_of(source: Source, name: str) -> Interface | None:
    """By the framework that is imported, else by the shape of a hand-written application."""
    imports = source.imports()
    if imports & _ASGI_FRAMEWORKS:
        return Interface.ASGI
    if imports & _WSGI_FRAMEWORKS:
        return Interface.WSGI
    return _by_shape(source, name)


def _by_shape(source: Source, name: str) -> Interface | None:
    for node in source.tree.body if source.tree else []:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            arguments = len(node.args.args)
            if isinstance(node, ast.AsyncFunctionDef) and arguments == len(("scope", "receive", "send")):
                return Interface.ASGI
            if arguments == len(("environ", "start_response")):
                return Interface.WSGI
    return None
