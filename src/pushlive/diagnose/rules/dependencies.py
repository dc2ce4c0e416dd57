"""What uv prints when the requirements cannot be installed."""

import re

from pushlive.diagnose.rule import Decide, Printed
from pushlive.diagnose.symptoms import Symptoms
from pushlive.model.delivery import Diagnosis

_NAME = r"[A-Za-z0-9][\w.-]*"

HEADERS = {
    "lber.h": "libldap2-dev libsasl2-dev",
    "sasl/sasl.h": "libsasl2-dev",
    "libpq-fe.h": "libpq-dev",
    "Python.h": "python3-dev",
    "mysql.h": "default-libmysqlclient-dev",
    "ffi.h": "libffi-dev",
    "openssl/opensslv.h": "libssl-dev",
    "openssl/ssl.h": "libssl-dev",
    "libxml/xmlversion.h": "libxml2-dev libxslt1-dev",
    "libxml/xpath.h": "libxml2-dev libxslt1-dev",
    "jpeglib.h": "libjpeg-dev",
    "zlib.h": "zlib1g-dev",
    "bzlib.h": "libbz2-dev",
    "sqlite3.h": "libsqlite3-dev",
    "xmlsec/xmlsec.h": "libxmlsec1-dev",
    "cairo.h": "libcairo2-dev",
    "magic.h": "libmagic-dev",
    "krb5.h": "libkrb5-dev",
    "gssapi/gssapi.h": "libkrb5-dev",
    "sql.h": "unixodbc-dev",
    "libmemcached/memcached.h": "libmemcached-dev",
    "geos_c.h": "libgeos-dev",
    "gmp.h": "libgmp-dev",
    "yaml.h": "libyaml-dev",
    "rdkafka.h": "librdkafka-dev",
}
"""A C header -> the Debian packages that have it."""


def bad_line(symptoms: Symptoms) -> Diagnosis | None:
    """A line that is no requirement."""
    found = re.search(r"(?:Couldn't parse requirement in|Unexpected .{1,60}? in) `([^`]+)`", symptoms.flat)
    if found is None:
        return None
    marked = re.search(r"^[^\S\n]*(\S[^\n]*)\n[^\S\n]*\^+[^\S\n]*$", symptoms.text, re.MULTILINE)
    return symptoms.found(
        "requirement-syntax",
        f"{found[1]} has a line that is no requirement" + (f": {marked[1]}" if marked else ""),
        remedy="Correct it: a requirement reads `django==5.2`, with two equal signs.",
        evidence=(symptoms.line(r"no such comparison|[Ee]xpected|Missing|must ") or found[0],),
    )


def missing_header(symptoms: Symptoms) -> Diagnosis | None:
    """The compiler wants a header."""
    found = re.search(r"fatal error: ([\w./-]+\.h): No such file or directory", symptoms.flat)
    if found is None:
        return None
    what = _building(symptoms)
    packages = HEADERS.get(found[1])
    remedy = f"Install it: apt-get install {packages}" if packages else f"Install the package that has {found[1]}"
    return symptoms.found(
        "build-header",
        f"{what} is compiled from source, and the C header {found[1]} is not installed",
        remedy=f"{remedy} (a version of {what} with a wheel for this Python would need neither).",
        evidence=(symptoms.line(r"fatal error: .*\.h"),),
    )


def missing_pkg_config(symptoms: Symptoms) -> Diagnosis | None:
    """A build asks pkg-config, or the like, for a library."""
    if not re.search(r"pkg-config --exists |pkg-config.{1,20} not found|not find valid pkg-config", symptoms.flat):
        return None
    what = _building(symptoms)
    mysql = "mysql" in what.lower() or "mariadb" in what.lower()
    packages = "default-libmysqlclient-dev pkg-config" if mysql else "pkg-config, and the library's -dev package"
    return symptoms.found(
        "build-library",
        f"{what} is compiled from source, and the library it wants is not installed",
        remedy=f"Install it: apt-get install {packages}.",
        evidence=(symptoms.line(r"pkg.config (name|--exists|executable)"),),
    )


def python_too_old(symptoms: Symptoms) -> Diagnosis | None:
    """A requirement wants another Python."""
    found = re.search(
        rf"current Python version \((?P<have>[\d.]+)\) does not satisfy Python(?P<want>[<>=!~,.\d\s*]+?) and "
        rf"(?P<what>{_NAME}(?:[<>=!~]=?[\w.*,<>=!]+)?) depends",
        symptoms.flat,
    )
    if found is None:
        return None
    newest = re.search(r">=\s*(\d+\.\d+)", found["want"])
    python = newest[1] if newest else "..."
    return symptoms.found(
        "python-version",
        f"{found['what']} wants Python{found['want'].strip()}, and the site was given Python {found['have']}",
        remedy=f'Write {python} into .python-version (or [build] python = "{python}" in pushlive.toml), or require '
        f"a version of {found['what'].partition('=')[0].rstrip('<>~!')} that supports Python {found['have']}.",
        evidence=(found[0].strip(),),
    )


def unsatisfiable(symptoms: Symptoms) -> Diagnosis | None:
    """The requirements contradict one another."""
    found = re.search(r"No solution found when resolving dependencies.*?(Because .+?unsatisfiable)", symptoms.flat)
    if found is None:
        return None
    reasons = re.sub(r" (And because|, we can conclude)", r"\n\1", found[1]).splitlines()
    return symptoms.found(
        "requirement-conflict",
        "no versions satisfy all the requirements at once",
        remedy=f"Loosen one of the requirements that contradict each other in {symptoms.context.requirements}.",
        evidence=tuple(reason.strip(" ,") for reason in reasons[:4]),
    )


def build_failed(symptoms: Symptoms) -> Diagnosis | None:
    """A requirement's own build broke off."""
    if "build backend returned an error" not in symptoms.flat and "Failed to build" not in symptoms.flat:
        return None
    what = _building(symptoms)
    ending = symptoms.chain[-1].text if symptoms.chain else symptoms.line(r"\berror\b.*:")
    return symptoms.found(
        "build-failed",
        f"{what} is built from source, and that fails",
        remedy="Require a version of it that has a wheel for this Python, or one that builds with it.",
        evidence=tuple(line for line in (ending,) if line),
    )


def old_setuptools(symptoms: Symptoms) -> Diagnosis | None:
    """A build uses what setuptools no longer has."""
    if "No module named 'pkg_resources'" not in symptoms.flat or "build backend" not in symptoms.flat:
        return None
    what = _building(symptoms)
    return symptoms.found(
        "build-setuptools",
        f"{what} is built with pkg_resources, which setuptools has no more since version 81",
        remedy=f"Require a newer version of it in {symptoms.context.requirements}.",
        evidence=("ModuleNotFoundError: No module named 'pkg_resources'",),
    )


def _building(symptoms: Symptoms) -> str:
    found = re.search(rf"(?:Failed to build|for|building) `({_NAME})(?:[@=]=?[\w.+-]*)?(?: @ [^`]*)?`", symptoms.flat)
    return found[1] if found else "a requirement"


RULES: tuple[Decide, ...] = (
    Printed(
        "requirement-missing",
        rf"Because (?P<name>{_NAME}) was not found in the package registry",
        "there is no package named {name}",
        "Correct or remove {name} in {requirements}; if it is a private one, name its index there.",
    ),
    Printed(
        "requirement-version",
        rf"there is no version of (?P<name>{_NAME}(?:\[[\w,.-]+\])?)(?P<version>[=<>~!]=?[\w.*+!-]+)",
        "there is no version {version} of {name}",
        "Correct the version of {name} in {requirements}.",
    ),
    python_too_old,
    Printed(
        "no-wheel",
        rf"Because (?:all versions of )?(?P<name>{_NAME})(?P<version>==[\w.]+)? (?:has|have) no "
        r"(?:usable wheels|wheels with a matching [\w ]+)",
        "{name}{version} has no wheel for this Python and platform",
        "Require a version of {name} that has one, or another Python: .python-version.",
    ),
    unsatisfiable,
    Printed(
        "hash-mismatch",
        rf"Hash mismatch for `(?P<what>{_NAME}[^`]*)`",
        "{what} is not the file that {requirements} was locked with: its hash differs",
        "If you trust the new file, lock again and commit {requirements}; if not, find out who changed it.",
    ),
    Printed(
        "hash-missing",
        r"In `--require-hashes` mode, all requirements must have a hash, but none were provided for: (?P<what>\S+)",
        "some requirements are locked with a hash and {what} is not",
        "Lock all of {requirements} with hashes (`uv pip compile --generate-hashes`), or none of it.",
    ),
    bad_line,
    Printed(
        "requirement-file",
        r"Error parsing included file in `(?P<file>[^`]+)`.*?failed to read from file `(?P<path>[^`]+)`",
        "{file} includes a file that is not in the repository",
        "Commit the file, or take its `-r` line out of {file}.",
        shown=r"failed to read from file",
    ),
    Printed(
        "requirement-git",
        r"Git operation failed.*?'?(?P<url>(?:https?|ssh|git)://[^\s'`]+)",
        "a requirement comes from a git repository that cannot be reached: {url}",
        "See that this machine may reach it, or require a released version instead.",
        shown=r"fatal: ",
    ),
    Printed(
        "index-unreachable",
        r"(?:Failed to fetch|error sending request for url|dns error)[:\s(`]*(?P<url>https?://[^\s)`]+)?",
        "the package index cannot be reached",
        "See that this machine has a network, and that an index named in {requirements} (`-i`) still exists.",
        shown=r"Failed to fetch|dns error",
    ),
    missing_header,
    Printed(
        "build-pg-config",
        r"pg_config executable not found",
        "psycopg2 is compiled from source, and PostgreSQL's development files are not installed",
        "Install them: apt-get install libpq-dev gcc. Or require psycopg2-binary or psycopg[binary] in {requirements}.",
    ),
    missing_pkg_config,
    Printed(
        "build-compiler",
        r"command '[\w./+-]*(?:gcc|cc|g\+\+|clang|rustc|cargo)' (?:failed: No such file|"
        r"not found)|unable to execute '[\w+-]+': No such file|Unknown compiler",
        "a requirement is compiled from source, and there is no compiler",
        "Install one: apt-get install build-essential. A version with a wheel for this Python would need none.",
    ),
    Printed(
        "build-setuptools",
        rf"error in (?P<name>{_NAME}) setup command: use_2to3 is invalid",
        "{name} is too old for today's setuptools: it still wants to be translated from Python 2",
        "Require a newer version of {name} in {requirements}, or its successor.",
    ),
    old_setuptools,
    build_failed,
)
