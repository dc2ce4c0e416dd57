"""What uv said, as far as something is done about it here; its cause is found by `diagnose`, from the output."""

import re

from pushlive.model.errors import MachineError, PackagesError, PushliveError


class NeedsPythonError(PackagesError):
    """A package does not run on this Python. `specifier` says which would do (`>=3.12`), `package` who asks."""

    def __init__(self, package: str, specifier: str, version: str, output: str = "") -> None:
        super().__init__(
            f"{package} wants Python {specifier}, and the site was given Python {version}",
            remedy=f'Write python = "{specifier}" under [build] in pushlive.toml, or require a version of '
            f"{re.split('[<>=~!]', package)[0]} that supports Python {version}.",
            evidence=_evidence(output),
            output=output,
            code="python-version",
        )
        self.package = package
        self.specifier = specifier


_PYTHONS = (
    (
        r"does not satisfy Python(?P<specifier>[<>=!~\d.,]+)[^\n]*?"
        r"and (?P<name>[A-Za-z0-9][\w.-]*(?:[=<>~!][^\s,]*)?) depends on"
    ),
    r"Because (?P<name>[A-Za-z0-9][\w.-]*\S*) requires Python (?P<specifier>[<>=!~\d.,]+\d)",
)
_MACHINES = re.compile(
    r"No space left on device|Disk quota exceeded|Git executable not found|git: not found"
    r"|Failed to fetch: [^\n]*\n(?:[^\n]*\n)*?[^\n]*(?:Connect|dns error|timed out|TLS|certificate)"
)
"""What is no fault of the site's: space, git, a network."""


def explain(output: str, python: str = "") -> PushliveError:
    """The error for what uv printed when it failed for the Python of version `python`."""
    for pattern in _PYTHONS:
        if match := re.search(pattern, output):
            return NeedsPythonError(match["name"], match["specifier"], python, output)
    kind = MachineError if _MACHINES.search(output) else PackagesError
    return kind("the site's packages cannot be installed", output=output)


def wants_builds(output: str) -> bool:
    """It failed for want of a wheel alone, so that building from source may help."""
    return "--no-build" in output or "is disabled" in output or "has no wheels with" in output


def wants_wheels(output: str) -> bool:
    """It failed for want of a wheel for the target, a file that the requirements name among them."""
    return wants_builds(output) or "incompatible with the current platform" in output


def old_setuptools(output: str) -> str:
    """The constraint on setuptools that an old source needs to be built, "" when that is not the trouble."""
    if "use_2to3 is invalid" in output:
        return "setuptools<58"
    return "setuptools<81" if "No module named 'pkg_resources'" in output else ""


def _evidence(output: str) -> tuple[str, ...]:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(error|cause|hint|\w*Error|\w*Exception)\b", line)]
    return tuple((errors or lines)[-3:])
