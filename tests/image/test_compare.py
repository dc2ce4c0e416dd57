import pytest
from msgspec.structs import replace

from pushlive.image import compare, packages
from pushlive.image.compare import PackageChange, SettingChange
from pushlive.image.contents import merge
from pushlive.image.layout import Layout
from pushlive.image.members import read
from pushlive.image.packages import Notes
from tests.image.layers import file, folder, layer, link
from tests.image.trees import CONFIG


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


def trees(layout, *images, hashed=True):
    """The trees of images, each a list of layers' members; with their packages' lists."""
    made = [[layer(layout, *members) for members in image] for image in images]
    notes = Notes(frozenset(each.digest for image in made for each in image) if hashed else frozenset())
    found = [merge(read(layout, each, notes.take).entries for each in image) for image in made]
    return found, [notes.records(tree) for tree in found]


def changes(layout, before, after):
    (one, other), lists = trees(layout, [before], [after])
    return {each.path: each for each in compare.files(one, other, [packages.owners(each) for each in lists])}


BASE = (folder("a"), file("a/f", "1"), link("a/l", "f"))


@pytest.mark.parametrize(
    ("after", "path", "what"),
    [
        ((folder("a"), file("a/f", "2"), link("a/l", "f")), "a/f", ("content",)),
        ((folder("a"), file("a/f", "12"), link("a/l", "f")), "a/f", ("content",)),
        ((folder("a"), file("a/f", "1", mode=0o755), link("a/l", "f")), "a/f", ("mode",)),
        ((folder("a"), file("a/f", "1", uid=7), link("a/l", "f")), "a/f", ("owner",)),
        ((folder("a"), file("a/f", "1"), link("a/l", "g")), "a/l", ("target",)),
        ((folder("a"), file("a/f", "1"), file("a/l")), "a/l", ("kind",)),
        ((folder("a", mode=0o700), file("a/f", "1"), link("a/l", "f")), "a", ("mode",)),
    ],
)
def test_what_differs_in_a_path_is_named(layout, after, path, what):
    found = changes(layout, BASE, after)
    assert {name: each.what for name, each in found.items()} == {path: what}


def test_times_do_not_count(layout):
    assert changes(layout, BASE, (folder("a", mtime=5), file("a/f", "1", mtime=7), link("a/l", "f"))) == {}


def test_what_is_there_in_one_alone_was_added_or_removed(layout):
    found = changes(layout, (*BASE, file("old", "xy")), (*BASE, file("new", "xyz")))
    assert [(path, bool(each.before), bool(each.after), each.growth) for path, each in found.items()] == [
        ("new", False, True, 3),
        ("old", True, False, -2),
    ]


def test_a_folder_that_comes_with_what_is_in_it_is_not_told_of(layout):
    found = changes(layout, BASE, (*BASE, folder("empty"), folder("full"), file("full/x")))
    assert list(found) == ["empty", "full/x"]
    assert list(changes(layout, (*BASE, folder("full"), file("full/x")), BASE)) == ["full/x"]


def test_a_file_of_a_shared_layer_needs_no_digest_unless_another_of_its_size_hides_it(layout):
    (one, other), _ = trees(layout, [BASE], [BASE, (file("new"),)], hashed=False)
    assert compare.unsure(one, other) == set()
    assert [each.path for each in compare.files(one, other, ())] == ["new"]
    (one, other), _ = trees(layout, [BASE], [BASE, (file("a/f", "2"),)], hashed=False)
    assert compare.unsure(one, other) == {one.find("a/f").layer, other.find("a/f").layer}


def release(version, *names):
    place = f"site/Django-{version}.dist-info/RECORD"
    record = "".join(f"django/{name},,\n" for name in names) + f"{place.removeprefix('site/')},,\n"
    return (*(file(f"site/django/{name}", version) for name in names), file(place, record))


def test_files_of_a_package_bear_its_name_and_are_counted_to_it(layout):
    before, after = release("5.1", "a.py", "gone.py"), (*release("5.2.1", "a.py"), file("app/x", "1"))
    (one, other), lists = trees(layout, [before], [after])
    found = list(compare.files(one, other, [packages.owners(each) for each in lists]))
    assert {each.package for each in found if each.path.startswith("site/") and "." in each.path} >= {"django"}
    assert [each.path for each in found if not each.package and each.path.startswith("app/")] == ["app/x"]
    changed = compare.packages(*(packages.installed(each) for each in lists), found)
    counted = [each for each in found if each.package == "django"]
    assert changed == [PackageChange("django", "5.1", "5.2.1", len(counted), sum(each.growth for each in counted))]
    assert "site/django/gone.py" in {each.path for each in counted}


def test_a_package_that_comes_or_goes_has_one_version(layout):
    (_, _), lists = trees(layout, [release("5.1", "a.py")], [(file("x"),)])
    before, after = (packages.installed(each) for each in lists)
    assert compare.packages(before, after, []) == [PackageChange("django", "5.1", "")]
    assert compare.packages(after, before, []) == [PackageChange("django", "", "5.1")]
    assert compare.packages(before, before, []) == []


def test_what_differs_in_the_configuration_is_named():
    other = replace(CONFIG, user="0", entrypoint=("sh",), env={"A": "1", "C": ""}, labels={"x": "y"})
    assert compare.settings(CONFIG, other) == [
        SettingChange("entrypoint", "python /opt/pushlive/server/run.py serve", "sh"),
        SettingChange("user", "10001:10001", "0"),
        SettingChange("env B", "2", None),
        SettingChange("env C", None, ""),
    ]
    assert compare.settings(CONFIG, CONFIG) == []
