"""Whose modules win: the server's own come from the server layer, all others from the site."""

from __future__ import annotations

import os
import site
import sys

OURS = frozenset({"gunicorn", "pushlive_runtime"})
"""Packages that stay loaded from the server layer. Sites do not import them; they import from themselves late."""


def prefer_site(layer: str, *root: str) -> None:
    """Put `root`, the site's folder, first and the server layer last, and forget what was borrowed from the layer.

    Call it once everything the server needs is imported. A library that both have (whitenoise, packaging) is then
    imported again by the site, in the site's own version, while the server keeps the module objects it holds.
    """
    add_packages(os.path.join(os.path.dirname(layer), "packages"))
    moved = {os.path.realpath(entry) for entry in (layer, *root)}
    rest = [entry for entry in sys.path if os.path.realpath(entry) not in moved]
    forget(os.path.realpath(layer))
    sys.path[:] = [*root, *rest, layer]


def add_packages(folder: str) -> None:
    """Make the dependency layer importable, with its .pth files, unless the interpreter did it already."""
    known = {os.path.realpath(entry) for entry in sys.path}
    if os.path.isdir(folder) and os.path.realpath(folder) not in known:
        site.addsitedir(folder)


def forget(layer: str) -> None:
    """Drop the modules below `layer` that are not OURS, so that the next import finds the site's."""
    inside = layer + os.sep
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None) or ""
        if name.partition(".")[0] not in OURS and os.path.realpath(origin).startswith(inside):
            del sys.modules[name]
