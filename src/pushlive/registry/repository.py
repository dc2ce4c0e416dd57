"""One repository in a registry: what its addresses are, and which rights a request needs (distribution-spec 1.1)."""

from functools import cached_property

from pushlive.model.image import Digest
from pushlive.registry.authorize import Scopes
from pushlive.registry.reference import Reference
from pushlive.registry.transport import Transport


class Repository:
    """A repository and the way to it. Threads may share it."""

    def __init__(self, reference: Reference, *, insecure: bool = False) -> None:
        """The tag and the digest of `reference` do not matter here. `insecure` does without TLS."""
        self.reference = reference
        self._insecure = insecure

    @cached_property
    def transport(self) -> Transport:
        """The way to its registry."""
        return Transport(self.reference, insecure=self._insecure)

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self.reference.repository

    @property
    def pulling(self) -> Scopes:
        """The right to read."""
        return frozenset([f"repository:{self.name}:pull"])

    @property
    def pushing(self) -> Scopes:
        """The right to read and to write."""
        return frozenset([f"repository:{self.name}:pull,push"])

    def blob(self, digest: Digest) -> str:
        """Where a blob is."""
        return f"/v2/{self.name}/blobs/{digest}"

    def manifest(self, wanted: str) -> str:
        """Where the manifest is that a tag or a digest names."""
        return f"/v2/{self.name}/manifests/{wanted}"

    @property
    def uploads(self) -> str:
        """Where uploads begin."""
        return f"/v2/{self.name}/blobs/uploads/"

    def referrers(self, digest: Digest) -> str:
        """Where the list of what refers to a manifest is."""
        return f"/v2/{self.name}/referrers/{digest}"
