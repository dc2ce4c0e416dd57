"""What a page says: its title, its text, the assets it names, the exception on a debug page of Django's. Pure."""

import re
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

from msgspec import Struct

from pushlive.system.http import Answer

MAX_TEXT = 20_000
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_BLANK = re.compile(r"\s*\n\s*")
_SAFE = "/?%:@!$&'()*+,;=~-._[]"
_SILENT = {"style", "script", "template", "noscript"}
_ICONS_AND_STYLES = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "apple-touch-icon"}


class Page(Struct, frozen=True):
    """An HTML page, read. `links` are its assets as they are written; `exception` and `traceback` are Django's."""

    title: str
    text: str
    links: tuple[str, ...]
    base: str
    exception: str
    traceback: str


def text_of(answer: Answer) -> str:
    """The body as text, in the character set that its Content-Type names."""
    found = _CHARSET.search(answer.headers.get("content-type", ""))
    try:
        return answer.body.decode(found[1] if found else "utf-8", errors="replace")
    except (LookupError, UnicodeError):
        return answer.body.decode(errors="replace")


def is_html(answer: Answer) -> bool:
    """The answer says that it is HTML, or looks like it."""
    kind = answer.headers.get("content-type", "")
    return "html" in kind or (not kind and answer.body.lstrip()[:1] == b"<")


def read(text: str) -> Page:
    """Read a page; broken HTML gives what could be read of it."""
    reader = _Reader()
    with suppress(AssertionError):  # HTMLParser's word for a marked section that it does not know: <![if]>
        reader.feed(text)
        reader.close()
    return Page(
        title=" ".join("".join(reader.title).split()),
        text=_BLANK.sub("\n", "".join(reader.text)).strip()[:MAX_TEXT],
        links=tuple(dict.fromkeys(reader.links)),
        base=reader.base,
        exception=" ".join("".join(reader.exception).split()),
        traceback="".join(reader.traceback).strip()[:MAX_TEXT],
    )


def assets(page: Page, path: str, host: str) -> tuple[str, ...]:
    """The paths, on this host, of the assets that the page at `path` names; those on other hosts are left out."""
    here = urljoin(f"http://{host}{path}", page.base)
    return tuple(dict.fromkeys(place for link in page.links if (place := on_this_host(urljoin_safe(here, link), host))))


def on_this_host(url: str, host: str) -> str:
    """The path and query to ask for, or nothing when `url` is on another host or no HTTP at all."""
    try:
        parts = urlsplit(url)
        same = parts.scheme in {"http", "https"} and parts.hostname == urlsplit(f"http://{host}").hostname
    except ValueError:
        return ""
    path = parts.path or "/"
    return quoted(f"{path}?{parts.query}" if parts.query else path) if same else ""


def quoted(path: str) -> str:
    """A path with its query, with everything quoted that a request can't carry."""
    return quote(path, safe=_SAFE)


def urljoin_safe(base: str, link: str) -> str:
    """`link` as seen from `base`; nothing when it is no URL."""
    try:
        return urljoin(base, link.strip())
    except ValueError:
        return ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.exception: list[str] = []
        self.traceback: list[str] = []
        self.base = ""
        self._into: list[str] | None = self.text
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and not self.base:
            self.base = given.get("href", "")
        if link := _asset(tag, given):
            self.links.append(link)
        self._choose(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._tag:
            self._into, self._tag = self.text, ""
        self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)

    def _choose(self, tag: str, given: dict[str, str]) -> None:
        into = self._place(tag, given)
        if into is not self.text:
            self._into, self._tag = into, tag

    def _place(self, tag: str, given: dict[str, str]) -> list[str] | None:
        if tag == "title":
            return self.title
        if tag == "pre" and "exception_value" in given.get("class", ""):
            return self.exception
        if tag == "textarea" and given.get("id") == "traceback_area":
            return self.traceback
        return None if tag in _SILENT else self.text


def _asset(tag: str, given: dict[str, str]) -> str:
    if tag in {"script", "img"}:
        return given.get("src", "")
    if tag == "link" and _ICONS_AND_STYLES & set(given.get("rel", "").lower().split()):
        return given.get("href", "")
    return ""
