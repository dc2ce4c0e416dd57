"""What a 401 asks for: the challenges of WWW-Authenticate (RFC 9110, section 11.6.1). Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PARAMETER = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?:,|$)')
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?:\s+|$|(?=,))")


class Challenge(Struct, frozen=True):
    """One way in: `scheme` in lower case, the names of its parameters too."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges of an answer's WWW-Authenticate headers, each of which may hold several; nonsense is skipped."""
    return tuple(challenge for header in headers for challenge in _challenges(header))


def _challenges(text: str) -> Iterator[Challenge]:
    place = 0
    while found := _SCHEME.match(text, place):
        parameters, place = _parameters(text, found.end())
        yield Challenge(found[1].lower(), parameters)


def _parameters(text: str, place: int) -> tuple[dict[str, str], int]:
    parameters: dict[str, str] = {}
    while found := _PARAMETER.match(text, place):
        quoted, plain = found[2], found[3]
        parameters[found[1].lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        place = found.end()
    return parameters, place
