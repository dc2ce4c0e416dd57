"""From a tree to its image: its packages, what its settings say, and all of it put together."""

from msgspec import Struct

from pushlive.config.site import Site
from pushlive.history import History
from pushlive.image.base import Base
from pushlive.image.build import App, architecture
from pushlive.image.build import build as build_image
from pushlive.image.ignore import Rules
from pushlive.image.modules import Compiler
from pushlive.image.survey import Interpreter
from pushlive.inspection import Inspection
from pushlive.model.delivery import Stage
from pushlive.model.events import Report
from pushlive.model.image import ANNOTATIONS, APP, PACKAGES, SERVER, Image, ImageConfig, Layer
from pushlive.model.source import Tree
from pushlive.pipeline import site_code
from pushlive.pipeline.context import Context
from pushlive.pipeline.parts import Parts, install
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.release import data_paths
from pushlive.rollout.engine import Warm

IMAGE_USER = "10001"
"""Who the site's code runs as in a container: a number, so that an engine can see it is not root."""

HOME = "/tmp"  # noqa: S108 - a container's own
"""The home of that user in a container: nobody has made one, and all else may be read-only."""

ON_START = f"{SERVER}/pushlive_runtime/onstart"
"""What Python starts with in a container: there, no virtual environment has the packages' .pth files processed."""


class Made(Struct, frozen=True):
    """An image, and what was found out on the way to it."""

    image: Image
    python: Interpreter
    found: Inspection


class Looked(Struct, frozen=True):
    """What a tree's image is made of, and what its settings say."""

    parts: Parts
    found: Inspection


class Ground(Struct, frozen=True):
    """What the site's own layer stands on: nothing but our layers for this machine, a base image for a registry.

    `program` is what the image calls its Python, `python` one of this machine that stands for it.
    """

    layers: tuple[Layer, ...]
    python: Interpreter
    base: Base | None = None
    program: str = "python"


def make_image(context: Context, tree: Tree, site: Site, clock: Stopwatch, history: History) -> Made:
    """Make the image of a tree for this machine. Raises PushliveError."""
    looked = look(context, tree, site, dependencies(context, tree, site, clock), clock, history)
    with clock.run(Stage.BUILD) as told:
        ground = Ground((looked.parts.packages.layer, looked.parts.server.layer), looked.parts.python)
        built = build(context, tree, site, looked.found, ground, clock.tell, tags=(tree.revision.sha, "latest"))
        told(f"{built.digest.value[:19]}, {len(built.layers)} layers")
    return Made(built, looked.parts.python, looked.found)


def dependencies(context: Context, tree: Tree, site: Site, clock: Stopwatch) -> Parts:
    """Install what the tree asks for. Raises PushliveError."""
    with clock.run(Stage.DEPENDENCIES) as told:
        parts = install(context, tree, site, clock.tell)
        told(_packages(parts))
    return parts


def look(
    context: Context,
    tree: Tree,
    site: Site,
    parts: Parts,
    clock: Stopwatch,
    history: History,
    warm: Warm | None = None,
) -> Looked:
    """Build the tree's front end, ask its settings, collect its static files. Raises PushliveError.

    `warm` is a quicker start, for a site that is not live.
    """
    before = history.newest()
    with clock.run(Stage.INSPECT) as told:
        site_code.run_build_commands(context, tree, site, parts, clock.tell)
        found = site_code.inspect(context, tree, site, parts, before, clock.tell, warm)
        told(_inspected(site, found))
    return Looked(parts, found)


def build(
    context: Context,
    tree: Tree,
    site: Site,
    found: Inspection,
    ground: Ground,
    report: Report,
    *,
    tags: tuple[str, ...] = (),
) -> Image:
    """Put the image together."""
    static = found.static
    app = App(
        tree=tree.path,
        revision=tree.revision,
        rules=Rules.of(tree.path, ignore=site.file.build.ignore, seeds=data_paths(site.file, found.data)),
        overlays={static.folder: static.files} if static and static.files else {},
        compiler=_compiler(context, ground.python),
    )
    return build_image(
        app,
        below=ground.layers,
        config=_config(site, found, ground, tree.revision.sha),
        layout=context.images,
        base=ground.base,
        tags=tags,
        report=report,
    )


def _compiler(context: Context, python: Interpreter) -> Compiler | None:
    return Compiler(python, context.site.bytecode, context.record.account) if python.compiles else None


def _config(site: Site, found: Inspection, ground: Ground, revision: str) -> ImageConfig:
    working = f"{APP}/{site.app.root}".rstrip("/")
    paths = [f"{APP}/{path}".rstrip("/") for path in site.app.paths]
    env = {
        "PUSHLIVE_APP": site.app.callable,
        "PUSHLIVE_INTERFACE": site.app.interface.value,
        "PYTHONPATH": ":".join([*paths, *([ON_START] if ground.base else []), PACKAGES]),
        "PYTHONUNBUFFERED": "1",
    }
    if site.app.settings:
        env["DJANGO_SETTINGS_MODULE"] = site.app.settings
    static, media = found.static, found.media
    if static and static.files and not static.served_by_site:
        env |= {"PUSHLIVE_STATIC_URL": static.url, "PUSHLIVE_STATIC_ROOT": f"{APP}/{static.folder}"}
    if site.file.run.media and media and media.folder:
        env |= {"PUSHLIVE_MEDIA_URL": media.url, "PUSHLIVE_MEDIA_ROOT": f"{APP}/{media.folder}"}
    if ground.base:
        env |= {"HOME": HOME, "PUSHLIVE_REVISION": revision}
    return ImageConfig(
        entrypoint=(ground.program, f"{SERVER}/run.py", "serve"),
        working_dir=working,
        user=IMAGE_USER,
        env=env,
        labels={f"{ANNOTATIONS}source": site.source} if site.source else {},
        architecture=architecture(),
    )


def _packages(parts: Parts) -> str:
    done = "unchanged" if parts.packages.reused else "installed"
    return f"Python {parts.python.version}; {len(parts.packages.packages)} packages, {done}"


def _inspected(site: Site, found: Inspection) -> str:
    parts = [found.settings.module if found.settings else site.app.callable]
    if found.supplied:
        parts.append(f"supplied {', '.join(one.name for one in found.supplied)}")
    if found.static and found.static.files:
        parts.append(f"{found.static.count} static files")
    return "; ".join(parts)
