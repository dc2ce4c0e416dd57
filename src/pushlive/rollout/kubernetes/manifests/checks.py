"""What cannot run on a cluster, and is refused before anything is sent."""

import re
from collections.abc import Iterator

from msgspec import Struct

from pushlive.model.errors import ReleaseError
from pushlive.rollout.kubernetes.manifests.settings import PROBE_KEY
from pushlive.rollout.kubernetes.manifests.workload import Route, Workload

_SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_ADDRESS = re.compile(r"\.?[0-9]+(\.[0-9]+){3}")
_LONGEST_HOST, _LONGEST_MANAGED = 253, 63
_BY_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_LONGEST_SITE = 40
"""With it the longest name made of it, of a job, keeps within 63."""


class Problem(Struct, frozen=True):
    """What is wrong, where that was said, and what to do."""

    cause: str
    where: str
    remedy: str


def require(workload: Workload) -> None:
    """Raise ReleaseError for the first thing that is not allowed."""
    found = next(problems(workload), None)
    if found:
        raise ReleaseError(found.cause, where=found.where, remedy=found.remedy)


def problems(workload: Workload) -> Iterator[Problem]:
    """All that is not allowed, the gravest first."""
    yield from _data(workload)
    yield from _names(workload)
    yield from _reachable(workload)
    yield from _values(workload)
    if workload.autoscale and not workload.resources.cpu:
        yield Problem(
            "autoscale follows the CPU that a replica asks for, and none is asked for",
            "[run] resources",
            'Say how much: resources = { cpu = "250m" }.',
        )


def _data(workload: Workload) -> Iterator[Problem]:
    """Pods come and go on any machine, and their file systems with them."""
    if not workload.release.data:
        return
    kept = ", ".join(workload.release.data)
    yield Problem(
        f"the site keeps {kept} in files, which no two replicas on a cluster share",
        "[data] paths, or as detected from the settings",
        "Use a database server (DATABASE_URL), an object store for uploads (django-storages), and [data] paths = [].",
    )


def _names(workload: Workload) -> Iterator[Problem]:
    if not _SERVICE.fullmatch(workload.site) or len(workload.site) > _LONGEST_SITE:
        yield Problem(
            f"{workload.site!r} cannot be the name of a Service: it begins with a letter, then a-z, 0-9 and '-', "
            f"at most {_LONGEST_SITE} in all",
            "[site] name",
            "Choose another name.",
        )
    if not _LABEL.fullmatch(workload.namespace):
        yield Problem(
            f"{workload.namespace!r} cannot be a namespace: a-z, 0-9 and '-', at most 63",
            "[target] namespace",
            "Choose another name.",
        )
    if not _BY_DIGEST.fullmatch(workload.image):
        yield Problem(f"{workload.image!r} does not name an image by its digest", "", "Push it again.")


def _values(workload: Workload) -> Iterator[Problem]:
    """A pod without one of them would start, and fail in the site's own words or answer no signed probe."""
    release = workload.release
    missing = [name for name in (*release.secrets, PROBE_KEY) if name not in workload.values.by_name]
    if missing:
        yield Problem(
            f"release {release.name} needs {', '.join(missing)}, which has no value",
            "[run] secrets",
            f"Set it with `pushlive env set {missing[0]}`.",
        )


def _reachable(workload: Workload) -> Iterator[Problem]:
    if workload.tls.wanted and not workload.hosts:
        yield Problem("a certificate is for a host name, and none is given", "[site] hosts", "Name it there.")
    if workload.tls.wanted and workload.route is Route.GATEWAY:
        yield Problem(
            'a certificate goes with route = "ingress": a Gateway has its own',
            "[target] tls",
            'Set tls = "none" and give the Gateway the certificate (cert-manager.io/cluster-issuer or '
            'networking.gke.io/certmap among its annotations), or set route = "ingress".',
        )
    for host in workload.hosts:
        yield from _host(host, managed=workload.tls.managed)


def _host(host: str, *, managed: bool) -> Iterator[Problem]:
    if len(host) > _LONGEST_HOST or not _HOST.fullmatch(host) or _ADDRESS.fullmatch(host):
        yield Problem(
            f"{host!r} cannot be a host of a route: names of a-z, 0-9 and '-' with dots between, at most "
            f"{_LONGEST_HOST} in all, and no address",
            "[site] hosts",
            "Write the name that people use, in small letters.",
        )
    elif managed and host.startswith("."):
        yield Problem(
            f"gke-managed has no certificate for all names below {host[1:]}",
            "[site] hosts",
            'Name each host, or set tls = "cert-manager:ISSUER" with an issuer that answers by DNS.',
        )
    elif managed and len(host) > _LONGEST_MANAGED:
        yield Problem(
            f"gke-managed has certificates for names of at most {_LONGEST_MANAGED} characters, and {host} is longer",
            "[site] hosts",
            'Choose a shorter name, or set tls = "cert-manager:ISSUER".',
        )
