"""The release command: run once in the new image, before any replica of it."""

from collections.abc import Sequence
from typing import Any

from pushlive.rollout.kubernetes.manifests import names, pods
from pushlive.rollout.kubernetes.manifests.workload import Workload

_KEPT = 3600
"""Seconds that the Job is to be seen after its end."""


def job(workload: Workload, argv: Sequence[str]) -> dict[str, Any]:
    """The Job. It is tried once: half a migration is looked at by somebody before it is run again."""
    container = pods.of_image(workload, "release", command=[_literal(word) for word in argv])
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": names.meta(workload, name(workload), names.of_release(workload, names.RELEASE)),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": workload.command_timeout,
            "ttlSecondsAfterFinished": _KEPT,
            "template": pods.template(
                workload,
                names.RELEASE,
                pods.spec(workload, [container], restartPolicy="Never", volumes=pods.temporary()),
                annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
            ),
        },
    }


def _literal(word: str) -> str:
    """A word as it stands: Kubernetes puts variables in place of $(NAME), and takes $$ for a dollar sign."""
    return word.replace("$", "$$")


def name(workload: Workload) -> str:
    """What it is called: a release has one."""
    return f"{workload.site}-release-{workload.release.name}"
