"""One delivery: a revision goes forward through the stages, or the old release stays and the cause is known."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pushlive import source, verify
from pushlive.config.site import Site
from pushlive.history import History
from pushlive.model.delivery import Delivery, Diagnosis, Origin, Stage, Verdict
from pushlive.model.errors import PushliveError, SourceError, SupersededError, VerificationError
from pushlive.model.events import Report, silent
from pushlive.model.release import Release
from pushlive.model.source import ZERO, Push, Revision, Tree
from pushlive.model.verification import Verification
from pushlive.pipeline import stages
from pushlive.pipeline.context import Context
from pushlive.pipeline.recover import settle
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.turns import turn
from pushlive.rollout.engine import Candidate, Engine
from pushlive.verify import Expected

if TYPE_CHECKING:
    from pushlive.diagnose import Context as DiagnosisContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be delivered. `old` is where `ref` stands, ZERO where there is none.

    `in_hook`: git moves the ref once we have returned; otherwise the delivery does.
    """

    revision: Revision
    ref: str
    old: str
    origin: Origin
    in_hook: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A delivery that is live."""

    delivery: Delivery
    release: Release
    url: str
    seconds: float
    warnings: tuple[str, ...] = ()


Known = Callable[[], "DiagnosisContext"]
"""What a diagnosis may know, put together when there is something to diagnose."""

Forward = Callable[[Stopwatch, History], Release]
"""Makes the release that is to be rolled out: from a tree, or from an earlier release."""


def deliver(context: Context, order: Order, tree: Tree, site: Site, report: Report) -> Outcome:
    """Deliver a revision whose tree is checked out. Raises PushliveError, diagnosed, with the old release untouched."""

    def forward(clock: Stopwatch, history: History) -> Release:
        return stages.forward(context, tree, site, clock, history)

    return run(context, order, forward, report, known=lambda: _known(context, tree, site))


def run(context: Context, order: Order, forward: Forward, report: Report, *, known: Known | None = None) -> Outcome:
    """Take the site's turn, make a release, roll it out and record how it went."""
    with turn(context.site) as check:
        settle(context)
        _require_tip(context, order)
        clock = Stopwatch(report, check)
        with context.history as history:
            begun = history.begin(order.revision.sha, order.ref, order.origin)
            with _recorded(history, begun, clock, known or (lambda: _known(context, None, None))):
                release = forward(clock, history)
                verification = _roll_out(context, history, order, begun, release, clock)
            return Outcome(
                history.delivery(begun.number),
                release,
                context.record.url,
                sum(clock.timings.values()),
                verification.warnings,
            )


@contextmanager
def _recorded(history: History, begun: Delivery, clock: Stopwatch, known: Known) -> Iterator[None]:
    """Record how the block ended; an error leaves it as its diagnosis."""
    try:
        yield
    except SupersededError:
        history.finish(begun.number, Verdict.SUPERSEDED, timings=clock.timings)
        raise
    except PushliveError as error:
        from pushlive.diagnose import diagnose  # noqa: PLC0415  # only when something failed

        found = diagnose(error, known())
        history.finish(begun.number, Verdict.FAILED, timings=clock.timings, diagnosis=found)
        raise _explained(error, found) from error
    except BaseException:
        history.finish(begun.number, Verdict.INTERRUPTED, timings=clock.timings)
        raise


def _explained(error: PushliveError, found: Diagnosis) -> PushliveError:
    return type(error)(
        found.cause, where=found.where, remedy=found.remedy, evidence=found.evidence, output=error.output
    )


def _known(context: Context, tree: Tree | None, site: Site | None) -> "DiagnosisContext":
    """What a diagnosis may know: where the tree lies, which modules are the site's own, which words are secret."""
    roots = [stages.APP, *(str(each / "root/app") for each in context.site.releases.glob("v*"))]
    from pushlive.diagnose import Context as DiagnosisContext  # noqa: PLC0415  # only when something failed

    return DiagnosisContext(
        roots=(*roots, str(tree.path)) if tree else tuple(roots),
        modules=frozenset(each.stem for each in tree.path.iterdir()) if tree else frozenset(),
        secrets=context.secrets.values(),
        requirements=next(iter(site.requirements.files), "requirements.txt") if site else "requirements.txt",
        host=context.record.hosts[0],
        python=site.python.specifier if site else "",
    )


def _require_tip(context: Context, order: Order) -> None:
    """Git compares the ref with what the pusher saw, but only after the hook: we look before anything goes live."""
    stands = source.tip(context.site.repository, order.ref) or ZERO
    if stands != order.old:
        raise SourceError(
            f"{order.ref.removeprefix('refs/heads/')} moved to {stands[:7]} meanwhile, by another push or a rollback",
            remedy="git fetch live, look at what is there, and push again.",
        )


def _roll_out(
    context: Context, history: History, order: Order, begun: Delivery, release: Release, clock: Stopwatch
) -> Verification:
    """Start the release beside the live one, prove it, make it live, prove that too."""
    engine = context.engine
    expected = Expected.of(release, context.record.probe_key, timeout=release.start_timeout)
    with ExitStack() as until_done:
        with clock.run(Stage.ROLLOUT) as told:
            candidate = until_done.enter_context(engine.candidate(release, clock.tell))
            told(f"{release.name}: {_counted(len(candidate.replicas), 'replica')} started")
        with clock.run(Stage.VERIFY) as told:
            private = verify.prove_private({each.name: each.address for each in candidate.replicas}, expected)
            candidate.admit()
            public = verify.prove_public(engine.public, expected)
            _commit(context, order, candidate)
            final = _prove_or_return(context, history, expected)
            told(_proof(context, final))
    history.went_live(release.name)
    history.finish(begun.number, Verdict.LIVE, release=release.name, timings=clock.timings)
    _move_ref(context, order)
    return private.joined(public).joined(final)


def _commit(context: Context, order: Order, candidate: Candidate) -> None:
    """Leave what a kill from here on would want, the objects and who moves the ref; then make the release live."""
    repository = context.site.repository
    source.keep_objects(repository, os.environ)
    push = Push(order.old, order.revision.sha, order.ref)
    source.announce(repository, push, receiver=os.getppid() if order.in_hook else os.getpid())
    candidate.commit()


def _prove_or_return(context: Context, history: History, expected: Expected) -> Verification:
    """Prove that only the release answers now; if it does not, make the one before it live again."""
    engine = context.engine
    try:
        return verify.prove_public(engine.public, expected, consecutive=3)
    except VerificationError:
        before = history.live()
        if before is None:
            engine.stop()
        else:
            put_back(engine, before)
        source.withdraw(context.site.repository)
        raise


def put_back(engine: Engine, release: Release) -> None:
    """Make an earlier release live without proving it: it was, and what is there is worse."""
    engine.prepare(release, silent)
    with engine.candidate(release, silent) as candidate:
        candidate.admit()
        candidate.commit()


def _move_ref(context: Context, order: Order) -> None:
    """Move the branch to what is live, unless git is about to do it."""
    if not order.in_hook:
        if order.old != order.revision.sha:
            source.set_ref(context.site.repository, order.ref, order.revision.sha, order.old)
        source.withdraw(context.site.repository)


def _proof(context: Context, seen: Verification) -> str:
    probe = seen.probes[-1]
    return f"{context.record.url.rstrip('/')}{probe.path} answers {probe.status}, revision {probe.revision[:7]} proven"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
