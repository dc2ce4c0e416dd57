"""The site's own code before there is an image of it: its build commands, and what it says when it is asked.

It runs as the site's user, without the values of its secrets.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from pushlive import inspection
from pushlive.config.site import Site
from pushlive.inspection import Inspection
from pushlive.model.errors import BuildError
from pushlive.model.events import Note, Output, Report
from pushlive.model.release import Release, SuppliedSetting
from pushlive.model.source import Tree
from pushlive.pipeline import commands, remembering
from pushlive.pipeline.context import Context
from pushlive.pipeline.parts import Parts
from pushlive.rollout.engine import Warm
from pushlive.system import process
from pushlive.system.files import hand_over


def run_build_commands(context: Context, tree: Tree, site: Site, parts: Parts, report: Report) -> None:
    """Run what makes the front end. Raises BuildError."""
    if not site.build_commands:
        return
    home = tree.path.parent / "home"
    home.mkdir(exist_ok=True)
    for folder in (tree.path, home):
        hand_over(folder, context.record.account)
    environment = _build_environment(site, parts, home, _linked(parts.python.path, tree.path.parent / "bin"))
    for command in site.build_commands:
        _build_step(context, tree, site, command, environment, report)


def _linked(python: Path, folder: Path) -> Path:
    """A folder in which the site's Python is called `python`, whatever its own name is."""
    folder.mkdir(exist_ok=True)
    for name in ("python", "python3"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(python)
    return folder


def _build_environment(site: Site, parts: Parts, home: Path, programs: Path) -> dict[str, str]:
    return {
        "PATH": f"{programs}:{parts.python.path.parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "PYTHONPATH": str(parts.packages.folder),
        "CI": "1",
        **process.network_environment(),
        **site.file.run.env,
    }


def _build_step(
    context: Context,
    tree: Tree,
    site: Site,
    command: str,
    environment: Mapping[str, str],
    report: Report,
) -> None:
    report(Output(f"$ {command}"))
    done = process.stream(
        commands.words(command),
        lambda line: report(Output(line)),
        cwd=tree.path / site.app.root if commands.is_python(command) else tree.path,
        env=environment,
        account=context.record.account,
        timeout=site.file.build.timeout,
    )
    if not done.ok:
        longer = "If it may take that long, raise [build] timeout in pushlive.toml."
        again = f"Run `{command}` in a fresh clone, mend what it says, commit and push again."
        remedy = longer if done.limit else again
        raise commands.failed(BuildError, "the build command", command, done, where="[build] commands", remedy=remedy)


def inspect(
    context: Context,
    tree: Tree,
    site: Site,
    parts: Parts,
    before: Release | None,
    report: Report,
    warm: Warm | None = None,
) -> Inspection:
    """Ask the site's own code what it needs, and collect its static files.

    `before` is the release before this one, `warm` a quicker start than the engine may have.
    """
    app = inspection.App(
        tree=tree.path,
        root=site.app.root or ".",
        manage=site.app.manage,
        callable=site.app.callable,
        settings=site.app.settings,
        paths=site.app.paths,
    )
    runtime = _runtime(context, tree, parts, warm)
    found = inspection.inspect(app, runtime, _wishes(context, tree, site, before, runtime.packages), report)
    if before is None:
        remembering.keep(context.site, found.supplied)
    for remark in found.remarks:
        report(Note(remark.text, warning=remark.warning))
    return found


def _runtime(context: Context, tree: Tree, parts: Parts, other: Warm | None) -> inspection.Runtime:
    """The parts as they were made; or those that are warm: the `other` ones, or the very same ones in the engine."""
    cold = inspection.Runtime(
        python=parts.python.path,
        server=parts.server.folder,
        packages=parts.packages.folder,
        scratch=tree.path.parent / "inspect",
        account=context.record.account,
    )
    warm = other or context.engine.warm(parts.python.path, (parts.packages.layer, parts.server.layer))
    if warm is None:
        return cold
    return replace(cold, python=warm.python, packages=warm.packages, server=warm.server, attend=warm.attend)


def _wishes(
    context: Context, tree: Tree, site: Site, before: Release | None, packages: Path | None
) -> inspection.Wishes:
    stored = context.secrets.values()
    remembered = _remembered(before, stored) if before else remembering.recall(context.site)
    known = {one.name for one in remembered}
    return inspection.Wishes(
        env=site.file.run.env,
        secrets={name: inspection.placeholder(value) for name, value in stored.items() if name not in known},
        hosts=(*site.file.site.hosts, *context.record.hosts),
        data=str(context.site.data),
        remembered=remembered,
        supply=site.file.run.supply,
        static=site.file.build.static,
        store=context.site.path / "static",
        provided=_provided(tree, site, packages),
        kept=_kept(context, before),
    )


def _remembered(before: Release, stored: Mapping[str, str]) -> tuple[SuppliedSetting, ...]:
    return tuple(
        replace(one, value=stored[one.name]) if one.secret else one
        for one in before.supplied
        if not one.secret or one.name in stored
    )


def _kept(context: Context, before: Release | None) -> dict[str, Path] | None:
    """What the release before keeps, by its path in the tree; None when there is nothing yet to ask about."""
    if before is None:
        return None
    return {path.rstrip("/"): context.site.data / path for path in before.data}


def _provided(tree: Tree, site: Site, packages: Path | None) -> dict[str, str]:
    """What the engine will set when it starts the site, in a form that does for the inspection."""
    paths = [*(tree.path / path for path in site.app.paths), *([packages] if packages else [])]
    return {**inspection.PROVIDED, "PYTHONPATH": ":".join(map(str, paths))}
