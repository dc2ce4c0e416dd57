"""What a push leads to: for each ref it moves, a decision, and a delivery for the one that a trigger names."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pushlive import source
from pushlive.config.load import load as load_site
from pushlive.config.site import Site
from pushlive.model.delivery import Origin
from pushlive.model.errors import PushliveError, SourceError
from pushlive.model.events import Note, Output, Report
from pushlive.model.source import Push, Revision, Tree
from pushlive.pipeline import commands
from pushlive.pipeline.ahead import import_ahead
from pushlive.pipeline.context import Context
from pushlive.pipeline.scratch import scratch
from pushlive.pipeline.turns import queue, require_site
from pushlive.source import Checkout
from pushlive.system import process
from pushlive.trigger.decide import Decision, decide
from pushlive.trigger.decide import Outcome as Decided

if TYPE_CHECKING:
    from pushlive.pipeline.delivery import Outcome

_DELIVERING = (
    "tomllib",
    "pushlive.pipeline.delivery",
    "pushlive.rollout.local.engine",
    "pushlive.rollout.local.candidate",
    "h11",
)
"""What a push comes to need, imported while git works."""

TRIGGER_SECONDS = 600.0
"""What a command of a trigger may take."""


class Considered(Struct, frozen=True):
    """A push of one ref, its tree and what its own site file decides about it."""

    push: Push
    taken: Checkout
    site: Site
    changed: tuple[str, ...] | None
    decision: Decision

    @property
    def tree(self) -> Tree:
        """The revision's files."""
        return self.taken.tree

    @property
    def revision(self) -> Revision:
        """The commit the push ends on."""
        return self.tree.revision


def receive(context: Context, pushes: Sequence[Push], report: Report) -> "Outcome | None":
    """Do what the pushes ask for before git accepts them. Returns the outcome of the delivery, if there was one.

    Raises PushliveError to have the whole push refused.
    """
    receiver = os.getppid()
    import_ahead(*_DELIVERING)
    with scratch(context.site) as folder:
        considered = [_consider_or_refuse(context, push, folder / str(number)) for number, push in enumerate(pushes)]
        chosen = [found for found in considered if found and found.decision.delivers]
        if len(chosen) > 1:
            names = ", ".join(found.push.ref for found in chosen)
            raise SourceError(f"this push would deliver more than one ref: {names}", remedy="Push one at a time.")
        for found in considered:
            if found:
                _run_commands(context, found, report)
                if not found.decision.delivers:
                    report(Note(f"{found.push.ref}: nothing to deliver: {found.decision.reason}"))
        if chosen:
            return _deliver(context, chosen[0], receiver, report)
    passing = [push for push, found in zip(pushes, considered, strict=True) if _could_deliver(found)]
    _let_pass(context, passing, receiver, report)
    return None


def _could_deliver(found: Considered | None) -> bool:
    """Whether a delivery may be about the ref that is pushed, or removed, although this one starts none."""
    return found is None or found.decision.outcome is not Decided.UNMATCHED


def _let_pass(context: Context, pushes: Sequence[Push], receiver: int, report: Report) -> None:
    """Let git move refs that deliveries are about once none runs: it would find its ref elsewhere when it is live.

    Raises SourceError when one has moved meanwhile. git moves the refs in their order, so the last one is waited for.
    """
    if not pushes:
        return
    from pushlive.pipeline.delivery import require_tip  # noqa: PLC0415
    from pushlive.pipeline.recovery import settle  # noqa: PLC0415

    with queue(context.site, report):
        settle(context)
        for push in pushes:
            require_tip(context, push.ref, push.old)
        source.announce(context.site.repository, pushes[-1], receiver=receiver)


def _consider_or_refuse(context: Context, push: Push, into: Path) -> Considered | None:
    """The same; a push to the live branch that cannot even be considered is on record as a delivery that failed."""
    try:
        return consider(context, push, into)
    except PushliveError as error:
        require_site(context.site)
        if push.ref != f"refs/heads/{context.record.branch}":
            raise
        from pushlive.pipeline.delivery import refuse  # noqa: PLC0415

        raise refuse(context, push.new, push.ref, Origin.PUSH, error) from error


def consider(context: Context, push: Push, into: Path) -> Considered | None:
    """Check the push's tree out below `into` and ask its triggers; None for a ref that is deleted."""
    if push.deletes:
        return None
    repository = context.site.repository
    revision = source.revision(repository, push.new)
    taken = source.checkout(repository, revision, into)
    site = load_site(taken.tree.path)
    changed = None if push.creates else source.changed_paths(repository, push.old, push.new)
    decision = decide(
        push,
        changed=changed,
        message=revision.message,
        triggers=site.file.trigger,
        default_branch=context.record.branch,
    )
    return Considered(push, taken, site, changed, decision)


def remarks(taken: Checkout) -> Iterator[Note]:
    """What a checkout leaves out."""
    for path in taken.submodules:
        yield Note(f"{path} is a submodule: its files are not delivered; commit them, or install it", warning=True)
    for path in taken.pointers[:5]:
        yield Note(f"{path} is a Git LFS pointer: the file itself is not here", warning=True)


def _deliver(context: Context, found: Considered, receiver: int, report: Report) -> "Outcome":
    from pushlive.pipeline.delivery import Order, deliver  # noqa: PLC0415

    push = found.push
    order = Order(revision=found.revision, ref=push.ref, origin=Origin.PUSH, old=push.old, receiver=receiver)
    report(Note(f"{push.ref}: {found.decision.reason}"))
    for remark in remarks(found.taken):
        report(remark)
    return deliver(context, order, found.tree, found.site, report)


def _run_commands(context: Context, found: Considered, report: Report) -> None:
    for argv in found.decision.commands:
        report(Note(f"{found.push.ref}: trigger runs {' '.join(argv)}"))
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PUSHLIVE_REVISION": found.revision.sha}
        done = process.stream(
            argv,
            lambda line: report(Output(line)),
            cwd=found.tree.path,
            env=env,
            account=context.record.account,
            timeout=TRIGGER_SECONDS,
        )
        if not done.ok:
            quicker = "Make it quicker: git waits for it."
            remedy = quicker if done.limit else "Mend the command, or take the trigger out."
            what, where = "the trigger's command", "pushlive.toml, [[trigger]] run"
            raise commands.failed(SourceError, what, " ".join(argv), done, where=where, remedy=remedy)
