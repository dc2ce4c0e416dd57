"""What a builder of Dockerfiles printed when it failed: at which instruction, and why a push was refused. Pure."""

import re
from collections.abc import Iterator

from msgspec import Struct

LINES = 5
"""How many lines are shown of what a builder printed."""

_WIDTH = 160

_STEPS = (
    r'^Error: building at STEP "(?P<step>.*?)"?: ',  # Buildah
    r"^ > \[[^\]]*\] (?P<step>.*?):?$",  # BuildKit
    r"^Step \d+/\d+ : (?P<step>.*)$",  # Docker without BuildKit
    r"^(?:\[[^\]]*\] )?STEP \d+/\d+: (?P<step>.*)$",
)
_LINE = (r"^\S+:(\d+)\n-{20}$", r"parse error(?: on)? line (\d+)")
_NOISE = re.compile(
    r"-+$|Error: exit status \d+$|time=\S+ level=warning|Sending build context|\[Warning\]"
    r"|#\d+ (?:sha256:|DONE|CACHED|transferring|\[)| *\d+ \|(?: |$)|\S+:\d+$|Getting image|Copying |Storing |Writing "
    r"|The push refers|[0-9a-f]{12}: | ?--->|--> |DEPRECATED: |\t?$"
)
_AT_PUSH = re.compile(r"failed to push|pushing (?:layers|manifest)[^\n]*\n(?:[^\n]*\n)*?[^\n]*ERROR: ", re.IGNORECASE)


class Refusal(Struct, frozen=True):
    """Why a push came to nothing. `remedy` has places for the registry's `host` and the `builder`."""

    code: str
    cause: str
    remedy: str


_LOGIN = Refusal(
    "unauthorized",
    "the registry {host} wants a login",
    "Sign in with `docker login {host}`, or look whether the login may push there: {builder} reads the same file.",
)
_REFUSALS = (
    (
        r"server gave HTTP response to HTTPS client",
        Refusal(
            "plain-http",
            "the registry {host} speaks plain HTTP",
            "Say --insecure; the Docker daemon wants it among the insecure-registries of its daemon.json instead.",
        ),
    ),
    (
        r"x509: |certificate (?:signed by|has expired|is not)",
        Refusal(
            "untrusted",
            "the certificate of {host} is not trusted by {builder}",
            "Put the authority's certificate at /etc/docker/certs.d/{host}/ca.crt.",
        ),
    ),
    (r"(?i)unauthorized|no basic auth credentials|authentication required|\b401\b", _LOGIN),
    (
        r"(?i)\bdenied\b|forbidden|insufficient.scope|\b403\b",
        Refusal(
            "denied",
            "the registry {host} denies the push",
            "The login may not do this: ask the registry's owner for the right to push there.",
        ),
    ),
    (
        r"connection refused|no such host|i/o timeout|network is unreachable|connection reset|no route to host",
        Refusal(
            "registry-unreachable",
            "the registry {host} cannot be reached",
            "Look at its name and at the network, and run it again.",
        ),
    ),
)
_OTHERWISE = Refusal("push-refused", "the registry {host} refuses the push", "Look at what it says, and run it again.")


def step(output: str) -> str:
    """The instruction that failed, as the builder writes it; "" when it is not told."""
    for pattern in _STEPS:
        if found := re.findall(pattern, output, re.MULTILINE):
            return str(found[-1]).strip()
    return ""


def line(output: str, dockerfile: str) -> int | None:
    """The line of the instruction that failed, in a Dockerfile's text; None where that is not certain."""
    for pattern in _LINE:
        if found := re.search(pattern, output, re.MULTILINE):
            return int(found[1])
    failed = _plain(step(output))
    known = [(number, f"{_plain(text)} ") for number, text in _instructions(dockerfile)]
    same = [number for number, text in known if failed and text.startswith(f"{failed} ")]
    return same[0] if len(same) == 1 else None


def evidence(output: str) -> tuple[str, ...]:
    """The lines that show it: the instruction, and the end of what was printed."""
    told = [text.rstrip() for text in output.splitlines() if not _NOISE.match(text)]
    first = step(output)
    last = [text for text in dict.fromkeys(told[-LINES:]) if not re.fullmatch(r" > \[[^\]]*\] .*", text)]
    shown = any(first in text for text in last)
    return tuple(([first] if first and not shown else []) + last)


def unable(output: str) -> bool:
    """Whether Docker as it is set up here cannot do what was asked, whatever the Dockerfile says."""
    return bool(re.search(r"not supported for the docker driver|buildx component is missing", output))


def at_push(output: str) -> bool:
    """Whether a builder that does both had built, and could not push."""
    return bool(_AT_PUSH.search(output))


def last_words(output: str) -> tuple[str, ...]:
    """What was said of a push that was refused; of a long line its end, for Go's errors end with their cause."""
    told = evidence(output)[-1:]
    return tuple(text if len(text) <= _WIDTH else f"…{text[-_WIDTH:]}" for text in told)


def refusal(output: str) -> Refusal:
    """Why a push came to nothing."""
    return next((found for pattern, found in _REFUSALS if re.search(pattern, output)), _OTHERWISE)


def _instructions(dockerfile: str) -> Iterator[tuple[int, str]]:
    """Each instruction with the number of its first line; lines that are continued are joined."""
    begun, parts = 0, list[str]()
    for number, text in enumerate(dockerfile.splitlines(), 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        begun = begun if parts else number
        parts.append(text.rstrip().removesuffix("\\"))
        if not text.rstrip().endswith("\\"):
            yield begun, " ".join(parts)
            parts = []


def _plain(text: str) -> str:
    """Whitespace and quotes aside, which builders write in ways of their own."""
    return " ".join(text.replace('"', "").split())
