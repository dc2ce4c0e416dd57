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


def test_an_unknown_library_has_a_remedy_too():
    need = Need("libodd.so.1", "odd", "odd/_odd.so")
    with pytest.raises(BuildError) as caught:
        libraries.require([need], (), image="some/base:1")
    assert "FROM some/base:1" in caught.value.remedy
