"""What the site's settings came to: the parts that decide how it is run. No password, no key."""

import hashlib
import os
from typing import Any, Callable, Dict, List, Optional, Tuple

_PLAIN = (
    "DEBUG",
    "ROOT_URLCONF",
    "WSGI_APPLICATION",
    "ASGI_APPLICATION",
    "SECURE_SSL_REDIRECT",
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "FORCE_SCRIPT_NAME",
    "COMPRESS_ENABLED",
    "COMPRESS_OFFLINE",
)
_LISTS = (
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "MIDDLEWARE",
    "INSTALLED_APPS",
    "SECURE_PROXY_SSL_HEADER",
)
_TEXTS = ("STATIC_URL", "STATIC_ROOT", "MEDIA_URL", "MEDIA_ROOT")
_DUMMY = "django.db.backends.dummy"


def snapshot(settings: Any, nonce: str) -> Dict[str, Any]:
    """The settings that matter, as JSON has them. Paths are absolute."""
    found: Dict[str, Any] = {name: _plain(getattr(settings, name, None)) for name in _PLAIN}
    found.update({name: _texts(getattr(settings, name, ())) for name in _LISTS})
    found.update({name: _text(getattr(settings, name, "")) for name in _TEXTS})
    found["MODULE"] = str(getattr(settings, "SETTINGS_MODULE", "") or "")
    found["SECRET_KEY"] = _secret_key(settings, nonce)
    found["DATABASES"] = [_database(alias, given) for alias, given in _items(settings, "DATABASES")]
    found["CACHES"] = [_cache(alias, given) for alias, given in _items(settings, "CACHES")]
    found["STORAGE"] = _storage(settings)
    found["LOG_FILES"] = _log_files(getattr(settings, "LOGGING", None))
    found["IGNORED"] = _ignored(settings)
    for name in ("STATIC_ROOT", "MEDIA_ROOT"):
        found[name] = os.path.abspath(found[name]) if found[name] else ""
    return found


def make_folders(found: Dict[str, Any], inside: Callable[[str], str]) -> List[str]:
    """Make the folders in the tree that SQLite's files are to lie in, which git does not carry when empty."""
    made = []
    for database in found["DATABASES"]:
        is_file = database["engine"].endswith(("sqlite3", "spatialite")) and ":memory:" not in database["name"]
        folder = os.path.dirname(os.path.abspath(database["name"])) if is_file and database["name"] else ""
        if folder and inside(folder) and not os.path.isdir(folder):
            os.makedirs(folder)
            made.append(inside(folder))
    return made


def key_print(key: str, nonce: str) -> str:
    """What is told of a secret key: enough to see whether it is a given one."""
    return hashlib.sha256(f"{nonce}:{key}".encode("utf-8", "surrogateescape")).hexdigest()


def _secret_key(settings: Any, nonce: str) -> Dict[str, Any]:
    """LazySettings refuses an empty key; what it wraps does not."""
    key = getattr(getattr(settings, "_wrapped", settings), "SECRET_KEY", "") or ""
    text = key.decode("latin-1") if isinstance(key, bytes) else str(key)
    return {"empty": not text, "insecure": text.startswith("django-insecure-"), "print": key_print(text, nonce)}


def _items(settings: Any, name: str) -> List[Tuple[str, Dict[str, Any]]]:
    value = getattr(settings, name, None)
    return [(str(key), part) for key, part in value.items() if isinstance(part, dict)] if value else []


def _database(alias: str, given: Dict[str, Any]) -> Dict[str, Any]:
    options = given.get("OPTIONS") or {}
    return {
        "alias": alias,
        "engine": _text(given.get("ENGINE")) or _DUMMY,
        "name": _text(given.get("NAME")),
        "host": _text(given.get("HOST")),
        "port": _text(given.get("PORT")),
        "user": bool(given.get("USER")),
        "options": sorted(str(name) for name in options),
    }


def _cache(alias: str, given: Dict[str, Any]) -> Dict[str, Any]:
    place = given.get("LOCATION", "")
    places = place if isinstance(place, (list, tuple)) else str(place or "").replace(";", ",").split(",")
    return {
        "alias": alias,
        "backend": _text(given.get("BACKEND")),
        "locations": [_without_password(str(part)) for part in places if part],
    }


def _without_password(location: str) -> str:
    scheme, mark, rest = location.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else location


def _storage(settings: Any) -> Dict[str, str]:
    storages = getattr(settings, "STORAGES", None) or {}
    given = storages.get("staticfiles") or {}
    old = getattr(settings, "STATICFILES_STORAGE", "") if not storages else ""
    options = given.get("OPTIONS") or {}
    return {"backend": _text(given.get("BACKEND") or old), "location": _text(options.get("location"))}


def _ignored(settings: Any) -> List[str]:
    """Settings that are given and that this Django no longer reads."""
    try:
        from django import VERSION
    except ImportError:
        return []
    is_given = getattr(settings, "is_overridden", lambda _name: False)
    gone = ("STATICFILES_STORAGE", "DEFAULT_FILE_STORAGE") if VERSION >= (5, 1) else ()
    return [name for name in gone if is_given(name)]


def _log_files(logging: Any) -> List[str]:
    handlers = logging.get("handlers") if isinstance(logging, dict) else None
    files = [given.get("filename") for given in (handlers or {}).values() if isinstance(given, dict)]
    return [os.path.abspath(_text(file)) for file in files if file]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int)) else str(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _texts(value: Any) -> Optional[List[str]]:
    if isinstance(value, str):
        return [value]
    try:
        return [str(part) for part in value or ()]
    except TypeError:
        return None
