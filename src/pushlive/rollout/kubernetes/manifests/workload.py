"""What the manifests are made from."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from pushlive.config.schema import Autoscale, Resources
from pushlive.model.release import Release


class Route(StrEnum):
    """How requests come in."""

    GATEWAY = "gateway"
    INGRESS = "ingress"


class Tls(Struct, frozen=True):
    """Who gives the certificate: a cert-manager issuer, GKE, or nobody ("")."""

    issuer: str = ""
    managed: bool = False

    @classmethod
    def parse(cls, text: str) -> "Tls":
        """Read `cert-manager:ISSUER`, `gke-managed` or `none`. Raises ValueError."""
        kind, _, issuer = text.partition(":")
        if kind == "cert-manager" and issuer:
            return cls(issuer=issuer)
        if text in {"gke-managed", "none"}:
            return cls(managed=text == "gke-managed")
        raise ValueError(f"{text!r} is none of cert-manager:ISSUER, gke-managed, none")

    @property
    def wanted(self) -> bool:
        """There is to be a certificate."""
        return bool(self.issuer) or self.managed


class Values(Struct, frozen=True):
    """Values of secrets by their names; shown by their names alone."""

    by_name: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Values({', '.join(sorted(self.by_name))})"

    def __rich_repr__(self) -> Any:
        """As in a repr."""
        yield from sorted(self.by_name)


class Hidden(dict[str, str]):
    """Text by name that no print of the object it stands in shows; in JSON it is as any dict."""

    def __repr__(self) -> str:
        return f"Hidden({', '.join(sorted(self))})"

    __str__ = __repr__


class Workload(Struct, frozen=True, kw_only=True):
    """A release on a cluster.

    `image` names it by digest (`registry/repository@sha256:…`). `values` are those of the release's secrets, and the
    probe's key under settings.PROBE_KEY. `gateway` is the Gateway that a route is attached to, as NAME or
    NAMESPACE/NAME, or the class of an Ingress; "" for the cluster's own choice. `command_timeout` is the release
    command's, in seconds.
    """

    site: str
    namespace: str
    image: str
    release: Release
    values: Values = Values()
    hosts: tuple[str, ...] = ()
    resources: Resources = Resources()
    autoscale: Autoscale | None = None
    cache_replicas: int = 1
    route: Route = Route.GATEWAY
    gateway: str = ""
    tls: Tls = Tls()
    command_timeout: int = 600
