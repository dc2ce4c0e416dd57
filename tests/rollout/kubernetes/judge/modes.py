"""What goes wrong with rollouts, as a cluster shows it: the snapshot, the code of its cause, a part of the evidence.

The texts are those of Kubernetes 1.3x and containerd 1.6 and 1.7.
"""

from pushlive.rollout.kubernetes.judge import Snapshot
from tests.rollout.kubernetes.judge.objects import condition, event, pod, rollout, terminated, waiting

PULL = 'failed to pull and unpack image "registry.example/sites/counter@sha256:01": failed to resolve reference: '
BACK_OFF = 'Back-off pulling image "registry.example/sites/counter@sha256:01"'
QUOTA = (
    'pods "counter-7c9f6d5b8-x2x4l" is forbidden: exceeded quota: small, requested: requests.cpu=250m, '
    "used: requests.cpu=500m, limited: requests.cpu=500m"
)
SECURITY = (
    'pods "counter-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
    '(container "web" must set securityContext.allowPrivilegeEscalation=false)'
)
LIMIT = 'pods "counter-x" is forbidden: maximum memory usage per Container is 128Mi, but limit is 256Mi'
HOOK = 'admission webhook "policy.example.com" denied the request: no such label'
ACCOUNT = (
    'pods "counter-x" is forbidden: error looking up service account sites/counter: serviceaccount "counter" not found'
)
TRACEBACK = """\
Traceback (most recent call last):
  File "/app/proj/settings.py", line 3, in <module>
    import environ
ModuleNotFoundError: No module named 'environ'
"""


def _refused(message: str) -> Snapshot:
    return rollout(refused=condition("ReplicaFailure", "True", "FailedCreate", message))


def _waits(reason: str, message: str) -> Snapshot:
    return rollout(pod(state=waiting(reason, message)))


def _backs_off(answer: str) -> Snapshot:
    """Between two tries the state says no more than that; the event of the last try does."""
    one = pod(state=waiting("ImagePullBackOff", BACK_OFF))
    failed = event(one, "Failed", f'Failed to pull image "registry.example/sites/counter@sha256:01": {PULL}{answer}')
    return rollout(one, events=[failed, event(one, "Failed", "Error: ErrImagePull")])


def _unscheduled(message: str, *, coming: bool = False) -> Snapshot:
    one = pod(scheduled=condition("PodScheduled", "False", "Unschedulable", message))
    up = event(one, "TriggeredScaleUp", "pod triggered scale-up: [{pool 1->2 (max: 3)}]", "Normal")
    return rollout(one, events=[up] if coming else [])


def _says(*messages: tuple[str, str], restarts: int = 0) -> Snapshot:
    one = pod(state={"running": {}}, restarts=restarts)
    return rollout(one, events=[event(one, reason, message) for reason, message in messages])


def _prepared(reason: str, message: str) -> Snapshot:
    """The kubelet cannot make a pod ready to begin."""
    one = pod()
    return rollout(one, events=[event(one, reason, message)])


def _crash(code: int, log: str = "", reason: str = "Error", restarts: int = 2) -> Snapshot:
    """It ended, is backed off, and what it printed before is in the log of its previous run."""
    one = pod(state=waiting("CrashLoopBackOff", "back-off 20s"), last=terminated(code, reason), restarts=restarts)
    return rollout(one, logs={(one["metadata"]["name"], "web", True): log} if log else {})


AT_SECOND_SIGHT: dict[str, tuple[Snapshot, str, str]] = {
    "8 quota": (_refused(QUOTA), "quota", "exceeded quota"),
    "9 pod security": (_refused(SECURITY), "pod-security", "restricted:latest"),
    "9 limit range": (_refused(LIMIT), "limit-range", "maximum memory"),
    "10 webhook denies the pod": (_refused(HOOK), "admission-webhook", "no such label"),
    "11 no service account": (_refused(ACCOUNT), "service-account-missing", "not found"),
    "16 image absent": (
        _waits("ErrImagePull", f"{PULL}registry.example/sites/counter: not found"),
        "image-missing",
        "not found",
    ),
    "16 image absent, backed off": (
        _backs_off("registry.example/sites/counter: not found"),
        "image-missing",
        "not found",
    ),
    "17 registry denies": (
        _backs_off(
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed"
        ),
        "registry-denied",
        "pull access denied",
    ),
    "17 registry 401": (
        _waits("ErrImagePull", f"{PULL}unexpected status code 401 Unauthorized"),
        "registry-denied",
        "401",
    ),
    "19 wrong architecture": (
        _waits("ErrImagePull", f"{PULL}no match for platform in manifest: not found"),
        "image-platform",
        "no match",
    ),
    "20 image name": (
        _waits("InvalidImageName", 'couldn\'t parse image reference "Counter:x": invalid reference format'),
        "image-name",
        "invalid reference",
    ),
    "21 secret lacks a key": (
        _waits("CreateContainerConfigError", "couldn't find key SECRET_KEY in Secret sites/counter-env-1"),
        "secret-key-missing",
        "SECRET_KEY",
    ),
    "22 no secret": (
        _waits("CreateContainerConfigError", 'secret "counter-env-1" not found'),
        "settings-missing",
        "counter-env-1",
    ),
    "22 no config map": (
        _waits("CreateContainerConfigError", 'configmap "counter-env-1" not found'),
        "settings-missing",
        "env-1",
    ),
    "24 root image": (
        _waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root (pod: …)"),
        "root-image",
        "will run as root",
    ),
    "25 bad command": (
        rollout(
            pod(state=terminated(128, "StartError", 'exec: "pyhton": executable file not found in $PATH: unknown'))
        ),
        "bad-command",
        "pyhton",
    ),
    "25 bad command, before": (
        rollout(
            pod(state=waiting("CrashLoopBackOff"), last=terminated(128, "StartError", 'exec: "pyhton"'), restarts=1)
        ),
        "bad-command",
        "pyhton",
    ),
    "25 cannot run": (_waits("RunContainerError", 'exec: "/nowhere": no such file'), "bad-command", "/nowhere"),
    "35 host refused": (
        _says(("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 400")),
        "host-refused",
        "statuscode: 400",
    ),
}
AT_SECOND_SIGHT["39 service selects nothing"] = (
    rollout(
        pod(ready=True),
        service={"kind": "Service", "metadata": {"name": "counter"}, "spec": {"selector": {"app": "other"}}},
        endpoints=({"endpoints": []},),
    ),
    "service-selects-nothing",
    "other",
)
AT_SECOND_SIGHT["40 route refused"] = (
    rollout(
        pod(ready=True),
        routes=(
            {
                "kind": "HTTPRoute",
                "metadata": {"name": "counter"},
                "status": {
                    "parents": [{"conditions": [condition("Accepted", "False", "NoMatchingParent", "no listener")]}]
                },
            },
        ),
    ),
    "route-refused",
    "NoMatchingParent: no listener",
)

AFTER_CRASHES: dict[str, tuple[Snapshot, str, str]] = {
    "27 settings fail": (_crash(3, TRACEBACK), "app-crash", "No module named 'environ'"),
    "28 no application": (
        _crash(4, "pushlive: proj.wsgi:app: Failed to find attribute 'app' in 'proj.wsgi'."),
        "app-missing",
        "attribute",
    ),
    "28 server's environment": (_crash(2, "pushlive: PUSHLIVE_APP is not set"), "server-configuration", "PUSHLIVE_APP"),
    "29 database away": (
        _crash(3, 'OperationalError: connection to server at "db" failed'),
        "app-crash",
        "OperationalError",
    ),
    "30 read-only": (_crash(3, "OSError: [Errno 30] Read-only file system: '/app/x'"), "app-crash", "Errno 30"),
    "31 out of memory": (_crash(137, "", "OOMKilled"), "out-of-memory", "OOMKilled"),
    "32 a worker out of memory": (
        _crash(1, "Worker (pid:9) was sent SIGKILL! Perhaps out of memory?"),
        "out-of-memory",
        "Perhaps",
    ),
    "another end": (_crash(1, "something else"), "crash", "something else"),
}

WAITED_FOR: dict[str, tuple[Snapshot, str, str]] = {
    "12 no room": (
        _unscheduled("0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3"),
        "no-capacity",
        "Insufficient cpu",
    ),
    "13 taint": (
        _unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: db}."),
        "no-fitting-machine",
        "taint",
    ),
    "14 volume": (
        _unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        "volume-unbound",
        "unbound",
    ),
    "15 scale-up": (
        _unscheduled("0/3 nodes are available: 3 Insufficient cpu.", coming=True),
        "scale-up",
        "triggered scale-up",
    ),
    "18 registry 429": (
        _backs_off("unexpected status code 429 Too Many Requests - toomanyrequests"),
        "registry-busy",
        "429",
    ),
    "18 registry's name": (
        _backs_off("dial tcp: lookup registry.example on 10.0.0.10:53: no such host"),
        "registry-busy",
        "no such host",
    ),
    "18 registry 503": (
        _waits("ErrImagePull", f"{PULL}unexpected status code 503 Service Unavailable"),
        "registry-busy",
        "503",
    ),
    "23 volume's secret": (
        _prepared("FailedMount", 'MountVolume.SetUp failed for volume "x": secret "y" not found'),
        "volume-failed",
        'secret "y" not found',
    ),
    "26 sandbox": (
        _prepared("FailedCreatePodSandBox", "failed to setup network for sandbox: no IP"),
        "network-failed",
        "no IP",
    ),
    "33 liveness kills": (
        _says(
            ("Unhealthy", 'Liveness probe failed: Get "http://10.1.0.9:8000/": context deadline exceeded'),
            ("Killing", "Container web failed liveness probe, will be restarted"),
            restarts=1,
        ),
        "liveness-killed",
        "failed liveness probe",
    ),
    "34 slow start": (
        _says(
            ("Unhealthy", 'Startup probe failed: Get "http://10.1.0.9:8000/": dial tcp: connect: connection refused'),
            ("Killing", "Container web failed startup probe, will be restarted"),
            restarts=1,
        ),
        "start-too-slow",
        "failed startup probe",
    ),
    "36 nothing listens": (
        _says(
            (
                "Unhealthy",
                'Readiness probe failed: Get "http://10.1.0.9:80/": dial tcp 10.1.0.9:80: connect: connection refused',
            )
        ),
        "nothing-listens",
        "connection refused",
    ),
    "36 503": (
        _says(("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")),
        "not-serving",
        "503",
    ),
    "500": (
        _says(("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")),
        "page-error",
        "500",
    ),
    "38 evicted": (
        rollout(pod(reason="Evicted", message="The node was low on resource: memory.")),
        "evicted",
        "low on resource",
    ),
    "40 gateway pending": (
        rollout(
            pod(ready=True),
            routes=(
                {
                    "kind": "Gateway",
                    "metadata": {"name": "g"},
                    "status": {"conditions": [condition("Programmed", "False", "Pending", "x")]},
                },
            ),
        ),
        "route-refused",
        "Pending",
    ),
    "nothing is said": (rollout(pod()), "rollout-timeout", ""),
}
