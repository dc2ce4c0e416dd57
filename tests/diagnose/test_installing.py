"""What uv prints, from where it is read first to the sentence that the user gets."""

import pytest

from pushlive.diagnose import Context, diagnose
from pushlive.image.failures import explain
from pushlive.model.errors import BuildError

BUILD = "error: Failed to build `{}==1.0`\n  cause: The build backend returned an error\n\n         [stderr]\n         "
FETCH = "error: Request failed\n  cause: Failed to fetch: https://index.example/django/\n  cause: "
HEADER = "fatal error: {}: No such file or directory"

# (what uv prints, the code, words of the cause, words of the remedy)
SAID = [
    (
        BUILD.format("mysqlclient") + "/bin/sh: 1: mysql_config: not found",
        "build-library",
        "mysqlclient is compiled from source, and mysql_config is not installed",
        "default-libmysqlclient-dev",
    ),
    (
        BUILD.format("psycopg2") + "Error: pg_config executable not found.",
        "build-pg-config",
        "psycopg2 is compiled from source",
        "libpq-dev",
    ),
    (BUILD.format("psycopg2") + HEADER.format("libpq-fe.h"), "build-header", "libpq-fe.h", "libpq-dev"),
    (BUILD.format("x") + HEADER.format("Python.h"), "build-header", "Python.h", "python3-dev"),
    (BUILD.format("x") + HEADER.format("made/up.h"), "build-header", "made/up.h", "the package that has made/up.h"),
    (
        BUILD.format("x") + "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
        "build-compiler",
        "there is no compiler",
        "build-essential",
    ),
    (
        BUILD.format("pillow") + "The headers or library files could not be found for jpeg,",
        "build-library",
        "pillow is compiled from source, and jpeg is not installed",
        "libjpeg-dev",
    ),
    (
        BUILD.format("xmlsec") + "pkg-config error: Package 'xmlsec1', not found in the pkg-config search path",
        "build-library",
        "xmlsec1 is not installed",
        "libxmlsec1-dev",
    ),
    (
        BUILD.format("x") + "error: can't find Rust compiler\nRust compiler is not installed",
        "build-library",
        "Rust compiler is not installed",
        "rustc cargo",
    ),
    (BUILD.format("x") + "ZeroDivisionError: division by zero", "build-failed", "x is built from source", "wheel"),
    ("error: Failed to install\n  cause: No space left on device (os error 28)", "disk-full", "disk is full", "Free"),
    (
        "error: Git operation failed\n  cause: Git executable not found. Ensure that Git is installed and available.",
        "git-missing",
        "git is not installed",
        "apt-get install git",
    ),
    (FETCH + "client error (Connect)", "index-unreachable", "cannot be reached", "network"),
    (
        FETCH + "HTTP status client error (401 Unauthorized) for url (https://index.example/django/)",
        "index-refused",
        "answers 401 Unauthorized for https://index.example/django/",
        "may read it",
    ),
    (
        "Because alpha was not found in the provided package locations and you require alpha",
        "requirement-missing",
        "no package named alpha",
        "requirements.txt",
    ),
    ("Because alpha==1.0 has no source distribution and you require it", "no-wheel", "alpha==1.0 has no wheel", "one"),
    (
        "Because the current Python version (3.11.2) does not satisfy Python>=3.12 and django==6.0 depends on x",
        "python-version",
        "django==6.0 wants Python >=3.12, and the site was given Python 3.11.2",
        "a version of django that supports Python 3.11.2",
    ),
    ("error: something new that nobody has seen", "build", "the site's packages cannot be installed", ""),
]


@pytest.mark.parametrize(("output", "code", "cause", "remedy"), SAID)
def test_a_failure_has_one_cause_and_a_remedy(output: str, code: str, cause: str, remedy: str) -> None:
    found = diagnose(explain(output, "3.11.2"), Context())
    assert found.code == code
    assert cause in found.cause
    assert remedy in found.remedy
    assert found.evidence


@pytest.mark.parametrize(
    "output",
    [
        "Failed to fetch `Inter` from Google Fonts.",
        "npm error Failed to build `sharp`",
        "sh: 1: cmake: not found",
        "fatal error: zlib.h: No such file or directory",
    ],
)
def test_a_front_end_is_not_taken_for_a_requirement(output: str) -> None:
    error = BuildError("npm run build ended with 1", remedy="Mend it.", output=output)
    assert diagnose(error, Context()).cause == error.cause
