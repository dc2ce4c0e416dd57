"""Say of one visit whether it is what was expected. Pure.

Trouble that lasts (a wrong page, a refused host) fails at its second sight; trouble that passes by itself (a
connection refused while a replica starts, 503, the old release still answering) waits until the timeout.
"""

import html

from msgspec import Struct

from pushlive.model.errors import VerificationError
from pushlive.system.http import Answer, NotHttpError
from pushlive.verify import page
from pushlive.verify.expected import Expected
from pushlive.verify.visit import Visit

_PASSING = {429, 502, 503, 504}
_BAD_REQUEST = 400
_SERVER_ERROR = 500
_MAX_EVIDENCE = 200
_OTHER_STATUS = "Mend the page, or change [verify] path or status in pushlive.toml."


class Trouble(Struct, frozen=True):
    """Why a visit is not what was expected. `lasts` when looking again soon can't be expected to help."""

    cause: str
    lasts: bool
    remedy: str = ""
    evidence: tuple[str, ...] = ()
    output: str = ""

    def error(self, where: str) -> VerificationError:
        """The error this becomes once there is no more waiting."""
        return VerificationError(
            self.cause, where=where, remedy=self.remedy, evidence=self.evidence, output=self.output
        )


def silence(error: OSError, expected: Expected) -> Trouble:
    """No answer came, or none that is HTTP."""
    if isinstance(error, TimeoutError):
        cause = f"{expected.path} was not answered within {expected.timeout:g} s"
        return Trouble(cause, False, "If the site may take that long, say so: [verify] timeout, in seconds.")
    if isinstance(error, NotHttpError):
        return Trouble(f"what answers does not speak HTTP: {error}", True)
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return Trouble("nothing accepts connections there", False)
    return Trouble(f"the connection failed: {error.strerror or error}", False)


def trouble(visit: Visit, expected: Expected) -> Trouble | None:
    """What is wrong with the visit, the gravest thing alone; None when nothing is."""
    return _wrong_release(visit, expected) or _wrong_status(visit, expected) or _wrong_text(visit, expected)


def warnings(visit: Visit) -> tuple[str, ...]:
    """What a good visit wants said."""
    if not visit.away:
        return ()
    if not visit.place.https:
        return (f"{visit.place.path} redirects to {visit.away}, which was not followed",)
    text = f"{visit.place.path} redirects to {visit.away} even when asked as if over https, so the page behind it"
    return (f"{text} was not seen; SECURE_PROXY_SSL_HEADER would let the site know",)


def _wrong_release(visit: Visit, expected: Expected) -> Trouble | None:
    who = visit.identity
    if who is None and visit.answer.status >= _SERVER_ERROR:
        return None  # a server's own error page has no proof; the status says more
    if who is None:
        cause = "something answers there that is not this site's release: its answer carries no proof"
        return Trouble(cause, True, evidence=evidence(visit.answer))
    if (who.release, who.revision) == (expected.release, expected.revision):
        return None
    cause = f"release {who.release} (revision {who.revision[:7]}) answers there, not {expected.release}"
    return Trouble(f"{cause} (revision {expected.revision[:7]})", False)


def _wrong_status(visit: Visit, expected: Expected) -> Trouble | None:
    status = visit.answer.status
    if expected.status is not None:
        if status == expected.status:
            return None
        cause = f"{_named(visit)} answered {status}, and [verify] wants {expected.status}"
        remedy = "" if status >= _SERVER_ERROR else _OTHER_STATUS
        return _of(visit, cause, lasts=status not in _PASSING, remedy=remedy)
    if status == _BAD_REQUEST:
        cause = f"{_named(visit)} answered 400 to a request for the site's own host {expected.host}"
        return _of(visit, cause, remedy=f"Add {expected.host!r} to ALLOWED_HOSTS in the site's settings.")
    if status >= _SERVER_ERROR:
        return _of(visit, f"{_named(visit)} answered {status}", lasts=status not in _PASSING)
    return None


def _wrong_text(visit: Visit, expected: Expected) -> Trouble | None:
    text = page.text_of(visit.answer)
    if expected.contains in text or expected.contains in html.unescape(text):
        return None
    cause = f"{_named(visit)} answered {visit.answer.status} without the text {expected.contains!r}"
    return _of(visit, cause, remedy="Put the text on the page, or change [verify] contains in pushlive.toml.")


def _of(visit: Visit, cause: str, *, lasts: bool = True, remedy: str = "") -> Trouble:
    return Trouble(cause, lasts, remedy, evidence(visit.answer), output(visit.answer))


def evidence(answer: Answer) -> tuple[str, ...]:
    """The status line, and the page's title and exception or its first lines."""
    status = f"HTTP {answer.status} {answer.reason}".rstrip()
    if not page.is_html(answer):
        return (status, *_first_lines(page.text_of(answer)))
    seen = page.read(page.text_of(answer))
    words = tuple(part for part in (seen.title, seen.exception) if part)
    return (status, *(part[:_MAX_EVIDENCE] for part in words)) if words else (status, *_first_lines(seen.text))


def output(answer: Answer) -> str:
    """The body for the diagnosis: the traceback of a debug page, else the page's text."""
    text = page.text_of(answer)
    if not page.is_html(answer):
        return text[: page.MAX_TEXT]
    seen = page.read(text)
    return seen.traceback or "\n".join(part for part in (seen.title, seen.exception, seen.text) if part)


def _first_lines(text: str) -> tuple[str, ...]:
    lines = [line.strip()[:_MAX_EVIDENCE] for line in text.splitlines() if line.strip()]
    return tuple(lines[:2])


def _named(visit: Visit) -> str:
    first, last = visit.way[0].path, visit.place.path
    return first if first == last else f"{last} (where {first} leads)"
