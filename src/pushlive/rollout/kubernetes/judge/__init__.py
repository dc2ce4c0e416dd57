"""Judge a rollout by what was read of it: rolled out, waiting, or failed, and why. Pure: nothing is asked here.

Three kinds of trouble are told apart. What stays as it is until somebody changes something fails at its second sight; a
container that ends fails once it has ended twice in one way; what may mend itself (a machine is added, a registry is
busy, a pod was evicted) is waited for until the time is over, and is then named as what was waited for.
"""

from pushlive.model.delivery import Diagnosis
from pushlive.rollout.kubernetes.judge.rules import RULES, unreached
from pushlive.rollout.kubernetes.judge.snapshot import CommandSnapshot, Snapshot, condition, is_true, name
from pushlive.rollout.kubernetes.judge.symptom import Logs, Patience, Symptom
from pushlive.rollout.kubernetes.judge.verdict import Failed, RolledOut, Seen, Verdict, Waiting

__all__ = [
    "CommandSnapshot",
    "Failed",
    "Logs",
    "RolledOut",
    "Seen",
    "Snapshot",
    "Verdict",
    "Waiting",
    "judge",
    "judge_command",
]

SECOND_SIGHT = 1.0
"""Seconds until a thing that is still there counts as seen twice: objects follow one another within a moment."""

TWICE = 2


def judge(snapshot: Snapshot, seen: Seen, now: float, until: float) -> tuple[Verdict, Seen]:
    """Say how a rollout stands at the moment `now`, which may take until the moment `until` (both in seconds).

    `seen` is what the judgement before returned, for the first one Seen(). What is said of one snapshot is said of it
    again: who has failed stays so.
    """
    if not snapshot.is_observed:
        return _late(_waiting(snapshot, "the Deployment's controller"), None, seen, now, until)
    if _is_rolled_out(snapshot) and not any(unreached(snapshot)):
        return RolledOut(snapshot.wanted), seen
    symptoms = [symptom for rule in RULES for symptom in rule(snapshot)]
    known = _remembered(symptoms, seen, now)
    believed = next((each for each in symptoms if _is_believed(each, known, now)), None)
    if believed:
        return Failed(believed.diagnosis, believed.logs), known
    first = symptoms[0] if symptoms else None
    return _late(_waiting(snapshot, _awaited(snapshot, first)), first, known, now, until, snapshot)


def judge_command(snapshot: CommandSnapshot, seen: Seen, now: float, until: float) -> tuple[Verdict, Seen]:
    """Say how the release command's Job stands; RolledOut is its good end. As `judge` otherwise.

    It is tried once: its end is its verdict, and what its pod cannot begin with is judged as a replica's.
    """
    if is_true(condition(snapshot.deployment, "Complete")):
        return RolledOut(1), seen
    ended = condition(snapshot.deployment, "Failed")
    symptoms = [symptom for rule in RULES for symptom in rule(snapshot)]
    known = _remembered(symptoms, seen, now)
    if is_true(ended):
        return _failed_command(snapshot, symptoms, str(ended.get("reason"))), known
    believed = next((each for each in symptoms if _is_believed(each, known, now)), None)
    if believed:
        return Failed(believed.diagnosis, believed.logs), known
    first = symptoms[0] if symptoms else None
    awaited = f"{first.where}: {first.cause}" if first else "the release command"
    return _late(Waiting(f"awaiting {awaited}", 0, 1), first, known, now, until)


def _failed_command(snapshot: CommandSnapshot, symptoms: list[Symptom], reason: str) -> Failed:
    last = symptoms[0] if symptoms else None
    cause = "takes longer than it may" if reason == "DeadlineExceeded" else "fails"
    remedy = "If it may take that long, raise [release] timeout." if reason == "DeadlineExceeded" else "Mend it."
    diagnosis = Diagnosis(
        "release-command",
        f"the release command {cause}",
        f"Job {name(snapshot.deployment)}",
        last.evidence if last else (reason,),
        f"{remedy} Nothing was switched.",
    )
    return Failed(diagnosis, last.logs if last else None)


def _is_rolled_out(snapshot: Snapshot) -> bool:
    """As `kubectl rollout status` has it, and no replica of another release is left."""
    wanted = snapshot.wanted
    return (
        snapshot.status("updatedReplicas") == wanted
        and snapshot.status("replicas") == wanted
        and snapshot.status("availableReplicas") >= wanted
    )


def _remembered(symptoms: list[Symptom], seen: Seen, now: float) -> Seen:
    """What is still to be seen keeps its moment; what is gone is forgotten."""
    before = dict(seen.since)
    return Seen(tuple({each.fingerprint: before.get(each.fingerprint, now) for each in symptoms}.items()))


def _is_believed(symptom: Symptom, seen: Seen, now: float) -> bool:
    match symptom.patience:
        case Patience.SECOND_SIGHT:
            return now - dict(seen.since)[symptom.fingerprint] >= SECOND_SIGHT
        case Patience.CRASHES:
            return symptom.crashes >= TWICE
        case Patience.DEADLINE:
            return False


def _late(
    waiting: Waiting, first: Symptom | None, seen: Seen, now: float, until: float, snapshot: Snapshot | None = None
) -> tuple[Verdict, Seen]:
    """The waiting itself, as long as there is time; then what was waited for is the cause."""
    if now < until:
        return waiting, seen
    if first:
        return Failed(first.diagnosis, first.logs), seen
    where = f"Deployment {name(snapshot.deployment)}" if snapshot else "Deployment"
    cause = f"the rollout did not come to an end in time: {waiting}"
    remedy = "If it may take that long, raise [run] start_timeout."
    return Failed(Diagnosis("rollout-timeout", cause, where, (), remedy)), seen


def _waiting(snapshot: Snapshot, awaited: str) -> Waiting:
    ready = sum(is_true(condition(pod, "Ready")) for pod in snapshot.new_pods)
    return Waiting(f"awaiting {awaited}", ready, snapshot.wanted)


def _awaited(snapshot: Snapshot, first: Symptom | None) -> str:
    if first:
        return f"{first.where}: {first.cause}"
    slow = next((pod for pod in snapshot.new_pods if not is_true(condition(pod, "Ready"))), None)
    if slow:
        return f"{name(slow)} to be ready"
    if len(snapshot.new_pods) < snapshot.wanted:
        return "the next replica"
    return "the old replicas to end"
