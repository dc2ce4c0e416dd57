import pytest

from pushlive.source import paths


@pytest.mark.parametrize(
    "path",
    [
        b"manage.py", b"a/b/c.txt", b".gitignore", b".github/x", b"a/.gitmodules", b"git", b"..a", b"a..", b"...",
        b"-rf", b"$(x)", "sn\u00f6/\u96ea.png".encode(), b"\xff\xfe", b"a b", b"a:b", b".gitx", b"x.git",
    ],
)  # fmt: skip
def test_ordinary_names_are_fine(path):
    assert paths.fault(path) is None


@pytest.mark.parametrize(
    "path",
    [
        b"", b"/etc/passwd", b"a//b", b"a/", b".", b"..", b"a/../b", b"./a",
        b".git", b".git/config", b"a/.git/hooks/post-checkout", b".GIT/config", b".Git", b"git~1", b"GIT~1/x",
        b".git ", b".git.", b".git . .", b".git::$INDEX_ALLOCATION/x", b".git:x", b".git\\config", b"git~1:x",
        ".g\u200cit/config".encode(), "\ufeff.git".encode(), ".g\u202ait".encode(),
        b"a\nb", b"a\x1b[2Jb", b"Icon\r", b"a\x7f", b"a\0b", b"x" * 256, b"/".join([b"y" * 200] * 20),
    ],
)  # fmt: skip
def test_names_that_could_do_harm_are_named(path):
    assert paths.fault(path)


@pytest.mark.parametrize(
    "links",
    [
        {b"a": b"b"},
        {b"a": b"missing/../b"},
        {b"d/a": b"../b"},
        {b"d/e/a": b"../../b/./c"},
        {b"a": b"a"},
        {b"a": b"b", b"b": b"a"},
        {b"a": b"."},
        {b"d/a": b".."},
        {b"a": b"b/", b"b": b"c//d"},
        {b"x/deep": b"y/z", b"a": b"x/deep/../.."},
    ],
)
def test_links_that_stay_inside(links):
    assert not any(paths.leaves_tree(link, links) for link in links)


@pytest.mark.parametrize(
    ("link", "links"),
    [
        (b"a", {b"a": b"/etc/passwd"}),
        (b"a", {b"a": b"../secret"}),
        (b"a", {b"a": b".."}),
        (b"d/a", {b"d/a": b"../../x"}),
        (b"a", {b"a": b"b/../../x"}),
        (b"a", {b"a": b"d/up", b"d/up": b"../.."}),
        (b"a", {b"a": b"one/two", b"one": b"d/e", b"d/e/two": b"../../../x"}),
        (b"a", {b"a": b"here/..", b"here": b"."}),
        (b"a", {b"a": b"b", b"b": b"c", b"c": b"/"}),
        (b"d/a", {b"d/a": b"../link/../../..", b"link": b"d/e"}),
        (b"a", {b"a": b"x/../../inside/../../etc"}),
    ],
)
def test_links_that_leave_directly_or_through_others(link, links):
    assert paths.leaves_tree(link, links)


def test_a_chain_longer_than_the_kernel_follows_stays_inside():
    links = {b"l%d" % step: b"l%d" % (step + 1) for step in range(1000)}
    assert not paths.leaves_tree(b"l0", links)


def test_a_name_twice_or_both_file_and_folder_clashes():
    assert paths.clash([b"a", b"b/c"]) is None
    assert paths.clash([b"a", b"b", b"a"]) == b"a"
    assert paths.clash([b"a/b", b"a"]) == b"a"
    assert paths.clash([b"a/b/c", b"a.txt", b"a/b"]) == b"a/b"
