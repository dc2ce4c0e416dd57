"""Where an image is to go, and what came of it. Commands have these without what it takes to get there."""

from typing import TYPE_CHECKING

from msgspec import Struct

from pushlive.model.image import Platform
from pushlive.registry.reference import Reference

if TYPE_CHECKING:
    from pushlive.registry.push import Pushed


class Target(Struct, frozen=True):
    """Where an image is to go and to run. `base` is "" for the site's own choice; no `platforms` are this machine's.

    `to` is a repository; its tag, or `latest`, names the image besides the revision. None: it goes nowhere, or, where
    `named` is a target of the site file, to that one's registry. With
    `attest` its packages and its provenance are attached to it there. `sign` has cosign sign it there, with `key` or
    the identity that the environment gives; None: where there is one.
    """

    to: Reference | None = None
    base: str = ""
    platforms: tuple[Platform, ...] = ()
    insecure: bool = False
    attest: bool = True
    sign: bool | None = None
    key: str = ""
    named: str = ""

    @property
    def pushes(self) -> bool:
        """Whether it goes to a registry."""
        return bool(self.to or self.named)

    def insecure_for(self, base: Reference) -> bool:
        """Whether a base may come by plain HTTP: only from the registry that is pushed to, which was meant by it."""
        return self.insecure and (self.to is None or base.registry == self.to.registry)


class Published(Struct, frozen=True):
    """What came of it. `image` is a digest, or the name a builder of Dockerfiles knows it by; `base` what it is on.

    `signed` says with what, if it was.
    """

    image: str
    base: str = ""
    pushed: "Pushed | None" = None
    signed: str = ""
