"""What uv prints when a requirement that has no wheel cannot be built from its source."""

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
    "pcre.h": "libpcre3-dev",
    "rdkafka.h": "librdkafka-dev",
}
"""A C header -> the Debian packages that have it."""


_OTHERS = {
    "mysql_config": "default-libmysqlclient-dev",
    "xmlsec1": "libxmlsec1-dev",
    "jpeg": "libjpeg-dev",
    "zlib": "zlib1g-dev",
    "libxml2": "libxml2-dev libxslt1-dev",
    "cairo": "libcairo2-dev",
    "gdal": "libgdal-dev",
    "geos": "libgeos-dev",
    "rust": "rustc cargo",
    "cargo": "rustc cargo",
    "cmake": "cmake",
    "pkg-config": "pkg-config",
}
"""A part of the name of a program or a library -> the Debian packages that have it."""

_MISSING = re.compile(
    r"(?P<program>mysql_config|pkg-config|xmlsec1)(?: executable not found|: not found| is not available)"
    r"|headers or library files could not be found for (?P<library>[\w-]+)"
    r"|Package '?(?P<package>[\w.+-]+)'?,? (?:was )?not found in the pkg-config"
    r"|(?P<tool>Rust compiler|cargo|rustc|cmake|CMake)\b.{0,60}?(?:not found|not installed|can't find)"
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


def missing_other(symptoms: Symptoms) -> Diagnosis | None:
    """A build looks for a program or a library."""
    found = _MISSING.search(symptoms.flat)
    if found is None or "Failed to" not in symptoms.flat:
        return None
    what, thing = _building(symptoms), next(text for text in found.groups() if text)
    packages = next((packages for part, packages in _OTHERS.items() if part in thing.lower()), "")
    return symptoms.found(
        "build-library",
        f"{what} is compiled from source, and {thing} is not installed",
        remedy=f"Install {f'it: apt-get install {packages}' if packages else f'the package that has {thing}'} "
        f"(a version of {what} with a wheel for this Python would not need it).",
        evidence=(found[0],),
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
    missing_header,
    Printed(
        "build-pg-config",
        r"pg_config executable not found",
        "psycopg2 is compiled from source, and PostgreSQL's development files are not installed",
        "Install them: apt-get install libpq-dev gcc. Or require psycopg2-binary or psycopg[binary] in {requirements}.",
    ),
    missing_pkg_config,
    missing_other,
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
