"""The stages up to a release, each from the value before it. Their order is the order of `forward`."""

from datetime import UTC, datetime

from msgspec import Struct

from pushlive.config.site import Site
from pushlive.history import History
from pushlive.image.build import App, architecture
from pushlive.image.build import build as build_image
from pushlive.image.ignore import Rules
from pushlive.image.survey import Interpreter
from pushlive.inspection import Inspection
from pushlive.model.delivery import Stage
from pushlive.model.errors import MachineError, ReleaseError
from pushlive.model.events import Output, Report
from pushlive.model.image import Image, ImageConfig
from pushlive.model.release import Release
from pushlive.model.source import Tree
from pushlive.pipeline import commands, site_code
from pushlive.pipeline.context import Context
from pushlive.pipeline.parts import Parts, install
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.release import Parts as ReleaseParts
from pushlive.release import Stored, cut, data_paths

APP, PACKAGES, SERVER = "/app", "/opt/pushlive/packages", "/opt/pushlive/server"
IMAGE_USER = "10001"
"""Who the site's code runs as in a container: a number, so that an engine can see it is not root."""

MIGRATE = "python manage.py migrate --noinput"


class Made(Struct, frozen=True):
    """An image, and what was found out on the way to it."""

    image: Image
    python: Interpreter
    found: Inspection


def forward(context: Context, tree: Tree, site: Site, clock: Stopwatch, history: History) -> Release:
    """Make a release of a tree, and run its release command. Raises PushliveError."""
    made = make_image(context, tree, site, clock, history)
    with clock.run(Stage.RELEASE) as told:
        release = cut_release(context, history, tree, site, made)
        context.engine.prepare(release, clock.tell)
        told(f"{release.name}: {run_release_command(context, site, release, made.found, clock.say)}")
    return release


def make_image(context: Context, tree: Tree, site: Site, clock: Stopwatch, history: History) -> Made:
    """Make the image of a tree. Raises PushliveError."""
    before = history.newest()
    with clock.run(Stage.DEPENDENCIES) as told:
        parts = install(context, tree, site, clock.tell)
        told(_packages(parts))
    with clock.run(Stage.INSPECT) as told:
        site_code.run_build_commands(context, tree, site, parts, clock.tell)
        found = site_code.inspect(context, tree, site, parts, before, clock.tell)
        told(_inspected(site, found))
    with clock.run(Stage.BUILD) as told:
        built = build(context, tree, site, parts, found, clock.tell)
        told(f"{built.digest.value[:19]}, {len(built.layers)} layers")
    return Made(built, parts.python, found)


def build(context: Context, tree: Tree, site: Site, parts: Parts, found: Inspection, report: Report) -> Image:
    """Make the image."""
    static = found.static
    overlays = {static.folder: static.files} if static and static.files else {}
    app = App(
        tree=tree.path,
        revision=tree.revision,
        rules=Rules.of(tree.path, ignore=site.file.build.ignore, seeds=data_paths(site.file, found.data)),
        overlays=overlays,
    )
    return build_image(
        app,
        below=(parts.packages.layer, parts.server.layer),
        config=_config(site, found),
        layout=context.images,
        tags=("latest",),
        report=report,
    )


def cut_release(context: Context, history: History, tree: Tree, site: Site, made: Made) -> Release:
    """Cut the release and give it its name; values of supplied secrets are put away first."""
    store, found = context.secrets, made.found
    known = store.values()
    fresh = {one.name: one.value for one in found.supplied if one.secret and one.name not in known}
    if fresh:
        store.set(fresh)
    parts = ReleaseParts(
        revision=tree.revision.sha,
        image=made.image,
        created=datetime.now(UTC),
        server=site.app.interface.value,
        host=found.host,
        python=str(made.python.path),
        command=_command(site, found),
        data=found.data,
        supplied=found.supplied,
        memcached=found.cache_wanted,
        cache_variables=found.cache_variables,
    )
    stored = Stored(store.current, frozenset(store.names()))
    return history.add_release(cut(parts, site.file, stored))


def run_release_command(context: Context, site: Site, made: Release, found: Inspection, report: Report) -> str:
    """Run the release command in the new image, before the switch; says what was run. Raises ReleaseError.

    A newer delivery does not cut it short: it may be in the middle of changing a database.
    Migrations that nobody has asked for by name are left out when none is pending: that spares a start of Django.
    """
    if not made.command:
        return "no release command"
    if site.release_command is None and found.migrations and found.migrations.are_done:
        return "no migration is pending"
    try:
        done = context.engine.run(
            made,
            commands.words(made.command),
            lambda line: report(Output(line)),
            timeout=site.file.release.timeout,
        )
    except MachineError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise ReleaseError(
            f"the release command cannot be run: {error.cause}",
            where="[release] command",
            remedy="Correct its name, or add the package that has it to the requirements.",
        ) from error
    if not done.ok:
        longer = "If it may take that long, raise [release] timeout in pushlive.toml; nothing was switched."
        raise commands.failed(
            ReleaseError,
            "the release command",
            made.command,
            done,
            where="[release] command",
            remedy=longer if done.limit else "Mend it, commit and push again; nothing was switched.",
        )
    return made.command


def _command(site: Site, found: Inspection) -> str:
    """What runs before the switch: what is named, else migrations where there is a database."""
    if site.release_command is not None:
        return site.release_command
    databases = [database for database in found.databases if not database.is_none]
    return MIGRATE if databases and site.app.manage else ""


def _config(site: Site, found: Inspection) -> ImageConfig:
    working = f"{APP}/{site.app.root}".rstrip("/")
    paths = [f"{APP}/{path}".rstrip("/") for path in site.app.paths]
    env = {
        "PUSHLIVE_APP": site.app.callable,
        "PUSHLIVE_INTERFACE": site.app.interface.value,
        "PYTHONPATH": ":".join([*paths, PACKAGES]),
        "PYTHONUNBUFFERED": "1",
    }
    if site.app.settings:
        env["DJANGO_SETTINGS_MODULE"] = site.app.settings
    static, media = found.static, found.media
    if static and static.files and not static.served_by_site:
        env |= {"PUSHLIVE_STATIC_URL": static.url, "PUSHLIVE_STATIC_ROOT": f"{APP}/{static.folder}"}
    if site.file.run.media and media and media.folder:
        env |= {"PUSHLIVE_MEDIA_URL": media.url, "PUSHLIVE_MEDIA_ROOT": f"{APP}/{media.folder}"}
    return ImageConfig(
        entrypoint=("python", f"{SERVER}/run.py", "serve"),
        working_dir=working,
        user=IMAGE_USER,
        env=env,
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
