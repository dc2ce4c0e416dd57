"""Something of a secret's shape in its place, for a process that need not know it. Pure."""

import json
import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

_WORDS = {"true", "false", "yes", "no", "on", "off", "none", "null", "0", "1", ""}


def placeholder(value: str) -> str:
    """A value that parses as `value` does and tells nothing of it but its form.

    A URL keeps its scheme, host, port and path, and loses user, password and query; JSON keeps its keys; a PEM block
    its first and last line; anything else keeps its length and punctuation.
    """
    if value.lower() in _WORDS:
        return value
    if "://" in value:
        return _url(value)
    if value.startswith(("{", "[")):
        return _document(value)
    return "\n".join(line if line.startswith("-----") else _letters(line) for line in value.split("\n"))


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        place = _place(parts)
    except ValueError:
        return _letters(value)
    user = "user:password@" if parts.username or parts.password else ""
    return f"{parts.scheme}://{user}{place}{parts.path}"


def _place(parts: SplitResult) -> str:
    host = parts.hostname or ""
    bare = f"[{host}]" if ":" in host else host
    return f"{bare}:{parts.port}" if parts.port else bare


def _document(value: str) -> str:
    try:
        return json.dumps(_leaves(json.loads(value)))
    except ValueError:
        return _letters(value)


def _leaves(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _leaves(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_leaves(part) for part in value]
    return placeholder(value) if isinstance(value, str) else value


def _letters(value: str) -> str:
    return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "0", value))
