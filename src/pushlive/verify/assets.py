"""Look at the styles, scripts and images that a page names: a page is 200 without most of them."""

import time
from collections.abc import Iterator

from pushlive.model.errors import VerificationError
from pushlive.system import http
from pushlive.system.http import Address, Answer
from pushlive.verify import judge, page
from pushlive.verify.expected import Expected
from pushlive.verify.visit import BEHIND_TLS, PLAIN, Visit, host_header

MAX_ASSETS = 20
MAX_SECONDS = 10.0
_NAMED_AT_MOST = 5


def check(address: Address, visit: Visit, expected: Expected, until: float) -> tuple[str, ...]:
    """Ask for the page's own assets, at most 20; warns of those that are missing.

    Raises VerificationError when one is answered with 5xx.
    """
    if not page.is_html(visit.answer):
        return ()
    named = page.assets(page.read(page.text_of(visit.answer)), visit.place.path, expected.host)[:MAX_ASSETS]
    answers = dict(_answers(address, named, visit, expected, until))
    for path, answer in answers.items():
        _refuse_broken(address, path, answer)
    missing = [path for path, answer in answers.items() if not answer or answer.status >= 400]  # noqa: PLR2004
    if not missing:
        return ()
    some = ", ".join(missing[:_NAMED_AT_MOST]) + (" and others" if len(missing) > _NAMED_AT_MOST else "")
    return (f"{len(missing)} of {len(named)} assets that the page names are missing: {some}",)


def _answers(
    address: Address, paths: tuple[str, ...], visit: Visit, expected: Expected, until: float
) -> Iterator[tuple[str, Answer | None]]:
    until = min(until, time.monotonic() + MAX_SECONDS)
    headers = {**PLAIN, **(BEHIND_TLS if visit.place.https else {}), "Host": host_header(expected.host)}
    for path in paths:
        left = until - time.monotonic()
        try:
            yield path, http.get(address, path, headers=headers, timeout=left, limit=_LIMIT) if left > 0 else None
        except OSError:
            yield path, None


_LIMIT = 16 * 1024


def _refuse_broken(address: Address, path: str, answer: Answer | None) -> None:
    if answer and answer.status >= 500:  # noqa: PLR2004
        raise VerificationError(
            f"{path}, which the page names, answered {answer.status}",
            where=str(address),
            evidence=judge.evidence(answer),
            output=judge.output(answer),
        )
