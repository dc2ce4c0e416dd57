"""What is found out of a base image's files."""

import pytest

from pushlive.image.base_facts import survey
from pushlive.image.contents import Entry, Kind, merge
from pushlive.model.errors import BuildError

PATH = ("/usr/local/bin", "/usr/bin")
GLIBC = b"\x7fELF..GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\nCopyright"
SLIM = {
    "usr/local/bin/python3.13": b"\x7fELF",
    "usr/local/bin/python3": "->python3.13",
    "usr/bin/python3": "->python3.11",
    "usr/bin/python3.11": b"\x7fELF",
    "lib": "->/usr/lib",
    "usr/lib/x86_64-linux-gnu/libc.so.6": GLIBC,
    "usr/lib/x86_64-linux-gnu/libpq.so.5": "->libpq.so.5.15",
    "usr/lib/x86_64-linux-gnu/libpq.so.5.15": b"",
    "usr/lib/python3/dist-packages/notes.so.txt": b"",
    "etc/os-release": "->../usr/lib/os-release",
    "usr/lib/os-release": b'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
}


def facts(files, path=PATH):
    return survey(merge([list(map(entry, files.items()))]), path, lambda one: files[one.path], image="some/base:1")


def entry(named):
    name, content = named
    if isinstance(content, str):
        return Entry(name, Kind.LINK, target=content.removeprefix("->"))
    return Entry(name, Kind.FILE, size=len(content))


def test_the_python_is_the_first_of_the_path():
    found = facts(SLIM)
    assert (found.python, found.version) == ("/usr/local/bin/python3.13", "3.13")
    assert facts(SLIM, ("/usr/bin",)).python == "/usr/bin/python3.11"


def test_glibc_says_its_version_itself_or_its_link_does():
    assert (facts(SLIM).libc, facts(SLIM).glibc) == ("glibc", (2, 36))
    older = {"usr/lib/libc.so.6": "->libc-2.31.so", "usr/lib/libc-2.31.so": b"nothing"}
    without = {name: content for name, content in SLIM.items() if not name.endswith("libc.so.6")}
    assert facts(without | older).glibc == (2, 31)


def test_musl_is_known_by_its_loader():
    alpine = {"usr/local/bin/python3": "->/usr/local/bin/python3.13", "usr/local/bin/python3.13": b""}
    found = facts(alpine | {"lib/ld-musl-x86_64.so.1": b""})
    assert (found.libc, found.glibc) == ("musl", ())


def test_a_path_through_a_linked_folder_is_followed():
    files = {"bin": "->usr/bin", "usr/bin/python3": "->python3.12", "usr/bin/python3.12": b""}
    assert facts(files | {"usr/lib/libc.so.6": GLIBC}, ("/bin",)).python == "/usr/bin/python3.12"


def test_libraries_and_the_systems_name_are_told():
    found = facts(SLIM)
    assert found.libraries == ("libc.so.6", "libpq.so.5", "libpq.so.5.15")
    assert found.system == "Debian GNU/Linux 12 (bookworm)"


def test_links_in_a_circle_lead_nowhere():
    files = SLIM | {"usr/local/bin/python3": "->python", "usr/local/bin/python": "->python3"}
    assert facts(files).python == "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("lost", "cause"), [("python3", "has no Python 3 on its PATH"), ("libc.so.6", "neither glibc nor musl")]
)
def test_a_base_that_nothing_runs_on_is_refused(lost, cause):
    files = {name: content for name, content in SLIM.items() if not name.endswith(lost)}
    with pytest.raises(BuildError, match=cause) as caught:
        facts(files)
    assert "some/base:1" in caught.value.cause
