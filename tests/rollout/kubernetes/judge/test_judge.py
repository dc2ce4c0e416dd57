"""Status in, verdict out."""

import random

import pytest
from msgspec.structs import replace

from pushlive.rollout.kubernetes.judge import Failed, Logs, RolledOut, Seen, Waiting, judge, judge_command
from tests.rollout.kubernetes.judge.modes import AFTER_CRASHES, AT_SECOND_SIGHT, TRACEBACK, WAITED_FOR, _crash
from tests.rollout.kubernetes.judge.objects import (
    NEW,
    OLD,
    command,
    condition,
    deployment,
    event,
    pod,
    rollout,
    terminated,
    waiting,
)

UNTIL = 100.0


def judged(*snapshots, until=UNTIL):
    """The verdict on the last of snapshots that follow one another, two seconds apart."""
    seen, verdict = Seen(), None
    for number, snapshot in enumerate(snapshots):
        verdict, seen = judge(snapshot, seen, 2.0 * number, until)
    return verdict


@pytest.mark.parametrize("mode", AT_SECOND_SIGHT)
def test_what_stays_so_fails_at_its_second_sight(mode):
    snapshot, code, evidence = AT_SECOND_SIGHT[mode]
    assert isinstance(judged(snapshot), Waiting)
    failed = judged(snapshot, snapshot)
    assert isinstance(failed, Failed)
    assert failed.diagnosis.code == code
    assert any(evidence in line for line in failed.diagnosis.evidence), failed.diagnosis.evidence
    assert failed.diagnosis.remedy
    assert failed.diagnosis.where


@pytest.mark.parametrize("mode", AFTER_CRASHES)
def test_a_crash_is_believed_when_it_happens_again(mode):
    snapshot, code, evidence = AFTER_CRASHES[mode]
    failed = judged(snapshot)
    assert isinstance(failed, Failed)
    assert failed.diagnosis.code == code
    assert any(evidence in line for line in failed.diagnosis.evidence), failed.diagnosis.evidence
    assert failed.logs == Logs(f"{NEW}-00001", "web", True)
    once = pod(state=terminated(3, "Error", TRACEBACK))
    assert isinstance(judged(*[rollout(once)] * 3), Waiting), "one crash may be an accident"


@pytest.mark.parametrize("mode", WAITED_FOR)
def test_what_may_mend_itself_is_waited_for_and_then_named(mode):
    snapshot, code, evidence = WAITED_FOR[mode]
    assert isinstance(judged(*[snapshot] * 40), Waiting)
    failed = judged(*[snapshot] * 60)
    assert isinstance(failed, Failed)
    assert failed.diagnosis.code == code
    assert evidence in "\n".join(failed.diagnosis.evidence)
    assert failed.diagnosis.remedy


@pytest.mark.parametrize(
    "mode", ["15 scale-up", "18 registry 429", "18 registry's name", "18 registry 503", "38 evicted"]
)
def test_what_is_passing_never_fails_while_there_is_time(mode):
    snapshot, *_ = WAITED_FOR[mode]
    seen = Seen()
    for now in range(0, 3600, 10):
        verdict, seen = judge(snapshot, seen, float(now), 3600.0)
        assert isinstance(verdict, Waiting)


def test_a_wrong_architecture_is_believed_by_its_log():
    snapshot = _crash(1, "exec /usr/bin/python3: exec format error", restarts=1)
    assert judged(snapshot, snapshot).diagnosis.code == "image-platform"


def test_a_rollout_is_done_when_nothing_of_the_old_release_is_left():
    done = rollout(pod(1, ready=True), pod(2, ready=True), of=deployment(updated=2, total=2))
    assert judged(done) == RolledOut(2)
    one_old = rollout(pod(1, ready=True), pod(2, ready=True), of=deployment(updated=2, total=3))
    assert judged(one_old) == Waiting("awaiting the old replicas to end", 2, 2)


def test_a_status_of_before_says_nothing():
    stale = rollout(of=deployment(updated=2, total=2, observed=2, generation=3))
    assert judged(stale) == Waiting("awaiting the Deployment's controller", 0, 2)


def test_progress_says_what_is_awaited():
    assert (
        str(judged(rollout(pod(1, ready=True), pod(2)))) == f"1 of 2 replicas ready; awaiting {NEW}-00002 to be ready"
    )
    assert str(judged(rollout())) == "0 of 2 replicas ready; awaiting the next replica"
    busy, *_ = WAITED_FOR["18 registry 429"]
    assert "the registry does not answer" in str(judged(busy))


def of_before():
    """An event about a pod of that name that is gone."""
    one = pod()
    said = event(one, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 400")
    said["involvedObject"]["uid"] = "uid-of-before"
    return rollout(one, events=[said])


OTHERS = {
    "an old pod that crashes": rollout(
        pod(3, owner=OLD, state=waiting("CrashLoopBackOff"), last=terminated(3), restarts=9), pod()
    ),
    "a pod of another Deployment": rollout(pod(1, owner="other-1", state=waiting("InvalidImageName")), pod()),
    "a pod that is being deleted": rollout(
        pod(1, state=waiting("InvalidImageName"), metadata={"deletionTimestamp": "2026-11-01T00:00:00Z"})
    ),
    "an event of a pod of that name from before": of_before(),
    "a container that did its work": rollout(pod(last=terminated(0, "Completed"), restarts=3)),
    "a refusal that is over": rollout(
        pod(), refused=condition("ReplicaFailure", "False", "FailedCreate", "exceeded quota")
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_of_this_rollout_fails_it_never(what):
    assert isinstance(judged(*[OTHERS[what]] * 10), Waiting)


def test_two_things_one_after_the_other_are_no_second_sight():
    missing, *_ = AT_SECOND_SIGHT["16 image absent"]
    denied, *_ = AT_SECOND_SIGHT["17 registry 401"]
    assert isinstance(judged(missing, denied), Waiting)
    assert isinstance(judged(missing, rollout(pod()), missing), Waiting), "it was gone in between"


def test_the_same_in_another_pod_is_seen_again():
    one = rollout(pod(1, state=waiting("InvalidImageName", "x")))
    other = rollout(pod(2, state=waiting("InvalidImageName", "x")))
    assert judged(one, other).diagnosis.code == "image-name"


@pytest.mark.parametrize("mode", [*AT_SECOND_SIGHT, *AFTER_CRASHES])
def test_who_has_failed_stays_so(mode):
    snapshot, code, _ = {**AT_SECOND_SIGHT, **AFTER_CRASHES}[mode]
    seen = Seen()
    codes = []
    for now in range(0, 20, 2):
        verdict, seen = judge(snapshot, seen, float(now), UNTIL)
        codes.append(verdict.diagnosis.code if isinstance(verdict, Failed) else "")
    assert codes[2:] == [code] * 8


def good_rollout():
    """Snapshots of a rollout that goes well, as they follow one another."""
    pulling = waiting("ContainerCreating")
    unready = {"running": {}}
    return [
        rollout(of=deployment(observed=2)),
        rollout(of=deployment()),
        rollout(pod(1, scheduled=condition("PodScheduled", "False", "Unschedulable", "0/1 nodes: 1 Insufficient cpu"))),
        rollout(pod(1, state=pulling)),
        rollout(pod(1, state=unready)),
        rollout(pod(1, ready=True)),
        rollout(pod(1, ready=True), pod(2, state=pulling)),
        rollout(pod(1, ready=True), pod(2, state=unready)),
        rollout(pod(1, ready=True), pod(2, ready=True), of=deployment(updated=2, total=3)),
        rollout(pod(1, ready=True), pod(2, ready=True), of=deployment(updated=2, total=2)),
    ]


@pytest.mark.parametrize("seed", range(50))
def test_no_part_of_a_good_rollout_fails(seed):
    """Whatever of it was missed, and whatever was seen twice."""
    draw = random.Random(seed)
    whole = good_rollout()
    part = [each for each in whole for _ in range(draw.randrange(3))]
    seen = Seen()
    for number, snapshot in enumerate(part):
        verdict, seen = judge(snapshot, seen, 2.0 * number, UNTIL)
        assert not isinstance(verdict, Failed)
    assert judge(whole[-1], seen, 50.0, UNTIL)[0] == RolledOut(2)


ENDED = pod(1, owner="counter-release-v12", state=terminated(1))
PRINTED = {(ENDED["metadata"]["name"], "web", False): "django.db.utils.OperationalError: no such table"}


class TestCommand:
    """The release command's Job (mode 37)."""

    def test_its_good_end_is_one(self):
        assert judge_command(command(end=condition("Complete", "True")), Seen(), 0.0, UNTIL)[0] == RolledOut(1)

    def test_while_it_runs_it_is_waited_for(self):
        running = pod(1, owner="counter-release-v12", state={"running": {}})
        verdict, _ = judge_command(command(running), Seen(), 0.0, UNTIL)
        assert verdict == Waiting("awaiting the release command", 0, 1)

    def test_its_failure_is_told_with_its_log(self):
        ended = condition("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        verdict, _ = judge_command(command(ENDED, end=ended, logs=PRINTED), Seen(), 0.0, UNTIL)
        assert verdict.diagnosis.code == "release-command"
        assert "no such table" in verdict.diagnosis.evidence[-1]
        assert verdict.logs == Logs("counter-release-v12-00001", "web")

    def test_taking_too_long_is_told_as_that(self):
        ended = condition("Failed", "True", "DeadlineExceeded", "Job was active longer than specified deadline")
        verdict, _ = judge_command(command(end=ended), Seen(), 0.0, UNTIL)
        assert "takes longer than it may" in verdict.diagnosis.cause
        assert "[release] timeout" in verdict.diagnosis.remedy

    def test_what_keeps_it_from_beginning_is_judged_as_with_a_replica(self):
        stuck = command(pod(1, owner="counter-release-v12", state=waiting("ErrImagePull", "not found")))
        _, seen = judge_command(stuck, Seen(), 0.0, UNTIL)
        verdict, _ = judge_command(stuck, seen, 2.0, UNTIL)
        assert verdict.diagnosis.code == "image-missing"


@pytest.mark.parametrize("damage", ["replica_sets", "pods", "events"])
def test_a_read_that_brought_nothing_fails_nothing(damage):
    snapshot, *_ = AT_SECOND_SIGHT["16 image absent"]
    assert isinstance(judged(*[replace(snapshot, **{damage: ()})] * 5), Waiting | Failed)
    assert isinstance(judged(*[replace(snapshot, replica_sets=(), pods=())] * 5), Waiting)
