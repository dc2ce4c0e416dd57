"""Ask for the page once, and go where the site itself sends us."""

import time
from collections.abc import Mapping

from msgspec import Struct

from pushlive.model.verification import Probe
from pushlive.system import http
from pushlive.system.http import Address, Answer
from pushlive.verify import page, signature
from pushlive.verify.expected import Expected
from pushlive.verify.signature import Identity

MAX_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
PLAIN: Mapping[str, str] = {"User-Agent": "pushlive", "Accept": "text/html,*/*;q=0.8"}
BEHIND_TLS: Mapping[str, str] = {"X-Forwarded-Proto": "https"}


class Place(Struct, frozen=True):
    """A page of the site, asked for as if over https (as a proxy that ends TLS would) or plainly."""

    path: str
    https: bool = False


class Visit(Struct, frozen=True):
    """The way to a page and its last answer.

    `identity` is who proved the first answer. `away` is a redirect that was not followed: to another host, or in a
    circle.
    """

    way: tuple[Place, ...]
    answer: Answer
    identity: Identity | None
    away: str = ""

    @property
    def place(self) -> Place:
        """Where the last answer came from."""
        return self.way[-1]

    def probe(self, address: Address) -> Probe:
        """What is kept of it."""
        who = self.identity or Identity("", "", "")
        return Probe(
            str(address),
            self.place.path,
            self.answer.status,
            self.answer.seconds,
            revision=who.revision,
            release=who.release,
            replica=who.replica,
        )


def visit(address: Address, expected: Expected, until: float) -> Visit:
    """Ask for the expected page, signed, and follow the site's redirects. Raises OSError. `until` is monotonic time."""
    way = [Place(page.quoted(expected.path))]
    answer, identity = _ask(address, way[0], expected, until)
    for _ in range(MAX_REDIRECTS):
        target = None if answer.status == expected.status else _target(answer, way[-1], expected.host)
        if target is None:
            return Visit(tuple(way), answer, identity)
        if not target.path or target in way:
            return Visit(tuple(way), answer, identity, away=answer.headers["location"])
        way.append(target)
        answer, _ = _ask(address, target, expected, until)
    return Visit(tuple(way), answer, identity)


def host_header(host: str) -> str:
    """A host name as requests carry it: an international one in its ASCII form."""
    return host if host.isascii() else host.encode("idna").decode()


def _target(answer: Answer, here: Place, host: str) -> Place | None:
    """Where the answer sends us; a place without a path for another host; None when it sends us nowhere."""
    if answer.status not in REDIRECTS or "location" not in answer.headers:
        return None
    scheme = "https" if here.https else "http"
    url = page.urljoin_safe(f"{scheme}://{host}{here.path}", answer.headers["location"])
    return Place(page.on_this_host(url, host), https=here.https or url.startswith("https:"))


def _ask(address: Address, place: Place, expected: Expected, until: float) -> tuple[Answer, Identity | None]:
    nonce = signature.fresh_nonce()
    headers = {
        **PLAIN,
        **(BEHIND_TLS if place.https else {}),
        "Host": host_header(expected.host),
        signature.PROBE: signature.question(nonce, expected.key),
    }
    answer = http.get(address, place.path, headers=headers, timeout=max(until - time.monotonic(), 0.01))
    return answer, signature.proven(answer.headers, nonce, expected.key)
