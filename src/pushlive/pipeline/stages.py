"""The stages up to a release, each from the value before it. Their order is the order of `forward`."""

from datetime import UTC, datetime

from pushlive.config.site import Site
from pushlive.history import History
from pushlive.inspection import Inspection
from pushlive.model.delivery import Stage
from pushlive.model.errors import MachineError, ReleaseError
from pushlive.model.events import Output, Report
from pushlive.model.release import Release
from pushlive.model.source import Tree
from pushlive.pipeline import commands
from pushlive.pipeline.context import Context
from pushlive.pipeline.imaging import Made, make_image
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.release import Parts as ReleaseParts
from pushlive.release import Stored, cut

MIGRATE = "python manage.py migrate --noinput"


def forward(context: Context, tree: Tree, site: Site, clock: Stopwatch, history: History) -> Release:
    """Make a release of a tree, and run its release command. Raises PushliveError."""
    made = make_image(context, tree, site, clock, history)
    with clock.run(Stage.RELEASE) as told:
        release = cut_release(context, history, tree, site, made)
        context.engine.prepare(release)
        told(f"{release.name}: {run_release_command(context, site, release, made.found, clock.say)}")
    return release


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
