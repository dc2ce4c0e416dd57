"""Something of a secret's shape in its place, for a process that need not know it. Pure."""

import json
import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

_WORDS = {
    *("", "true", "false", "yes", "no", "on", "off", "none", "null"),
    *("critical", "fatal", "error", "warning", "warn", "info", "debug", "notset"),
    *("production", "prod", "staging", "stage", "development", "dev", "local", "test", "testing"),
    *("utc", "gmt"),
}
_ORDINARY = re.compile(
    r"""-?\d{1,5}(\.\d{1,3})?                    # a port, a size, a number of seconds
    | (Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Z][A-Za-z0-9_/+-]{2,30}
    | [a-z]{2}([-_][A-Za-z]{2})?(\.UTF-?8)?      # a language
    | django(\.[A-Za-z_]+)+                      # a backend
    """,
    re.VERBOSE,
)
_TOO_LARGE = 10**300


def is_ordinary(value: str) -> bool:
    """It is a word or a number that anybody would guess, and that settings choose by: no stand-in does for it."""
    return value.lower() in _WORDS or _ORDINARY.fullmatch(value) is not None


def placeholder(value: str) -> str:
    """A value that parses as `value` does and tells little of it but its form.

    A URL keeps its scheme, host, port and path, and loses user, password and query; JSON keeps its keys; a PEM block
    its first and last line. What is ordinary stays as it is. Anything else keeps its length and punctuation.
    """
    if is_ordinary(value):
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
    if isinstance(value, str):
        return placeholder(value)
    return value if is_ordinary(json.dumps(value)) else _number(value)


def _number(value: float) -> float:
    """As long as it was; one that begins with a zero would be none."""
    digits = len(str(abs(int(value)))) if abs(value) < _TOO_LARGE else 1
    return type(value)(10 ** (digits - 1))


def _letters(value: str) -> str:
    return re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "0", value))
