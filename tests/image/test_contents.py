"""The tree that layers make together, against what the image specification says of it (layer.md)."""

import pytest

from pushlive.image import contents
from pushlive.image.contents import Entry, Kind, merge
from pushlive.image.layout import Layout
from pushlive.image.members import content, read
from pushlive.model.errors import BuildError
from tests.image.layers import file, folder, hard, layer, link, merged, paths


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


def of(layout, *layers):
    return merged(layout, *(layer(layout, *members) for members in layers))


def text(layout, layers, entry):
    found = next(each for each in layers if each.digest == entry.layer)
    return b"".join(content(layout, found, entry))


LOWER = (folder("etc"), file("etc/a", "1"), file("etc/b", "2"), folder("etc/sub"), file("etc/sub/c", "3"))

WHITEOUTS = {
    "a file": ((folder("etc"), file("etc/.wh.a")), ["etc", "etc/b", "etc/sub", "etc/sub/c"]),
    "a folder": ((folder("etc"), file("etc/.wh.sub")), ["etc", "etc/a", "etc/b"]),
    "of what is not there": (
        (file("etc/.wh.x"), file("no/where/.wh.x")),
        ["etc", "etc/a", "etc/b", "etc/sub", "etc/sub/c"],
    ),
    "opaque": ((folder("etc"), file("etc/.wh..wh..opq"), file("etc/new")), ["etc", "etc/new"]),
    "opaque, after its siblings": ((folder("etc"), file("etc/new"), file("etc/.wh..wh..opq")), ["etc", "etc/new"]),
    "and the file anew": ((file("etc/a", "new"), file("etc/.wh.a")), ["etc", "etc/a", "etc/b", "etc/sub", "etc/sub/c"]),
    "of another tool": (
        (file(".wh..wh.plnk"), file("etc/.wh..wh.aufs")),
        ["etc", "etc/a", "etc/b", "etc/sub", "etc/sub/c"],
    ),
}


@pytest.mark.parametrize(("upper", "left"), WHITEOUTS.values(), ids=WHITEOUTS.keys())
def test_whiteouts_hide_what_the_layers_below_have(layout, upper, left):
    assert paths(of(layout, LOWER, upper)) == left


def test_a_whiteout_hides_nothing_of_its_own_layer(layout):
    tree = of(layout, (file("a", "old"),), (file("a", "new!"), file(".wh.a")))
    assert tree.find("a").size == 4


def test_the_upper_layer_s_file_wins_and_says_so(layout):
    layers = (layer(layout, file("a", "old")), layer(layout, file("a", "new")))
    tree = merged(layout, *layers)
    assert tree.find("a").layer == layers[1].digest
    assert text(layout, layers, tree.find("a")) == b"new"


def test_a_folder_that_is_given_again_keeps_what_is_in_it_and_a_file_does_not(layout):
    again = of(layout, LOWER, (folder("etc", mode=0o700),))
    assert again.find("etc").mode == 0o700
    assert again.find("etc/sub/c")
    assert paths(of(layout, LOWER, (file("etc"),))) == ["etc"]
    assert paths(of(layout, (file("etc"),), LOWER))[1] == "etc/a"


def test_members_without_a_folder_get_one_of_no_layer(layout):
    tree = of(layout, (file("a/b/c"),))
    assert paths(tree) == ["a", "a/b", "a/b/c"]
    assert tree.find("a").layer is None


def test_a_member_goes_where_a_link_of_a_lower_layer_leads(layout):
    """As with Debian's /bin, a link to usr/bin."""
    tree = of(layout, (folder("usr/bin"), link("bin", "usr/bin")), (file("bin/tool"),))
    assert paths(tree) == ["bin", "usr", "usr/bin", "usr/bin/tool"]
    assert tree.find("bin/tool").path == "usr/bin/tool"


def test_a_link_that_is_in_the_way_of_a_folder_goes(layout):
    tree = of(layout, (folder("usr/bin"), link("bin", "usr/bin")), (folder("bin"), file("bin/tool")))
    assert tree.find("bin").kind is Kind.FOLDER
    assert tree.find("usr/bin/tool") is None


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/etc/a", "etc/a"),
        ("a", "etc/a"),
        ("../etc/a", "etc/a"),
        ("../../../../../etc/a", "etc/a"),
        ("./sub/../a", "etc/a"),
        ("/etc/l", None),
        ("nowhere", None),
        ("/", ""),
    ],
)
def test_links_are_followed_inside_of_the_image(layout, target, found):
    tree = of(layout, (*LOWER, link("etc/l", target)))
    entry = tree.find("/etc/l", follow=True)
    assert (entry.path if entry else None) == found
    assert tree.find("/etc/l").target == target


def test_links_in_a_ring_lead_nowhere(layout):
    tree = of(layout, (link("a", "b"), link("b", "a"), file("a/x")))
    assert tree.find("b", follow=True) is None or tree.find("a").kind is Kind.FOLDER


def test_a_hard_link_is_the_file_by_another_name(layout):
    layers = (layer(layout, file("a", "same", mode=0o600)), layer(layout, hard("b", "a"), hard("/c", "./b")))
    tree = merged(layout, *layers)
    assert [(tree.find(name).size, tree.find(name).mode) for name in ("b", "c")] == [(4, 0o600)] * 2
    assert text(layout, layers, tree.find("c")) == b"same"


@pytest.mark.parametrize("target", ["nowhere", "../../etc/shadow", "sub"])
def test_a_hard_link_to_no_file_stays_what_it_is(layout, target):
    tree = of(layout, (folder("sub"), hard("b", target)))
    assert tree.find("b").kind is Kind.HARD
    assert tree.find("b").size == 0


@pytest.mark.parametrize("name", ["/etc/x", "./etc/x", "../../etc/x", "etc//x", "a/../etc/x", "/../etc/./x"])
def test_a_name_is_below_the_root_whatever_it_begins_with(layout, name):
    assert paths(of(layout, (file(name),))) == ["etc", "etc/x"]


def test_the_root_itself_may_have_a_member(layout):
    tree = of(layout, (folder("./", mode=0o711), file("./a")))
    assert tree.find("/").mode == 0o711
    assert paths(tree) == ["a"]


def test_a_folder_is_listed_by_name_and_below_it_in_depth(layout):
    tree = of(layout, (*LOWER, link("short", "etc/sub")))
    assert [entry.name for entry in tree.children("/etc/")] == ["a", "b", "sub"]
    assert [entry.name for entry in tree.children("short")] == ["c"]
    assert [entry.path for entry in tree.below("etc")] == ["etc/a", "etc/b", "etc/sub", "etc/sub/c"]
    assert tree.children("etc/a") == ()
    assert tree.children("nowhere") == ()


def test_an_image_of_too_many_folders_is_refused(monkeypatch):
    """Few members can want many folders."""
    monkeypatch.setattr(contents, "MOST_ENTRIES", 100)
    with pytest.raises(BuildError, match="more than 100 files and folders"):
        merge([[Entry("/".join("a" * 101), Kind.FILE)]])


def test_a_deep_folder_is_no_deep_call():
    deep = "/".join("a" * 2000)
    tree = merge([[Entry(deep, Kind.FILE)]])
    assert tree.find(deep)
    assert sum(1 for _ in tree.below()) == 2000


def test_entries_say_what_the_members_said(layout):
    members = (
        file("é" * 90 + "/" + "n" * 90, "x", mode=0o4755, uid=10, gid=20, mtime=1_700_000_000),
        link("l", "t" * 150),
    )
    entries = read(layout, layer(layout, *members)).entries
    assert (entries[0].mode, entries[0].uid, entries[0].gid, entries[0].mtime) == (0o4755, 10, 20, 1_700_000_000)
    assert entries[0].path == "é" * 90 + "/" + "n" * 90
    assert entries[1].target == "t" * 150
