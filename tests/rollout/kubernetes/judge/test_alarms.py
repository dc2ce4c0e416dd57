"""What real clusters show in a rollout that goes well, or say otherwise than one expects."""

import pytest
from msgspec.structs import replace

from pushlive.rollout.kubernetes.judge import Failed, Seen, Waiting, judge
from tests.rollout.kubernetes.judge.modes import AT_SECOND_SIGHT, BACK_OFF, PULL, QUOTA
from tests.rollout.kubernetes.judge.objects import OLD, condition, deployment, event, pod, rollout, terminated, waiting

DOWN = 'Internal error occurred: failed calling webhook "policy.example.com": connection refused'
SLOW = pod(state={"running": {}}, last=terminated(143), restarts=3)
ENDING = pod(3, owner=OLD, metadata={"deletionTimestamp": "2026-11-01T00:00:00Z"})


def twice(snapshot):
    _, seen = judge(snapshot, Seen(), 0.0, 100.0)
    return judge(snapshot, seen, 2.0, 100.0)[0]


def refused(message, *pods):
    return rollout(*pods, refused=condition("ReplicaFailure", "True", "FailedCreate", message))


def at_time(said, moment):
    return said | {"lastTimestamp": f"2026-11-01T00:00:{moment:02}Z"}


def not_pulled(digest, answer):
    text = PULL.replace("sha256:01", f"sha256:{digest}")
    return rollout(pod(state=waiting("ErrImagePull", f"{text}{answer}")))


FALSE_ALARMS = {
    "a quota that an ending pod still counts in": refused(QUOTA, ENDING),
    "a webhook that does not answer": refused(DOWN),
    "a cache of Secrets that is behind": rollout(
        pod(state=waiting("CreateContainerConfigError", "failed to sync secret cache: timed out waiting"))
    ),
    "a runtime that is busy": rollout(
        pod(state=waiting("CreateContainerError", 'failed to reserve container name "web": is reserved for "a1"'))
    ),
    "crashes that a ready replica has behind it": rollout(pod(ready=True, last=terminated(1), restarts=5)),
    "a start that failed, of a replica that is ready": rollout(
        pod(ready=True, last=terminated(128, "StartError"), restarts=1)
    ),
    "EndpointSlices that are behind": rollout(
        pod(ready=True), service={"metadata": {"name": "counter"}, "spec": {"selector": {"app": "counter"}}}
    ),
    "what was said of a route before it was changed": rollout(
        pod(ready=True),
        routes=(
            {
                "kind": "HTTPRoute",
                "metadata": {"name": "counter", "generation": 2},
                "status": {
                    "parents": [{"conditions": [condition("Accepted", "False", "Invalid") | {"observedGeneration": 1}]}]
                },
            },
        ),
    ),
    "a replica that its startup probe stopped": rollout(
        SLOW, events=[event(SLOW, "Killing", "Container web failed startup probe, will be restarted")]
    ),
    "a digest with 401 in it": not_pulled("aa401bb", "something new"),
}


@pytest.mark.parametrize("what", FALSE_ALARMS)
def test_what_mends_itself_is_no_alarm(what):
    assert isinstance(twice(FALSE_ALARMS[what]), Waiting)


@pytest.mark.parametrize("digest", ["aa429bb", "aa401bb", "01"])
def test_the_figures_of_a_digest_are_no_answer(digest):
    failed = twice(not_pulled(digest, "registry.example/sites/counter: not found"))
    assert isinstance(failed, Failed)
    assert failed.diagnosis.code == "image-missing"


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
def test_the_last_try_of_a_pull_is_what_counts(order):
    one = pod(state=waiting("ImagePullBackOff", BACK_OFF))
    late = event(one, "Failed", f"Failed to pull image: {PULL}: not found")
    early = event(one, "Failed", f"Failed to pull image: {PULL}: 429 Too Many Requests")
    error = event(one, "Failed", "Error: ErrImagePull")
    said = [at_time(late, 9), at_time(early, 1), at_time(error, 10)]
    assert twice(rollout(one, events=[said[each] for each in order])).diagnosis.code == "image-missing"


def test_a_container_that_is_backed_off_has_ended_once_more_than_it_was_restarted():
    one = pod(state=waiting("CrashLoopBackOff"), last=terminated(1), restarts=1)
    assert twice(rollout(one)).diagnosis.code == "crash"


@pytest.mark.parametrize("mode", ["39 service selects nothing", "40 route refused"])
def test_replicas_that_are_all_ready_and_that_nobody_reaches_are_not_rolled_out(mode):
    snapshot, code, _ = AT_SECOND_SIGHT[mode]
    done = replace(snapshot, deployment=deployment(replicas=1, updated=1, total=1))
    assert isinstance(judge(done, Seen(), 0.0, 100.0)[0], Waiting)
    assert twice(done).diagnosis.code == code
