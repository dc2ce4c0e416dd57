"""What a fork server imports ahead: the server's parts, and those of Django that do not look at settings.

None of it is the site's own code. Django's models, and what imports them, want settings and are not here.
"""

from __future__ import annotations

import importlib
from typing import Dict, Iterable, Sequence, Tuple

SERVER = (
    "gunicorn.workers.gthread",
    "pushlive_runtime.serve",
    "pushlive_runtime.worker",
    "pushlive_runtime.static",
    "pushlive_runtime.asgi_worker",
    "pushlive_runtime.ask",
)
"""Imported while the server layer comes first."""

DJANGO = {
    "core": (
        "asgi",
        "wsgi",
        "cache.backends.locmem",
        "cache.backends.memcached",
        "management.commands.check",
        "management.commands.migrate",
        "servers.basehttp",
    ),
    "db": ("backends.sqlite3.base", "migrations.writer"),
    "middleware": ("clickjacking", "common", "gzip", "locale", "security"),
    "template": ("context_processors", "loaders.app_directories", "loaders.cached"),
    "templatetags": ("cache", "l10n", "tz"),
    "views": ("csrf", "decorators.http"),
    "contrib.admin": ("apps", "templatetags.admin_list", "templatetags.admin_modify"),
    "contrib.auth": ("apps", "context_processors", "tokens"),
    "contrib.contenttypes": ("apps",),
    "contrib.messages": ("apps", "context_processors", "middleware", "storage.fallback"),
    "contrib.sessions": ("apps", "middleware"),
    "contrib.staticfiles": ("apps", "handlers", "management.commands.collectstatic"),
}
"""The modules that bring in all others which a site with an admin has at its first answer."""

SITE: Tuple[str, ...] = (
    "asyncio",
    "decimal",
    "sqlite3",
    "zoneinfo",
    "asgiref.sync",
    "pymemcache.client.hash",
    *(f"django.{package}.{name}" for package, names in DJANGO.items() for name in names),
)
"""Imported while the site's packages come first, so that they are the site's own."""


ASK = ("pushlive_runtime.ask", "pushlive_runtime.ask_static")
ASK_SITE = (
    "django.contrib.staticfiles.management.commands.collectstatic",
    "django.core.checks",
    "django.core.management",
    "django.urls",
)
"""What the inspection needs alone: where it comes soon, it would have to wait for the others."""

WANTED: Dict[str, Tuple[Sequence[str], Sequence[str]]] = {"serve": (SERVER, SITE), "ask": (ASK, ASK_SITE)}
"""By the command that is to come: the server's modules, and the site's."""


def load(names: Iterable[str]) -> int:
    """Import what can be imported of `names`; returns how many could."""
    loaded = 0
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112 - what cannot be imported ahead is imported, or fails, in its own time
            continue
        loaded += 1
    return loaded
