"""Deliveries that no push started: the repository in a folder, or a revision that was pushed before."""

from dataclasses import replace
from pathlib import Path

from pushlive import source
from pushlive.config.load import load as load_site
from pushlive.config.read import read as read_site_file
from pushlive.model.delivery import Origin
from pushlive.model.errors import UsageError
from pushlive.model.events import Note, Report
from pushlive.model.home import Home
from pushlive.model.source import Revision
from pushlive.pipeline import sites
from pushlive.pipeline.context import Context, open_site
from pushlive.pipeline.delivery import Order, Outcome, deliver
from pushlive.pipeline.push import remarks
from pushlive.pipeline.scratch import scratch
from pushlive.rollout.local import SiteRecord, record
from pushlive.source import Snapshot
from pushlive.system.files import remove_tree


def up(machine: Home, folder: Path, *, name: str | None, listen: str | None, report: Report) -> tuple[Context, Outcome]:
    """Set a site up from the git repository in `folder`, unless it is, and deliver what is committed there.

    Raises UsageError for a name or an address that cannot be, SourceError when there is no commit, and what a delivery
    raises.
    """
    context = _existing(machine, folder, name)
    if context is None:
        context, taken = _new(machine, folder, name, listen)
    else:
        _require_address(context, listen)
        sites.refresh(context)
        taken = source.snapshot(folder, context.site.repository)
    if taken.uncommitted:
        report(Note(f"not committed, so not delivered: {', '.join(taken.uncommitted[:5])}", warning=True))
    revision = source.revision(context.site.repository, taken.sha)
    return context, _deliver(context, revision, Origin.UP, None, report)


def redeliver(context: Context, wanted: str | None, report: Report) -> Outcome:
    """Deliver a revision that was pushed before, by default the branch's tip.

    Raises SourceError for an unknown one, and for the tip when the branch moves before its turn comes.
    """
    name = wanted or f"refs/heads/{context.record.branch}"
    revision = source.revision(context.site.repository, name)
    return _deliver(context, revision, Origin.DELIVER, None if wanted else revision.sha, report)


def _require_address(context: Context, listen: str | None) -> None:
    if listen and listen not in context.record.listen:
        raise UsageError(
            f"{context.site.name} is set up already, and answers at {context.record.url}",
            remedy=f"`pushlive start --site {context.site.name} --listen {listen}` moves it.",
        )


def _require_free(machine: Home, name: str) -> None:
    if machine.site(name).record.exists():
        record.load(machine.site(name))  # it may be this folder's, and damaged
        raise UsageError(
            f"there is a site called {name} already, set up from another folder",
            remedy=f"`pushlive up --name OTHER` makes another one; `pushlive up --name {name}` delivers to that one.",
        )


def _new(machine: Home, folder: Path, name: str | None, listen: str | None) -> tuple[Context, Snapshot]:
    """A site for the repository in `folder`, about the branch that is checked out there."""
    chosen = name or sites.site_name(read_site_file(folder).site.name or folder.name)
    _require_free(machine, chosen)
    context = sites.create(machine, chosen, listen=listen, default_host=sites.HERE, origin=folder)
    try:
        taken = source.snapshot(folder, context.site.repository)
    except BaseException:
        remove_tree(context.site.path)
        raise
    branch = taken.branch or context.record.branch
    source.set_default_branch(context.site.repository, branch)
    record.save(context.site, replace(context.record, branch=branch))
    return open_site(machine, chosen), taken


def _existing(machine: Home, top: Path, name: str | None) -> Context | None:
    known = record.load_each(machine)
    names = (each for each, found in known.items() if isinstance(found, SiteRecord) and found.source == top)
    chosen = name or next(names, None)
    return open_site(machine, chosen) if chosen in known else None


def _deliver(context: Context, revision: Revision, origin: Origin, old: str | None, report: Report) -> Outcome:
    with scratch(context.site) as folder:
        taken = source.checkout(context.site.repository, revision, folder / "tree")
        for remark in remarks(taken):
            report(remark)
        site = load_site(taken.tree.path)
        order = Order(revision=revision, ref=f"refs/heads/{context.record.branch}", origin=origin, old=old)
        return deliver(context, order, taken.tree, site, report)
