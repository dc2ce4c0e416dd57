"""The replicas of a release."""

import math
from typing import Any

from pushlive.rollout.kubernetes.manifests import names, pods
from pushlive.rollout.kubernetes.manifests.workload import Workload

_PROGRESS = 600
"""Seconds beyond a replica's time to start until its rollout counts as stuck: a machine may have to come before it, and
its image. What is broken is found by the judge, long before."""


def deployment(workload: Workload) -> dict[str, Any]:
    """The Deployment. With an autoscaler it says no number of replicas: that is the autoscaler's."""
    replicas = {} if workload.autoscale else {"replicas": workload.release.replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": names.meta(workload, workload.site, names.of_release(workload, names.WEB)),
        "spec": {
            **replicas,
            "selector": {"matchLabels": names.selector(workload, names.WEB)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "progressDeadlineSeconds": math.ceil(workload.release.start_timeout) + _PROGRESS,
            "revisionHistoryLimit": 3,
            "template": pods.template(workload, names.WEB, _pod(workload)),
        },
    }


def _pod(workload: Workload) -> dict[str, Any]:
    return pods.spec(
        workload,
        [_container(workload)],
        terminationGracePeriodSeconds=pods.DRAIN + _stop_timeout(workload) + pods.SPARE,
        topologySpreadConstraints=pods.spread(workload, names.WEB),
        volumes=pods.temporary(),
    )


def _container(workload: Workload) -> dict[str, Any]:
    return pods.of_image(
        workload,
        "web",
        ports=[{"name": "http", "containerPort": names.PORT}],
        lifecycle={"preStop": {"sleep": {"seconds": pods.DRAIN}}},
        startupProbe={
            **_asked(workload, "ready"),
            "periodSeconds": 1,
            "failureThreshold": max(1, math.ceil(workload.release.start_timeout)),
            "timeoutSeconds": 5,
        },
        readinessProbe={**_asked(workload, "ready"), "periodSeconds": 5, "failureThreshold": 3, "timeoutSeconds": 5},
        livenessProbe={**_asked(workload, "alive"), "periodSeconds": 20, "failureThreshold": 6, "timeoutSeconds": 10},
    )


def _asked(workload: Workload, question: str) -> dict[str, Any]:
    """Ask the page that is verified, with the site's host; the server says what its answer means for the question."""
    headers = {"Host": workload.release.host, "X-Forwarded-Proto": "https", "X-Pushlive-Probe": question}
    return {
        "httpGet": {
            "path": workload.release.verify_path,
            "port": "http",
            "httpHeaders": [{"name": name, "value": value} for name, value in headers.items()],
        }
    }


def _stop_timeout(workload: Workload) -> int:
    return math.ceil(float(workload.release.env.get("PUSHLIVE_STOP_TIMEOUT", "30")))
