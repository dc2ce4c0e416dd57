import pytest

from pushlive.image.contents import merge
from pushlive.image.layout import Layout
from pushlive.image.members import read
from pushlive.image.packages import Notes, Package, Share, installed, once, owner, owners, shares
from tests.image.layers import file, folder, hard, layer

SITE = "usr/lib/python3.13/site-packages"
DJANGO = Package("django", "5.2.1", SITE)
RECORD = f"{SITE}/Django-5.2.1.dist-info/RECORD"
TEXT = (
    b'django/__init__.py,sha256=x,10\n"django/a,b.py",,\n../../../bin/django-admin,,\nDjango-5.2.1.dist-info/RECORD,,\n'
)


def test_a_record_says_whose_each_file_is():
    known = owners({RECORD: TEXT})
    assert set(known) == {f"{SITE}/django/__init__.py", f"{SITE}/django/a,b.py", "usr/bin/django-admin", RECORD}
    assert set(known.values()) == {DJANGO}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("django/__init__.py", DJANGO),
        ("django/__pycache__/__init__.cpython-313.pyc", DJANGO),
        ("django/__pycache__/__init__.cpython-313.opt-1.pyc", DJANGO),
        ("django/__pycache__/other.cpython-313.pyc", None),
        ("django/other.py", None),
    ],
)
def test_bytecode_goes_with_its_module(path, found):
    assert owner(f"{SITE}/{path}", owners({RECORD: TEXT})) == found


@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [
        ("Django-5.2", "django", "5.2"),
        ("zope.interface-7.0", "zope-interface", "7.0"),
        ("my_Pkg-1.0+local", "my-pkg", "1.0+local"),
        ("unnamed", "", "unnamed"),
    ],
)
def test_names_are_normal(folder, name, version):
    assert installed([f"a/{folder}.dist-info/RECORD"]) == (Package(name, version, "a"),)
    assert installed([f"{folder}.dist-info/RECORD"]) == (Package(name, version, ""),)


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe,,\n", b"\0", b'"' + b"x" * 200_000, b"/etc/passwd,,\n../../../../../x,,\n"]
)
def test_a_record_that_somebody_hostile_wrote_hurts_nobody(text):
    assert all(not path.startswith(("/", "..")) for path in owners({RECORD: text}))


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


MEMBERS = (
    folder(f"{SITE}/django"),
    file(f"{SITE}/django/__init__.py", "x" * 10),
    file(f"{SITE}/django/__pycache__/__init__.cpython-313.pyc", "x" * 30),
    hard(f"{SITE}/django/a,b.py", f"{SITE}/django/__init__.py"),
    file(RECORD, TEXT),
    file("app/manage.py", "x" * 5),
)


def test_a_package_takes_what_its_files_take_and_a_second_name_takes_nothing(layout):
    notes = Notes()
    tree = merge([read(layout, layer(layout, *MEMBERS), notes.take).entries])
    assert notes.records(tree) == {RECORD: TEXT}
    assert shares(tree.below(), owners(notes.records(tree))) == {DJANGO: Share(3, 10 + 30 + len(TEXT))}
    assert sum(entry.size for entry in once(tree.below())) == 10 + 30 + 5 + len(TEXT)


def test_a_record_that_an_upper_layer_hides_counts_no_more(layout):
    notes = Notes()
    layers = (layer(layout, *MEMBERS), layer(layout, file(f"{SITE}/.wh.Django-5.2.1.dist-info")))
    tree = merge([read(layout, each, notes.take).entries for each in layers])
    assert notes.records(tree) == {}


def test_contents_are_hashed_where_it_is_asked_for(layout):
    one, other = layer(layout, *MEMBERS), layer(layout, file("x", "content"), folder("d"))
    notes = Notes(frozenset((other.digest,)))
    assert not any(entry.digest for entry in read(layout, one, notes.take).entries)
    assert [entry.digest[:8] for entry in read(layout, other, notes.take).entries] == ["ed7002b4", ""]
