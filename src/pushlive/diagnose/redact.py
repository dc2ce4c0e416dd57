"""Take secrets and control characters out of text that is to be shown. Pure."""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""A value of fewer characters is left alone: taking every `1` out of a text hides nothing and ruins the text."""

_LONG_LINE = 8
_IN_URL = re.compile(r"(?<=://)([^\s/:@]*):([^\s/@]+)@")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Redactor:
    """Puts `[NAME]` in place of every secret's value, as it stands, base64, URL-encoded, or escaped."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        forms = {form: name for name, value in secrets.items() for form in _forms(value) if len(form) >= SHORTEST}
        self._names = forms
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """The text without any of the values, and without a password in any URL."""
        if self._pattern:
            text = self._pattern.sub(lambda found: f"[{self._names[found[0]]}]", text)
        return _IN_URL.sub(r"\1:[password]@", text)

    def __repr__(self) -> str:
        return f"Redactor({len(set(self._names.values()))} secrets)"


def plain(text: str) -> str:
    """The text without terminal escapes, control characters (but tabs and line ends) and marks of direction."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def _forms(value: str) -> Iterator[str]:
    yield from _spellings(value)
    yield from _base64(value.encode())
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _LONG_LINE)


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield value.strip()
    yield quote(value, safe="")
    yield quote(value)
    yield quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield html.escape(value)
    yield value.encode().hex()


def _base64(value: bytes) -> Iterator[str]:
    """The part of any base64 text that stands for the value, wherever in the encoded bytes the value begins."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value).rstrip(b"=").decode()
        first = 0 if before == 0 else before + 1
        whole = (before + len(value)) * 8 // 6
        core = encoded[first:whole]
        if len(core) >= _LONG_LINE:
            yield core
            yield core.replace("+", "-").replace("/", "_")
