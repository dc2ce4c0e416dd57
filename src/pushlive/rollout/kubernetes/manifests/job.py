"""The release command: run once in the new image, before any replica of it."""

import shlex
from typing import Any

from pushlive.rollout.kubernetes.manifests import names, pods
from pushlive.rollout.kubernetes.manifests.workload import Workload

_KEPT = 3600
"""Seconds that the Job is to be seen after its end."""


def job(workload: Workload) -> dict[str, Any]:
    """The Job. It is tried once: half a migration is looked at by somebody before it is run again."""
    container = pods.of_image(workload, "release", command=shlex.split(workload.release.command))
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
            ),
        },
    }


def name(workload: Workload) -> str:
    """What it is called: a release has one."""
    return f"{workload.site}-release-{workload.release.name}"
