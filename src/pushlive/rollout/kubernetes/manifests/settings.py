"""The environment of a release, in objects whose names change with it; and the account that its pods run as."""

import base64
from typing import Any

from pushlive.rollout.kubernetes.manifests import names
from pushlive.rollout.kubernetes.manifests.workload import Hidden, Workload

PROBE_KEY = "PUSHLIVE_PROBE_KEY"
"""By which name the server is told the key of the signed probe."""


def account(workload: Workload) -> dict[str, Any]:
    """A ServiceAccount without any right, and without a token in its pods."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": names.meta(workload, workload.site, names.labels(workload, names.WEB)),
        "automountServiceAccountToken": False,
    }


def environment(workload: Workload) -> dict[str, str]:
    """What is no secret: supplied values, the user's own, what the server is told."""
    release = workload.release
    supplied = {one.name: one.value for one in release.supplied if not one.secret}
    return {
        "FORWARDED_ALLOW_IPS": "*",  # proxies of a cluster have no address that is known beforehand
        **supplied,
        **_cache(workload),
        **release.env,
        "PORT": str(names.PORT),  # where the Service and the probes look
        "PUSHLIVE_SITE": workload.site,
        "PUSHLIVE_RELEASE": release.name,
        "PUSHLIVE_REVISION": release.revision,
        "PUSHLIVE_WORKERS": str(workers(workload)),
    }


def workers(workload: Workload) -> int:
    """A worker for each core that a replica asks for, one at least."""
    asked = workload.resources.cpu or "1"
    cores = float(asked[:-1]) / 1000 if asked.endswith("m") else float(asked)
    return max(1, round(cores))


def config(workload: Workload) -> dict[str, Any]:
    """The ConfigMap with the environment."""
    data = environment(workload)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": names.meta(workload, names.hashed(workload, data), names.of_release(workload, names.WEB)),
        "immutable": True,
        "data": data,
    }


def secret(workload: Workload) -> dict[str, Any]:
    """The Secret with the values of the release's secrets; the only object that has any."""
    data = Hidden({name: base64.b64encode(value.encode()).decode() for name, value in workload.values.by_name.items()})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": names.meta(workload, names.hashed(workload, data), names.of_release(workload, names.WEB)),
        "immutable": True,
        "type": "Opaque",
        "data": data,
    }


def _cache(workload: Workload) -> dict[str, str]:
    spec = workload.release.cache
    return dict.fromkeys(spec.variables, ",".join(names.cache_servers(workload))) if spec else {}
