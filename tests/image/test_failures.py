import pytest

from pushlive.image.failures import NeedsPythonError, explain, old_setuptools, wants_builds
from pushlive.model.errors import BuildError, MachineError

PREFIX = (
    "error: Failed to build `{}==1.0`\n  cause: The build backend returned an error\n\n         [stderr]\n         "
)

GCC = "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory"

# (what uv prints, words of the cause, words of the remedy)
SAID = [
    (
        PREFIX.format("mysqlclient") + "/bin/sh: 1: mysql_config: not found",
        "mysql_config is missing",
        "default-libmysqlclient-dev",
    ),
    (PREFIX.format("psycopg2") + "Error: pg_config executable not found.", "pg_config is missing", "libpq-dev"),
    (
        PREFIX.format("psycopg2") + "fatal error: libpq-fe.h: No such file or directory",
        "libpq-fe.h is missing",
        "psycopg2-binary",
    ),
    (PREFIX.format("x") + "fatal error: Python.h: No such file or directory", "Python.h is missing", "python3-dev"),
    (
        PREFIX.format("x") + GCC,
        "gcc is missing",
        "build-essential",
    ),
    (PREFIX.format("x") + "error: command 'gcc' failed: No such file", "gcc is missing", "build-essential"),
    (
        PREFIX.format("pillow") + "The headers or library files could not be found for jpeg,",
        "jpeg is missing",
        "libjpeg-dev",
    ),
    (
        PREFIX.format("x") + "fatal error: made/up.h: No such file or directory",
        "made/up.h is missing",
        "Install the package it comes from",
    ),
    (
        PREFIX.format("x") + "ZeroDivisionError: division by zero",
        "cannot be built from its source",
        "Pin a version that has a wheel",
    ),
    ("error: Failed to install\n  cause: No space left on device (os error 28)", "no space left", "Free some space"),
    ("error: something new that nobody has seen", "cannot be installed", ""),
]


@pytest.mark.parametrize(("output", "cause", "remedy"), SAID)
def test_a_failure_has_one_cause_and_a_remedy(output, cause, remedy):
    error = explain(output)
    assert cause in error.cause
    assert remedy in error.remedy
    assert error.output == output
    assert isinstance(error, BuildError | MachineError)


@pytest.mark.parametrize(
    ("output", "package", "specifier"),
    [
        (
            "Because the current Python version (3.11.2) does not satisfy Python>=3.12 and django==6.0 depends on x",
            "django==6.0",
            ">=3.12",
        ),
        (
            "cause: Because alpha==1.0 requires Python >=4.2 and you require alpha==1.0, we can conclude",
            "alpha==1.0",
            ">=4.2",
        ),
        (
            "Because the current Python version (3.13.0) does not satisfy Python>=3.7,<3.11 and old depends on x",
            "old",
            ">=3.7,<3.11",
        ),
    ],
)
def test_a_wrong_python_says_which_is_wanted(output, package, specifier):
    error = explain(output, "3.11.2")
    assert isinstance(error, NeedsPythonError)
    assert (error.package, error.specifier) == (package, specifier)
    assert "the site has 3.11.2" in error.cause


def test_sources_are_built_only_for_want_of_a_wheel():
    assert wants_builds("hint: ... building from source is disabled for all packages (i.e., with `--no-build`)")
    assert wants_builds("error: Building source distributions is disabled, but attempted to build `lp`")
    assert not wants_builds("Because x was not found in the package registry")


def test_old_sources_get_the_setuptools_they_knew():
    assert old_setuptools("error in suds-jurko setup command: use_2to3 is invalid.") == "setuptools<58"
    assert old_setuptools("ModuleNotFoundError: No module named 'pkg_resources'") == "setuptools<81"
    assert old_setuptools("anything else") == ""
