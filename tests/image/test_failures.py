import pytest

from pushlive.image.failures import NeedsPythonError, explain, old_setuptools, wants_builds
from pushlive.model.errors import MachineError, PackagesError

FETCH = "error: Request failed\n  cause: Failed to fetch: https://index.example/django/\n  cause: "

MACHINE = [
    "error: Failed to install\n  cause: No space left on device (os error 28)",
    "error: Failed to write\n  cause: Disk quota exceeded (os error 122)",
    "error: Git operation failed\n  cause: Git executable not found. Ensure that Git is installed and available.",
    FETCH + "client error (Connect)",
    FETCH + "dns error",
]
SITE = [
    "error: Failed to build `x==1.0`\n  cause: The build backend returned an error",
    FETCH + "HTTP status client error (404 Not Found) for url (https://index.example/django/)",
    "error: something new that nobody has seen",
]


@pytest.mark.parametrize(
    ("output", "kind"), [*((each, MachineError) for each in MACHINE), *((each, PackagesError) for each in SITE)]
)
def test_what_the_machine_lacks_is_told_from_what_the_site_asks_for(output, kind):
    error = explain(output)
    assert type(error) is kind
    assert error.output == output
    assert not error.code, "the cause is for diagnose to find"


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
    assert error.code == "python-version"
    assert "the site was given Python 3.11.2" in error.cause


def test_sources_are_built_only_for_want_of_a_wheel():
    assert wants_builds("hint: ... building from source is disabled for all packages (i.e., with `--no-build`)")
    assert wants_builds("error: Building source distributions is disabled, but attempted to build `lp`")
    assert not wants_builds("Because x was not found in the package registry")


def test_old_sources_get_the_setuptools_they_knew():
    assert old_setuptools("error in suds-jurko setup command: use_2to3 is invalid.") == "setuptools<58"
    assert old_setuptools("ModuleNotFoundError: No module named 'pkg_resources'") == "setuptools<81"
    assert old_setuptools("anything else") == ""
