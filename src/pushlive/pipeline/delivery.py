"""One delivery: a revision goes forward through the stages, or the old release stays and the cause is known."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from msgspec import Struct

from pushlive import source, verify
from pushlive.config.site import Site
from pushlive.history import History
from pushlive.model.delivery import Delivery, Origin, Stage, Verdict
from pushlive.model.errors import (
    PushliveError,
    SourceError,
    SupersededError,
    VerificationError,
)
from pushlive.model.events import Note, Report, silent
from pushlive.model.release import Release
from pushlive.model.source import ZERO, Push, Revision, Tree
from pushlive.model.verification import Verification
from pushlive.pipeline import stages
from pushlive.pipeline.context import Context
from pushlive.pipeline.diagnosing import Known, diagnosed, explained, known_of
from pushlive.pipeline.pruning import prune_later
from pushlive.pipeline.recovery import is_live, settle
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.turns import turn
from pushlive.rollout.engine import Candidate, Engine
from pushlive.verify import Expected


class Order(Struct, frozen=True, kw_only=True):
    """What is to be delivered. `old` is where `ref` has to stand for it, ZERO: nowhere; None: wherever it stands.

    `receiver` is the process that moves the ref once we have returned: the git-receive-pack whose hook we are. With
    None the delivery moves it itself.
    """

    revision: Revision
    ref: str
    origin: Origin
    old: str | None = None
    receiver: int | None = None


class Outcome(Struct, frozen=True):
    """A delivery that is live."""

    delivery: Delivery
    release: Release
    url: str
    seconds: float
    warnings: tuple[str, ...] = ()


Forward = Callable[[Stopwatch, History], Release]
"""Makes the release that is to be rolled out: from a tree, or from an earlier release."""


def deliver(context: Context, order: Order, tree: Tree, site: Site, report: Report) -> Outcome:
    """Deliver a revision whose tree is checked out. Raises PushliveError, diagnosed, with the old release untouched."""

    def forward(clock: Stopwatch, history: History) -> Release:
        return stages.forward(context, tree, site, clock, history)

    return run(context, order, forward, report, known=lambda: known_of(context, tree, site))


def run(context: Context, order: Order, forward: Forward, report: Report, *, known: Known | None = None) -> Outcome:
    """Take the site's turn and carry the order out.

    Raises SourceError for a push whose ref has moved since: before it supersedes anything, and once it has the turn.
    """
    _require_unmoved(context, order)
    with turn(context.site, report) as newest:

        def check() -> None:
            newest()
            _require_receiver(order)

        settle(context, _coming(order))
        outcome = carry_out(context, order, forward, Stopwatch(report, check), known=known)
    prune_later(context)
    return outcome


def carry_out(
    context: Context, order: Order, forward: Forward, clock: Stopwatch, *, known: Known | None = None
) -> Outcome:
    """Make a release, roll it out and record how it went. Hold the site's turn, and have it settled."""
    with context.history as history:
        begun = history.begin(order.revision.sha, order.ref, order.origin)
        with _recorded(context, history, begun, clock, known or (lambda: known_of(context))):
            move = move_of(context, order)
            release = forward(clock, history)
            verification = _roll_out(context, history, order, move, release, clock)
        history.finish(begun.number, Verdict.LIVE, release=release.name, timings=clock.timings)
        history.went_live(release.name)
        _move_ref(context, order, move)
        for warning in verification.warnings:
            clock.say(Note(warning, warning=True))
        return Outcome(
            history.delivery(begun.number),
            release,
            context.record.url,
            sum(clock.timings.values()),
            verification.warnings,
        )


def refuse(context: Context, revision: str, ref: str, origin: Origin, error: PushliveError) -> PushliveError:
    """Record what is refused before its delivery could begin; returns the error, diagnosed."""
    found = diagnosed(context, error, lambda: known_of(context))
    with context.history as history:
        history.add_refused(revision, ref, origin, found)
    return explained(error, found)


@contextmanager
def _recorded(context: Context, history: History, begun: Delivery, clock: Stopwatch, known: Known) -> Iterator[None]:
    """Record how the block ended; an error leaves it as its diagnosis.

    What came to grief after its commit and is live is left as it stands: whoever has the next turn settles it.
    """
    try:
        yield
    except BaseException as error:
        if clock.committing and is_live(context, history, begun):
            raise
        if not isinstance(error, PushliveError) or isinstance(error, SupersededError):
            verdict = Verdict.SUPERSEDED if isinstance(error, SupersededError) else Verdict.INTERRUPTED
            history.finish(begun.number, verdict, timings=clock.timings)
            raise
        found = diagnosed(context, error, known)
        history.finish(begun.number, Verdict.FAILED, timings=clock.timings, diagnosis=found)
        raise explained(error, found) from error


def _require_unmoved(context: Context, order: Order) -> None:
    try:
        require_tip(context, order.ref, order.old)
    except SourceError as error:
        raise refuse(context, order.revision.sha, order.ref, order.origin, error) from error


def move_of(context: Context, order: Order) -> Push:
    """The move of the ref that goes with a delivery. Raises SourceError when the ref is not where it has to be.

    Git compares the ref with what the pusher saw, but only after the hook: we look before anything goes live.
    """
    stands = require_tip(context, order.ref, order.old)
    # Settings change what runs, and leave the branch where it is: it may be ahead, by pushes that delivered nothing.
    new = stands if order.origin is Origin.SETTINGS else order.revision.sha
    return Push(stands, new, order.ref)


def require_tip(context: Context, ref: str, old: str | None) -> str:
    """Where the ref stands, ZERO where there is none. Raises SourceError unless that is `old`; None is anywhere."""
    stands = source.tip(context.site.repository, ref) or ZERO
    if old not in {None, stands}:
        raise SourceError(
            f"{ref.removeprefix('refs/heads/')} moved to {stands[:7]} meanwhile, by another push or a rollback",
            remedy="git fetch live, look at what is there, and push again.",
        )
    return stands


def _coming(order: Order) -> Push | None:
    """The push that git will finish if we accept it."""
    return Push(order.old, order.revision.sha, order.ref) if order.receiver and order.old else None


def _require_receiver(order: Order) -> None:
    """Nobody would move the ref, and git takes the objects of a push away that was cut off."""
    if order.receiver and os.getppid() != order.receiver:
        raise InterruptedError("the push was cut off")


def _roll_out(
    context: Context, history: History, order: Order, move: Push, release: Release, clock: Stopwatch
) -> Verification:
    """Start the release beside the live one, prove it, make it live, prove that too."""
    engine = context.engine
    expected = Expected.of(release, context.record.probe_key, timeout=release.verify_timeout)
    with ExitStack() as until_done:
        with clock.run(Stage.ROLLOUT) as told:
            candidate = until_done.enter_context(engine.candidate(release, clock.tell))
            told(f"{release.name}: {_counted(len(candidate.replicas), 'replica')} started")
        with clock.run(Stage.VERIFY) as told:
            with _with_output(candidate):
                private = verify.prove_private({each.name: each.address for each in candidate.replicas}, expected)
                candidate.admit()
                public = verify.prove_public(engine.public, expected)
            clock.last_call()
            _commit(context, order, move, candidate)
            final = _prove_or_return(context, history, candidate, expected, clock)
            told(_proof(context, final))
    return private.joined(public).joined(final)


def _commit(context: Context, order: Order, move: Push, candidate: Candidate) -> None:
    """Leave what a kill from here on would want, the objects and who moves the ref; then make the release live."""
    repository = context.site.repository
    source.keep_objects(repository, os.environ)
    source.announce(repository, move, receiver=order.receiver or os.getpid())
    candidate.commit()


@contextmanager
def _with_output(candidate: Candidate) -> Iterator[None]:
    """What a wrong page is explained by is what its replicas printed, asked for before they are stopped."""
    try:
        yield
    except VerificationError as error:
        error.output = "\n".join(part for part in (candidate.output(), error.output) if part)
        raise


def _prove_or_return(
    context: Context, history: History, candidate: Candidate, expected: Expected, clock: Stopwatch
) -> Verification:
    """Prove that only the release answers now; if it does not, make the one before it live again."""
    try:
        with _with_output(candidate):
            return verify.prove_public(context.engine.public, expected, consecutive=3)
    except VerificationError as failure:
        taken_back, hindered = _take_back(context.engine, history.live())
        clock.say(Note(f"{expected.release} failed once it was live: {taken_back}", warning=True))
        clock.committing = False
        source.withdraw(context.site.repository)
        raise failure from hindered


def _take_back(engine: Engine, before: Release | None) -> tuple[str, PushliveError | None]:
    """Make the release before live again, or nothing; says how that went, and what hindered it."""
    try:
        if before is None:
            engine.stop(forget=True)
            return "nothing is live", None
        put_back(engine, before)
    except PushliveError as error:
        return f"it cannot be taken back, and serves on: {error}", error
    return f"{before.name} is live again", None


def put_back(engine: Engine, release: Release) -> None:
    """Make an earlier release live without proving it: it was, and what is there is worse."""
    engine.prepare(release)
    with engine.candidate(release, silent) as candidate:
        candidate.admit()
        candidate.commit()


def _move_ref(context: Context, order: Order, move: Push) -> None:
    """Move the ref to what is live, unless git is about to do it."""
    if order.receiver and os.getppid() == order.receiver:
        return
    if move.old != move.new:
        source.set_ref(context.site.repository, move.ref, move.new, move.old)
    source.withdraw(context.site.repository)


def _proof(context: Context, seen: Verification) -> str:
    probe = seen.probes[-1]
    return f"{context.record.url.rstrip('/')}{probe.path} answers {probe.status}, revision {probe.revision[:7]} proven"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
