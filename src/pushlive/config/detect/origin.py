"""Where the site's source is kept, for the label of its images: told by the repository, as clones differ."""

import re
from urllib.parse import urlsplit, urlunsplit

from pushlive.config.detect.files import Files, join
from pushlive.config.detect.toml import parse, table, text
from pushlive.config.schema import SiteSection
from pushlive.config.site import FILE, Fact

_LABELS = ("source", "sourcecode", "repository", "github", "code")
"""The labels of [project.urls] that mean it, as PyPI compares them (packaging.python.org, well-known labels)."""

_FILE = "pyproject.toml"


def detect(files: Files, section: SiteSection, *, root: str) -> Fact | None:
    """The URL, without credentials; None where nothing says it."""
    if section.source:
        return Fact("site.source", section.source, FILE)
    for path in dict.fromkeys([join(root, _FILE), _FILE]):
        data = parse(files.text(path))
        told = {_label(name): value for name, value in table(data, "project", "urls").items()}
        wanted = [*(told.get(label) for label in _LABELS), text(data, "tool", "poetry", "repository")]
        if found := next(filter(None, map(_plain, wanted)), ""):
            return Fact("site.source", found, path)
    return None


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _plain(url: object) -> str:
    """The URL without a user and a password; "" for what is none that a browser opens."""
    try:
        parts = urlsplit(str(url or "").strip())
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    fits = parts.scheme in {"http", "https"} and host and str(url).isprintable()
    return urlunsplit(parts._replace(netloc=host)) if fits else ""
