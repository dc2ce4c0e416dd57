"""What is to be proved."""

from dataclasses import dataclass, field
from typing import Self

from pushlive.model.release import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The release that is to answer, and what its page must show.

    `key` is the site's probe key; `host` goes into the Host header; `status` None accepts any answer but 400 and 5xx;
    `timeout` in seconds is for a whole proof, waiting included.
    """

    revision: str
    release: str
    key: str = field(repr=False)
    host: str = "localhost"
    path: str = "/"
    status: int | None = None
    contains: str = ""
    timeout: float = 30.0

    @classmethod
    def of(cls, release: Release, key: str, *, timeout: float = 30.0) -> Self:
        """What `release` itself says about its page."""
        return cls(
            revision=release.revision,
            release=release.name,
            key=key,
            host=release.host,
            path=release.verify_path,
            status=release.verify_status,
            contains=release.verify_contains,
            timeout=timeout,
        )
