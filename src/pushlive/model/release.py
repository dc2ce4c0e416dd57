"""A release: everything that is needed to run a revision, and nothing that changes."""

from datetime import datetime

from msgspec import Struct, field

from pushlive.model.image import Image

CACHE_VARIABLE = "MEMCACHED_SERVERS"
"""The name by which every site that uses memcached is told where it is: host:port,host:port."""

RESERVED = "PUSHLIVE_"
"""Names in a site's environment that begin so are pushlive's own."""


class SuppliedSetting(Struct, frozen=True):
    """A value the settings left to the environment, filled in, and why."""

    name: str
    value: str
    reason: str
    secret: bool = False


class CacheSpec(Struct, frozen=True):
    """How memcached is to run for a site, or where it runs already (`servers`). Memory and item size in bytes.

    `variables` are the names by which the site wants to be told: host:port,host:port.
    """

    memory: int = 64 * 1024 * 1024
    max_item_size: int = 1024 * 1024
    connections: int = 1024
    threads: int = 4
    servers: tuple[str, ...] = ()
    variables: tuple[str, ...] = (CACHE_VARIABLE,)


class Release(Struct, frozen=True):
    """Immutable. `name` is v1, v2, ...; `env` has no secret in it, `secrets` has their names alone.

    `secrets_version` names the file of values that were in force; `data` are paths in the tree that are kept across
    releases; `command` is what ran before the switch; `python` is the interpreter's path; timeouts are seconds.
    """

    name: str
    revision: str
    image: Image
    created: datetime
    replicas: int
    server: str
    env: dict[str, str] = field(default_factory=dict)
    supplied: tuple[SuppliedSetting, ...] = ()
    secrets: tuple[str, ...] = ()
    secrets_version: str = ""
    data: tuple[str, ...] = ()
    command: str = ""
    cache: CacheSpec | None = None
    python: str = ""
    verify_path: str = "/"
    verify_status: int | None = None
    verify_contains: str = ""
    host: str = "localhost"
    start_timeout: float = 60.0
    verify_timeout: float = 30.0
    warm: bool = True
