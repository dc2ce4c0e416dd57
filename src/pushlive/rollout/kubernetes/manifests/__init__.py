"""A release as Kubernetes objects: plain dicts in the order in which they are applied. Pure: no cluster is asked."""

from collections.abc import Sequence
from typing import Any

from pushlive.rollout.kubernetes.manifests import (
    autoscaling,
    cache,
    checks,
    deployment,
    job,
    policies,
    routes,
    service,
    settings,
)
from pushlive.rollout.kubernetes.manifests.workload import Route, Tls, Values, Workload

__all__ = ["Route", "Tls", "Values", "Workload", "manifests", "release_job"]


def manifests(workload: Workload) -> tuple[dict[str, Any], ...]:
    """All that a release needs but its release command, what others refer to first.

    Raises ReleaseError for what Kubernetes, or a site on several machines, does not allow.
    """
    checks.require(workload)
    return (
        settings.account(workload),
        settings.config(workload),
        settings.secret(workload),
        *policies.policies(workload),
        *cache.objects(workload),
        service.service(workload),
        *autoscaling.budget(workload),
        deployment.deployment(workload),
        *autoscaling.autoscaler(workload),
        *routes.routes(workload),
    )


def release_job(workload: Workload, argv: Sequence[str]) -> dict[str, Any]:
    """The release command, run in the new image as `argv`; it needs what `manifests` has up to the cache.

    Raises ReleaseError as `manifests` does.
    """
    checks.require(workload)
    return job.job(workload, argv)
