"""Shared libraries that packages want, from files that a real compiler made."""

import shutil
import subprocess

import pytest

from pushlive.image import libraries
from pushlive.image.libraries import Need
from pushlive.model.errors import BuildError

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc is here to make shared libraries")


def compiled(path, *wanted, folder):
    """A shared library at `path` that loads the libraries `wanted`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = []
    for name in wanted:
        stub = folder / name
        subprocess.run(
            ["gcc", "-shared", "-nostdlib", f"-Wl,-soname,{name}", "-x", "c", "/dev/null", "-o", stub], check=True
        )
        options.append(stub)
    argv = ["gcc", "-shared", "-nostdlib", "-Wl,--no-as-needed", "-x", "c", "/dev/null", "-x", "none", *options]
    subprocess.run([*argv, "-o", path], check=True)


@pytest.fixture
def packages(tmp_path):
    """psycopg2 that wants libpq, and pillow that brings its library along."""
    folder, stubs = tmp_path / "packages", tmp_path / "stubs"
    stubs.mkdir()
    compiled(folder / "psycopg2/_psycopg.so", "libpq.so.5", "libc.so.6", folder=stubs)
    compiled(folder / "PIL/_imaging.so", "libjpeg-1234.so.62", "ld-linux-x86-64.so.2", folder=stubs)
    compiled(folder / "pillow.libs/libjpeg-1234.so.62", folder=stubs)
    (folder / "psycopg2-2.9.10.dist-info").mkdir()
    (folder / "psycopg2-2.9.10.dist-info/RECORD").write_text("psycopg2/_psycopg.so,sha256=x,1\n")
    (folder / "broken.so").write_bytes(b"\x7fELF and nothing more")
    (folder / "link.so").symlink_to("broken.so")
    return folder


def test_what_packages_want_of_the_system_is_found(packages):
    file = "psycopg2/_psycopg.so"
    assert libraries.needs(packages) == (Need("libc.so.6", "psycopg2", file), Need("libpq.so.5", "psycopg2", file))


def test_a_base_that_lacks_one_is_refused_by_the_packages_name(packages):
    wanted = libraries.needs(packages)
    libraries.require(wanted, {"libc.so.6", "libpq.so.5"}, image="some/base:1")
    with pytest.raises(BuildError, match=r"psycopg2 needs libpq\.so\.5, which the base image some/base:1") as caught:
        libraries.require(wanted, {"libc.so.6"}, image="some/base:1")
    assert "psycopg2-binary" in caught.value.remedy
    assert "apt-get install -y libpq5" in caught.value.remedy
    assert caught.value.evidence == ("libpq.so.5: psycopg2 (psycopg2/_psycopg.so)",)


@pytest.mark.parametrize("name", ["libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so", "libm.so"])
def test_what_musl_s_loader_is_itself_is_met_on_musl_alone(tmp_path, name):
    """Wheels by maturin name libc.so, which no Alpine image has; where glibc is, that is a text for linkers."""
    compiled(tmp_path / "packages/alpha.so", name, folder=tmp_path)
    wanted = libraries.needs(tmp_path / "packages")
    assert [need.library for need in wanted] == [name]
    libraries.require(wanted, (), image="some/base:1", libc="musl")
    with pytest.raises(BuildError, match=f"alpha.so needs {name}, which the base image some/base:1") as caught:
        libraries.require(wanted, {"libc.so.6", "libc.so"}, image="some/base:1", libc="glibc")
    assert "manylinux wheel" in caught.value.remedy


def test_what_is_made_for_glibc_is_refused_on_musl_before_all_else(packages):
    with pytest.raises(BuildError, match=r"psycopg2 needs libc\.so\.6, which the base image some/base:1") as caught:
        libraries.require(libraries.needs(packages), (), image="some/base:1", libc="musl")
    assert "musllinux wheel" in caught.value.remedy
    assert "python:3.13-slim" in caught.value.remedy
    assert len(caught.value.evidence) == 2


def test_a_base_with_musl_is_helped_by_its_own_package(packages):
    wanted = [need for need in libraries.needs(packages) if need.library == "libpq.so.5"]
    with pytest.raises(BuildError) as caught:
        libraries.require(wanted, (), image="some/base:1", libc="musl")
    assert "FROM some/base:1, RUN apk add --no-cache libpq)" in caught.value.remedy


def test_an_unknown_library_has_a_remedy_too():
    need = Need("libodd.so.1", "odd", "odd/_odd.so")
    with pytest.raises(BuildError) as caught:
        libraries.require([need], (), image="some/base:1")
    assert "FROM some/base:1" in caught.value.remedy
