"""The Python of a base image, for which packages are installed by one of this machine's."""

import os
import re

from pushlive.config.site import PythonWish
from pushlive.image import interpreter
from pushlive.image.base_facts import Facts
from pushlive.image.survey import Interpreter
from pushlive.model.errors import BuildError
from pushlive.model.image import Platform

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""The processors for which uv installs from afar, by Go's names and by uname(1)'s."""

_MANYLINUX = (17, 28, *range(31, 41))
"""The glibc versions 2.N for which uv has a name (uv pip install --help, --python-platform)."""


_PATCHES = range(1, 100)
"""A base tells its Python's minor version alone: any patch of it may be meant."""

_LACKING = re.compile(
    r"Wheels are (?:required|available) for `([A-Za-z0-9][\w.-]*)`"
    r"|\(\S*?([A-Za-z0-9][\w.]*)-[^\s/]*\.whl\) dependency is incompatible with the current platform"
)
"""How uv names a package that comes without a wheel, with others alone, or as a file that is for another platform."""


class Elsewhere(Interpreter, frozen=True, kw_only=True):
    """A Python on another platform, or of another version than any here.

    `path` is of one that is here, and `here` its minor version; all else tells of the one in the base image.
    """

    on: str
    uv_platform: str
    here: str

    @property
    def machine(self) -> str:
        """The processor of the target."""
        return self.on

    @property
    def target(self) -> tuple[str, ...]:
        """Uv's names of the target."""
        return ("--python-platform", self.uv_platform, "--python-version", self.minor)

    @property
    def compiles(self) -> bool:
        """Bytecode is the same on all processors, and differs with the minor version."""
        return self.here == self.minor


def require_python(wish: PythonWish, facts: Facts, *, image: str) -> None:
    """Raise BuildError when no patch of the Python in the base called `image` is one that the site asks for."""
    if not wish.specifier:
        return
    wanted = interpreter.specifiers(wish)
    if any(f"{facts.version}.{patch}" in wanted for patch in (0, *_PATCHES)):
        return
    raise BuildError(
        f"the site asks for Python {wish.specifier}, and the base image {image} has {facts.version}",
        where=wish.origin,
        remedy="Name a base with such a Python, [build] base in pushlive.toml or --base, or ask for another Python.",
        code="python-mismatch",
    )


def on_base(python: Interpreter, facts: Facts, platform: Platform) -> Interpreter:
    """The Python of a base image: `python` itself where what is installed for it runs there too, else an Elsewhere.

    Raises BuildError for a processor or a C library that packages cannot be installed for from here.
    """
    machine = _MACHINES.get(platform.architecture, "")
    if machine == os.uname().machine and facts.version == python.minor and _glibc(python) <= facts.glibc:
        return python
    target = _uv_platform(machine, facts, platform)
    return Elsewhere(
        path=python.path,
        version=f"{facts.version}.0",
        platform=f"cpython-{facts.version.replace('.', '')} {target}",
        prefix=python.prefix,
        on=machine,
        uv_platform=target,
        here=python.minor,
    )


def no_wheel(output: str, python: Interpreter) -> BuildError:
    """The error for a package that would have to be built for a Python that is not here."""
    names = " and ".join(sorted({match[1] or match[2] for match in _LACKING.finditer(output)})) or "some package"
    return BuildError(
        f"{names} has no wheel for Python {python.minor} on {python.platform.split()[1]}",
        where="[build] base",
        evidence=[line.strip() for line in output.splitlines() if line.strip()][-4:],
        remedy="Sources are built for this machine's own Python only. Require a version that has a wheel, or name a "
        "base with this machine's Python and C library.",
        output=output,
        code="no-wheel",
    )


def _glibc(python: Interpreter) -> tuple[int, ...]:
    """The glibc a local Python runs on; one that none is older than, where it is another library."""
    _, _, version = python.platform.partition("glibc ")
    return tuple(int(part) for part in version.split(".")) if version else (99,)


def _uv_platform(machine: str, facts: Facts, platform: Platform) -> str:
    if not machine:
        raise BuildError(f"packages cannot be installed for {platform}", remedy="Build for linux/amd64 or linux/arm64.")
    if facts.libc == "musl":
        return f"{machine}-unknown-linux-musl"
    fitting = [minor for minor in _MANYLINUX if (2, minor) <= facts.glibc]
    if not fitting:
        raise BuildError(
            f"the base image's glibc {facts.libc_version} is older than any that packages are made for",
            where="[build] base",
            remedy="Name a newer one: `python:3.13-slim`.",
        )
    return f"{machine}-manylinux_2_{fitting[-1]}"
