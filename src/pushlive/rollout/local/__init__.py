"""The local engine: a keeper and a supervisor a site, replicas on inherited sockets, memcached, releases in folders.

The names are looked up when they are asked for: keeper and supervisor, who live long, then load no more than they use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pushlive.rollout.local.engine import LocalEngine
    from pushlive.rollout.local.record import SiteRecord
    from pushlive.rollout.local.secrets import SecretStore

__all__ = ["LocalEngine", "SecretStore", "SiteRecord"]

_PLACES = {"LocalEngine": "engine", "SecretStore": "secrets", "SiteRecord": "record"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
