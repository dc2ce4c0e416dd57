import pytest
from packaging.specifiers import SpecifierSet

from pushlive.config.detect.python import exact, specifier
from pushlive.model.errors import SettingsError
from tests.config.sites import django


@pytest.mark.parametrize(
    ("name", "text", "found", "line"),
    [
        (".python-version", "# The version\n3.14\n", "==3.14.*", ":2"),
        (".python-version", "my-virtualenv\n3.12.1\n", "==3.12.*", ":2"),
        (".python-version", "cpython-3.13.0\n", "==3.13.*", ":1"),
        ("runtime.txt", "python-3.10.2\n", "==3.10.*", ":1"),
        (".tool-versions", "nodejs 20.1\npython 3.11.4 3.10\n", "==3.11.*", ":2"),
        ("pyproject.toml", '[project]\nrequires-python = ">=3.12, <3.14"\n', ">=3.12,<3.14", ":2"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.10"\n', ">=3.10,<4", ":2"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "~3.11.2"\n', ">=3.11,<3.12", ":2"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "3.12.*"\n', "==3.12.*", ":2"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^2.7 || ^3.8"\n', ">=3.8,<4", ":2"),
        ("Pipfile", '[requires]\npython_version = "3.9"\n', "==3.9.*", ":2"),
        ("setup.cfg", "[options]\npython_requires = >=3.8\n", ">=3.8", ":2"),
        ("setup.cfg", "[options]\npython_requires = >=3.8.*, <4.0.*\n", ">=3.8,<4.0", ":2"),
        ("Dockerfile", "FROM node:20 AS web\nFROM python:3.13-slim\n", "==3.13.*", ":2"),
        ("Dockerfile", "ARG V=3.12\nFROM python:${V}-slim-bookworm\n", "==3.12.*", ":2"),
        ("Dockerfile", "FROM ghcr.io/astral-sh/uv:python3.12-bookworm-slim\n", "==3.12.*", ":1"),
        ("Dockerfile", "FROM python:3\n", ">=3", ":1"),
        ("render.yaml", "envVars:\n  - key: PYTHON_VERSION\n    value: 3.12.3\n", "==3.12.*", ":3"),
    ],
)
def test_finds_the_wish_and_where_it_stands(site, name, text, found, line):
    wish = site(django() | {name: text}).python
    assert (wish.specifier, wish.origin) == (found, name + line)


def test_without_a_wish_any_will_do(site):
    wish = site(django()).python
    assert (wish.specifier, wish.origin) == ("", "default")


def test_the_most_exact_file_counts_first(site):
    files = {
        ".python-version": "3.12",
        "pyproject.toml": '[project]\nrequires-python = ">=3.9"\n',
        "Dockerfile": "FROM python:3.11\n",
    }
    assert site(django() | files).python.origin == ".python-version:1"


def test_what_cannot_be_read_is_passed_over(site):
    files = {
        ".python-version": "system\n",
        "runtime.txt": "node-20\n",
        "setup.cfg": "[options]\npython_requires = >=3.8\n",
    }
    assert site(django() | files).python.origin == "setup.cfg:2"


def test_what_stands_beside_manage_py_is_found(site):
    assert site(django("web") | {"web/runtime.txt": "python-3.12"}).python.origin == "web/runtime.txt:1"


@pytest.mark.parametrize(
    ("said", "found"),
    [("3.13", "==3.13.*"), ("3.13.1", "==3.13.*"), (">=3.12,<3.14", ">=3.12,<3.14"), ("~=3.12", "~=3.12")],
)
def test_the_site_file_always_wins(site, said, found):
    wish = site(django() | {".python-version": "3.9", "pushlive.toml": f'[build]\npython = "{said}"\n'}).python
    assert (wish.specifier, wish.origin) == (found, "pushlive.toml")


@pytest.mark.parametrize("said", ["three", "3.12; rm -rf /", "", ">=x", "3.12 3.13"])
def test_a_wish_in_the_site_file_that_cannot_be_read_is_an_error(site, said):
    with pytest.raises(SettingsError, match=r"build\.python: .* is neither a version nor"):
        site(django() | {"pushlive.toml": f'[build]\npython = "{said}"\n'})


@pytest.mark.parametrize("said", ["pypy3.10-7.3", "miniconda3-4.7", "system", "3.12abc def"])
def test_what_is_no_version_of_ours_is_none(said):
    assert exact(said) is None


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (">=3.8.*", ">=3.8"),
        (">3.6.*", ">3.6"),
        (">=3.8.*,<4.0.*", ">=3.8,<4.0"),
        ("!=3.9.*,>=3.8", "!=3.9.*,>=3.8"),
        ("==3.12.*", "==3.12.*"),
        ("~=3.12", "~=3.12"),
        ("~=3.12.1", "~=3.12.1"),
        (">=3.13.0rc1", ">=3.13.0rc1"),
        ("===3.12.1", "===3.12.1"),
        ("~=3", None),
        ("~=3.8.*", None),
        ("==3.8.*rc1", None),
    ],
)
def test_every_specifier_is_one_that_packaging_reads(said, found):
    assert specifier(said) == found
    assert found is None or SpecifierSet(found)


def test_spaces_between_clauses_do_no_harm():
    assert specifier(">= 3.10 , < 3.14") == ">=3.10,<3.14"
