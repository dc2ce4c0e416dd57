"""Collect the site's static files into a folder of ours; the tree is not touched."""

import hashlib
import os
import re
import sys
from typing import Any, Dict, Iterator, List, Tuple

_SHAPING = ("STATIC", "WHITENOISE_", "COMPRESS_", "STORAGES", "PIPELINE", "TEMPLATES", "SASS_", "NPM_")
_WHITENOISE = ("whitenoise.middleware.", "servestatic.middleware.")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_MANIFEST = "staticfiles.json"


def redirect(settings: Any, folder: str) -> str:
    """Point STATIC_ROOT, and a location the storage names itself, at `folder`; returns why not, or "".

    Before django.setup: an app may ask the storage for a URL while it is imported.
    """
    if "django.contrib.staticfiles" not in settings.INSTALLED_APPS:
        return "django.contrib.staticfiles is not in INSTALLED_APPS"
    settings.STATIC_ROOT = folder
    storages = getattr(settings, "STORAGES", None) or {}
    options = (storages.get("staticfiles") or {}).get("OPTIONS") or {}
    if "location" in options:
        options["location"] = folder
    return ""


def collect(settings: Any, request: Dict[str, Any], own_root: str) -> Dict[str, Any]:
    """Collect, unless what is there already was made of the same files with the same settings."""
    storage = _storage()
    if storage is None:
        return {"skipped": "static files go to another service, not to a folder", "served_by_site": True}
    found = {"served_by_site": serves_itself(settings), "manifest": hasattr(storage, "manifest_storage")}
    lost = _lost(own_root)
    mark = _fingerprint(settings, storage, request)
    if mark and mark in request.get("known_static", ()):
        return {**found, "fingerprint": mark, "unchanged": True, "lost": []}
    count = _run(settings)
    lost -= set(_sort_manifest(str(request["static_root"])))
    return {**found, "fingerprint": mark, "unchanged": False, "count": count, "lost": sorted(lost)[:5]}


def serves_itself(settings: Any) -> bool:
    """A middleware of the site serves /static/."""
    return any(name.startswith(_WHITENOISE) for name in settings.MIDDLEWARE or ())


def _storage() -> Any:
    """The static files' storage when it writes to this machine, else None."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.files.storage import FileSystemStorage

    staticfiles_storage.url  # noqa: B018  a lazy object: this makes it
    storage = getattr(staticfiles_storage, "_wrapped", staticfiles_storage)
    return storage if isinstance(storage, FileSystemStorage) else None


def _run(settings: Any) -> int:
    from django.core.management import call_command, get_commands, load_command_class

    name = get_commands()["collectstatic"]
    command = name if not isinstance(name, str) else load_command_class(name, "collectstatic")
    call_command(command, interactive=False, verbosity=0)
    if _compresses_offline(settings):
        call_command("compress", force=True, verbosity=0)
    return len(getattr(command, "copied_files", ())) + len(getattr(command, "post_processed_files", ()))


def _compresses_offline(settings: Any) -> bool:
    return "compressor" in settings.INSTALLED_APPS and bool(
        getattr(settings, "COMPRESS_ENABLED", not settings.DEBUG) and getattr(settings, "COMPRESS_OFFLINE", False),
    )


def _fingerprint(settings: Any, storage: Any, request: Dict[str, Any]) -> str:
    """One number for all that decides what is collected: the files, the settings, the packages, the storage.

    The same in any folder: where the tree and the target lie is left out.
    """
    whole = hashlib.sha256(str(request.get("packages", "")).encode())
    for name in sorted(name for name in dir(settings) if name.startswith(_SHAPING) and name != "STATIC_ROOT"):
        whole.update(_anywhere(f"{name}={getattr(settings, name)!r}\n", request))
    modules = [sys.modules.get(name) for name in (type(storage).__module__, settings.SETTINGS_MODULE)]
    code = [("", path) for path in (getattr(module, "__file__", None) for module in modules) if path]
    templates = _templates() if _compresses_offline(settings) else ()
    for path, real in (*_found(), *templates, *code):
        with open(real, "rb") as file:
            whole.update(_anywhere(f"{path}\0", request) + hashlib.sha256(file.read()).digest())
    return whole.hexdigest()


def _anywhere(text: str, request: Dict[str, Any]) -> bytes:
    for folder in (request["static_root"], request.get("tree") or request["root"]):
        text = text.replace(str(folder), "")
    return _ADDRESS.sub("", text).encode("utf-8", "surrogateescape")


def _found() -> Iterator[Tuple[str, str]]:
    from django.contrib.staticfiles.finders import get_finders

    for finder in get_finders():
        for path, storage in finder.list(["CVS", ".*", "*~"]):
            prefix = getattr(storage, "prefix", None)
            yield (os.path.join(prefix, path) if prefix else path), storage.path(path)


def _templates() -> Iterator[Tuple[str, str]]:
    """What offline compression reads beside the files themselves."""
    from django.template import engines
    from django.template.utils import get_app_template_dirs

    folders = [str(folder) for engine in engines.all() for folder in getattr(engine, "dirs", ())]
    for top in (*folders, *map(str, get_app_template_dirs("templates"))):
        for folder, inner, names in os.walk(top):
            inner.sort()
            yield from ((os.path.join(folder, name), os.path.join(folder, name)) for name in sorted(names))


def _lost(own_root: str) -> "set[str]":
    """Names in a manifest that the repository carries; a new one without them breaks its pages."""
    return set(_read_manifest(own_root).get("paths", ())) if own_root else set()


def _sort_manifest(folder: str) -> List[str]:
    """Django writes it in the order in which the system lists folders: another machine's image would be another one.

    Returns the names in it.
    """
    import json

    content = _read_manifest(folder)
    if content:
        content["paths"] = dict(sorted(content["paths"].items()))
        with open(os.path.join(folder, _MANIFEST), "w", encoding="utf-8") as file:
            json.dump(content, file)
    return list(content.get("paths", ()))


def _read_manifest(folder: str) -> Dict[str, Any]:
    """A manifest of static files; nothing where there is none that is one."""
    import json

    try:
        with open(os.path.join(folder, _MANIFEST), encoding="utf-8") as file:
            content = json.load(file)
        return content if isinstance(content["paths"], dict) else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
