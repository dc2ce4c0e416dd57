"""Packages for a Python on another platform, installed by the real uv from wheels of our own."""

import os
import re

import pytest

from pushlive.config.site import PythonWish, RequirementsKind
from pushlive.image import elsewhere
from pushlive.image.base_facts import Facts
from pushlive.image.dependencies import install, markers
from pushlive.image.elsewhere import Elsewhere, on_base
from pushlive.image.plan import Lock
from pushlive.model.errors import BuildError
from pushlive.model.image import Platform
from tests.image.trees import plant
from tests.image.wheels import backend, source, wheel

HERE = Platform("linux", {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64"))
ARM = Platform("linux", "arm64" if HERE.architecture == "amd64" else "amd64")


def facts(version, *, libc="glibc", libc_version="2.99"):
    return Facts(f"/usr/local/bin/python{version}", version, libc, libc_version)


def lock(tree):
    """A tree that wants a package of its own, and has its wheel."""
    wheel(tree / "wheels", "alpha", "1.0", {"alpha.py": "x = 1\n"})
    plant(tree, {"requirements.txt": "--no-index\n--find-links ./wheels\nalpha\n"})
    return Lock(tree, RequirementsKind.REQUIREMENTS, ("requirements.txt",))


def test_a_base_like_this_machine_takes_the_very_same_layers(python):
    assert on_base(python, facts(python.minor), HERE) is python


@pytest.mark.parametrize(
    ("wanted", "platform"),
    [
        ({"version": "3.9"}, HERE),
        ({"libc_version": "2.17"}, HERE),
        ({"libc": "musl", "libc_version": "1.2"}, HERE),
        ({}, ARM),
    ],
)
def test_another_version_library_or_processor_is_elsewhere(python, wanted, platform):
    found = on_base(python, facts(**({"version": python.minor} | wanted)), platform)
    assert isinstance(found, Elsewhere)
    assert found.platform != python.platform
    assert found.path == python.path


@pytest.mark.parametrize("wish", ["", ">=3.12", "==3.13.*", ">=3.13.2,<3.14", "~=3.13.1", "!=3.13.0"])
def test_a_base_has_the_python_that_is_asked_for(wish):
    elsewhere.require_python(PythonWish(wish, "pyproject.toml:3"), facts("3.13"), image="x")


@pytest.mark.parametrize("wish", ["<3.13", "==3.12.*", ">=3.14", "!=3.13.*"])
def test_a_base_with_another_python_than_is_asked_for_is_refused(wish):
    with pytest.raises(BuildError, match=f"asks for Python {re.escape(wish)}, and the base image x has 3.13") as caught:
        elsewhere.require_python(PythonWish(wish, "pyproject.toml:3"), facts("3.13"), image="x")
    assert caught.value.where == "pyproject.toml:3"


def test_uv_is_told_the_newest_glibc_it_knows_that_the_base_has(python):
    told = on_base(python, facts("3.9", libc_version="2.30"), Platform("linux", "arm64")).target
    assert told == ("--python-platform", "aarch64-manylinux_2_28", "--python-version", "3.9")
    musl = on_base(python, facts("3.9", libc="musl", libc_version="1.2"), Platform("linux", "amd64")).target
    assert musl[1] == "x86_64-unknown-linux-musl"


def test_conditions_in_locks_are_those_of_the_target(python):
    found = markers(on_base(python, facts("3.9"), ARM))
    assert found["platform_machine"] != os.uname().machine
    assert (found["python_version"], found["python_full_version"]) == ("3.9", "3.9.0")


@pytest.mark.parametrize(
    ("known", "platform", "cause"),
    [
        (facts("3.9", libc_version="2.12"), HERE, "glibc 2.12 is older"),
        (facts("3.9"), Platform("linux", "s390x"), "cannot be installed for linux/s390x"),
    ],
)
def test_what_nothing_can_be_installed_for_is_refused(python, known, platform, cause):
    with pytest.raises(BuildError, match=cause):
        on_base(python, known, platform)


def test_bytecode_is_made_where_the_version_is_the_same(python, place, open_folder):
    wanted = lock(open_folder / "tree")
    same = install(wanted, on_base(python, facts(python.minor), ARM), place)
    other = install(wanted, on_base(python, facts("3.9"), HERE), place)
    assert list((same.folder / "__pycache__").glob("alpha.*.pyc"))
    assert not (other.folder / "__pycache__").exists()
    assert same.key != other.key


def test_a_package_without_a_wheel_for_the_target_is_named(python):
    said = "error: No solution found\n\nhint: Wheels are required for `mysqlclient` because building is disabled"
    error = elsewhere.no_wheel(said, on_base(python, facts("3.9"), ARM))
    assert "mysqlclient has no wheel for Python 3.9 on" in error.cause


MUSL = facts("3.13", libc="musl", libc_version="1.2")
OF_GLIBC, OF_MUSL = (f"py3-none-{libc}_{os.uname().machine}" for libc in ("manylinux_2_17", "musllinux_1_2"))


@pytest.mark.parametrize(("known", "chosen"), [(MUSL, OF_MUSL), (facts("3.9", libc_version="2.30"), OF_GLIBC)])
def test_of_two_wheels_it_is_the_one_for_the_bases_c_library(python, place, open_folder, known, chosen):
    wanted = lock(open_folder / "tree")
    (open_folder / "tree/wheels/alpha-1.0-py3-none-any.whl").unlink()
    for tag in (OF_GLIBC, OF_MUSL):
        wheel(open_folder / "tree/wheels", "alpha", "1.0", {"alpha.py": f"# {tag}\n"}, tag=tag)
    made = install(wanted, on_base(python, known, HERE), place)
    assert (made.folder / "alpha.py").read_text() == f"# {chosen}\n"


@pytest.mark.parametrize("line", ["alpha", f"./wheels/alpha-1.0-{OF_GLIBC}.whl"])
def test_a_wheel_for_glibc_is_not_installed_for_musl(python, place, open_folder, line):
    wheel(open_folder / "tree/wheels", "alpha", "1.0", tag=OF_GLIBC)
    plant(open_folder / "tree", {"requirements.txt": f"--no-index\n--find-links ./wheels\n{line}\n"})
    wanted = Lock(open_folder / "tree", RequirementsKind.REQUIREMENTS, ("requirements.txt",))
    cause = rf"^alpha has no wheel for Python 3\.13 on {os.uname().machine}-unknown-linux-musl "
    with pytest.raises(BuildError, match=cause) as caught:
        install(wanted, on_base(python, MUSL, HERE), place)
    assert "name a base with this machine's Python and C library" in caught.value.remedy


def test_a_source_is_not_built_for_another_platform(python, place, open_folder):
    tree = open_folder / "tree"
    source(tree / "wheels", "gamma", "1.0", backend("gamma", "1.0"))
    plant(tree, {"requirements.txt": "--no-index\n--find-links ./wheels\ngamma\n"})
    wanted = Lock(tree, RequirementsKind.REQUIREMENTS, ("requirements.txt",))
    with pytest.raises(BuildError, match=r"gamma has no wheel for Python 3\.9 on"):
        install(wanted, on_base(python, facts("3.9"), HERE), place)
