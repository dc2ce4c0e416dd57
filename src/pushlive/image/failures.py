"""What uv said, as one cause with its remedy."""

import re
from collections.abc import Callable, Iterable

from msgspec import Struct

from pushlive.model.errors import BuildError, MachineError, PushliveError


class NeedsPythonError(BuildError):
    """A package does not run on this Python. `specifier` says which would do (`>=3.12`), `package` who asks."""

    def __init__(self, package: str, specifier: str, version: str, output: str = "") -> None:
        super().__init__(
            f"{package} needs Python {specifier}, and the site has {version}",
            where=package,
            remedy=f'Write `python = "{specifier}"` under [build], or pin an older {package}.',
            output=output,
        )
        self.package = package
        self.specifier = specifier


class _Case(Struct, frozen=True):
    """What uv prints (an expression, compiled when something failed) and its error; its groups fill in the words."""

    pattern: str
    cause: str
    remedy: str
    error: Callable[..., PushliveError] = BuildError


_NAME = r"(?P<name>[A-Za-z0-9][\w.-]*)"
_PIN = r"(?P<name>[A-Za-z0-9][\w.\[\],-]*(?:[=<>~!][^\s,]*)?)"

_HEADERS = {
    "libpq-fe.h": "libpq-dev",
    "pg_config": "libpq-dev",
    "mysql_config": "default-libmysqlclient-dev",
    "mysql.h": "default-libmysqlclient-dev",
    "Python.h": "python3-dev",
    "ffi.h": "libffi-dev",
    "openssl/": "libssl-dev",
    "jpeglib.h": "libjpeg-dev",
    "jpeg": "libjpeg-dev",
    "zlib": "zlib1g-dev",
    "libxml/": "libxml2-dev libxslt1-dev",
    "libxml2": "libxml2-dev libxslt1-dev",
    "xmlsec1": "libxmlsec1-dev",
    "lber.h": "libldap2-dev libsasl2-dev",
    "sasl/": "libsasl2-dev",
    "cairo": "libcairo2-dev",
    "gdal": "libgdal-dev",
    "geos": "libgeos-dev",
    "magic.h": "libmagic-dev",
    "pcre.h": "libpcre3-dev",
    "gcc": "build-essential",
    "g++": "build-essential",
    "cc": "build-essential",
    "rustc": "rustc cargo",
    "cargo": "rustc cargo",
    "cmake": "cmake",
    "pkg-config": "pkg-config",
    "git": "git",
}
_MISSING = (
    r"fatal error: (?P<header>[\w./+-]+\.h(?:pp)?): No such file"
    r"|(?P<program>pg_config|mysql_config|pkg-config|xmlsec1)(?: executable not found|: not found| is not available)"
    r"|command '?(?P<compiler>[\w+./-]+?)'? failed: No such file"
    r"|(?:headers or library files could not be found for|library) (?P<library>jpeg|zlib|libxml2)"
    r"|Package '?(?P<package>[\w.+-]+)'?,? (?:was )?not found in the pkg-config"
    r"|(?P<tool>Rust compiler|cargo|rustc|cmake|CMake)[^\n]*(?:not found|not installed|can't find)"
)

_CASES = (
    _Case(
        rf"Because {_NAME} was not found in the (?:package registry|provided package locations)",
        "the requirement {name} does not exist in the package index",
        "Mend its name, or remove it.",
    ),
    _Case(
        rf"there is no version of {_PIN}",
        "the requirement {name} has no such version in the package index",
        "Pin a version that exists.",
    ),
    _Case(
        r"Hash mismatch for `(?P<name>[^`]+)`",
        "{name} is not the file that the lock names: its hash differs",
        "Lock again if the package was published anew; if it was not, do not trust this index.",
    ),
    _Case(
        r"all requirements must have a hash, but none were provided for: (?P<name>\S+)",
        "{name} has no hash while other requirements do",
        "Give every requirement a hash (`uv pip compile --generate-hashes`), or none.",
    ),
    _Case(
        rf"Because {_PIN} has no wheels with a matching (?P<what>[\w ]+?) tag",
        "{name} has no wheel for this Python or platform",
        "Pin a version that has one, or choose another Python by `python` under [build].",
    ),
    _Case(
        rf"{_PIN} has no (?:usable wheels|source distribution)",
        "{name} has no wheel that this machine can use, nor a source to build one from",
        "Pin a version that has one.",
    ),
    _Case(
        r"Couldn't parse requirement[^\n]*\n(?:\s*cause: [^\n]*\n)?\s*(?P<name>[^\n]+)",
        "the line {name!r} is not a requirement",
        "Mend that line of the requirements.",
    ),
    _Case(
        r"No space left on device|Disk quota exceeded",
        "no space left on the disk while packages were installed",
        "Free some space and run it again.",
        MachineError,
    ),
    _Case(
        (
            r"Failed to fetch: `?(?P<name>\S+?)`?\n(?:[^\n]*\n)*?"
            r"[^\n]*(?:Connect|dns error|timed out|TLS|certificate)"
        ),
        "the package index cannot be reached: {name}",
        "Look at the network, or at the index that the requirements name (-i, --index-url).",
        MachineError,
    ),
    _Case(
        r"Because (?P<name>[^\n]+?), we can conclude",
        "the requirements contradict each other: {name}",
        "Loosen one of them.",
    ),
)
_GIT = (
    _Case(
        r"Git operation failed(?:[^\n]*\n)*?[^\n]*(?:unable to access|repository) '(?P<name>[^']+)'",
        "the git repository {name} of a requirement cannot be read",
        "Look at the address; a private one wants credentials on this machine.",
    ),
    _Case(
        r"Git executable not found|git: not found",
        "a requirement comes from a git address, and git is not installed",
        "Install git.",
        MachineError,
    ),
)
_PYTHONS = (
    (
        r"does not satisfy Python(?P<specifier>[<>=!~\d.,]+)[^\n]*?"
        r"and (?P<name>[A-Za-z0-9][\w.-]*(?:[=<>~!][^\s,]*)?) depends on"
    ),
    r"Because (?P<name>[A-Za-z0-9][\w.-]*\S*) requires Python (?P<specifier>[<>=!~\d.,]+\d)",
)
_BUILD = r"Failed to (?:build|download and build) `(?P<name>[^`]+)`"


def explain(output: str, python: str = "") -> PushliveError:
    """The error for what uv printed when it failed for the Python of version `python`."""
    for pattern in _PYTHONS:
        if match := re.search(pattern, output):
            return NeedsPythonError(match["name"], match["specifier"], python, output)
    found = _first(_GIT, output) or _not_built(output) or _first(_CASES, output)
    return found or BuildError("the site's packages cannot be installed", evidence=_evidence(output), output=output)


def _first(cases: Iterable[_Case], output: str) -> PushliveError | None:
    for case in cases:
        if match := re.search(case.pattern, output):
            cause = case.cause.format(**{"name": "", **match.groupdict()})
            return case.error(cause, remedy=case.remedy, evidence=_evidence(output), output=output)
    return None


def wants_builds(output: str) -> bool:
    """It failed for want of a wheel alone, so that building from source may help."""
    return "--no-build" in output or "is disabled" in output or "has no wheels with" in output


def old_setuptools(output: str) -> str:
    """The constraint on setuptools that an old source needs to be built, "" when that is not the trouble."""
    if "use_2to3 is invalid" in output:
        return "setuptools<58"
    return "setuptools<81" if "No module named 'pkg_resources'" in output else ""


def _not_built(output: str) -> BuildError | None:
    built = re.search(_BUILD, output)
    if not built:
        return None
    name, missing = built["name"], re.search(_MISSING, output)
    cause = f"{name} has no wheel for this Python and cannot be built from its source"
    remedy = f"Pin a version that has a wheel{_wheel_hint(name)}, or another Python by `python` under [build]."
    if not missing:
        return BuildError(cause, where=name, remedy=remedy, evidence=_evidence(output), output=output)
    thing = next(text for text in missing.groups() if text)
    needed = next((package for part, package in _HEADERS.items() if part in thing), "")
    how = f"Install it (`apt-get install {needed}`)" if needed else "Install the package it comes from"
    return BuildError(
        f"{cause}: {thing} is missing",
        where=name,
        remedy=f"{how}, or pin a version that has a wheel{_wheel_hint(name)}.",
        evidence=(missing[0],),
        output=output,
    )


def _wheel_hint(name: str) -> str:
    return " (psycopg2-binary has)" if name.startswith("psycopg2=") else ""


def _evidence(output: str) -> tuple[str, ...]:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(error|cause|hint|\w*Error|\w*Exception)\b", line)]
    return tuple((errors or lines)[-3:])
