import os

import pytest

from pushlive.inspection.tree import lent
from pushlive.system.process import Account
from tests.system import attacker

USER = Account(attacker.USER, attacker.USER)


@pytest.fixture
def victim(place):
    (place / "victim" / "b").mkdir(parents=True)
    for name in ("db", "db.pushlive-aside"):
        (place / "victim" / name).write_text("the victim's")
    os.chown(place / "victim" / "b", 5000, 5000)
    return place / "victim"


@pytest.fixture
def tree(place):
    (place / "tree" / "a" / "b").mkdir(parents=True)
    (place / "data").mkdir()
    (place / "data" / "db").write_text("kept")
    return place / "tree"


def as_root(test):
    """Changing owners needs root."""
    return pytest.mark.root(pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to change owners")(test))


def owners(tree):
    return {path.name: (path.lstat().st_uid, path.lstat().st_mode & 0o777) for path in (tree, *tree.rglob("*"))}


def test_what_was_made_is_removed_and_what_was_changed_is_named(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("1")
    (tmp_path / "kept").mkdir()
    with lent(tmp_path, None) as result:
        (tmp_path / "a").write_text("22")
        (tmp_path / "b").unlink()
        (tmp_path / "new" / "deep").mkdir(parents=True)
        (tmp_path / "new" / "deep" / "file").touch()
        (tmp_path / "kept" / "file").touch()
        (tmp_path / "link").symlink_to("/etc")
    assert result.changed == ["a", "b"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "kept"]
    assert os.path.isdir("/etc")  # noqa: PTH112


def test_it_comes_back_after_a_failure_too(tmp_path):
    def fail():
        with lent(tmp_path, None):
            (tmp_path / "new").touch()
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_in_its_place_meanwhile(tmp_path):
    tree, data = tmp_path / "tree", tmp_path / "data"
    for folder in (tree, data, data / "media"):
        folder.mkdir()
    (tree / "db.sqlite3").write_text("committed")
    (data / "db.sqlite3").write_text("kept")
    kept = {"db.sqlite3": data / "db.sqlite3", "up/media": data / "media", "absent": data / "absent"}
    with lent(tree, None, kept) as result:
        assert (tree / "db.sqlite3").read_text() == "kept"
        (tree / "up/media/file").touch()
        assert not (tree / "absent").exists()
    assert result.changed == []
    assert [(path.name, path.read_text()) for path in tree.rglob("*")] == [("db.sqlite3", "committed")]
    assert (data / "media/file").exists()


@as_root
def test_it_is_lent_and_closed_again_whatever_was_done_to_it(tree):
    with lent(tree, USER):
        assert owners(tree) == {"tree": (4242, 0o755), "a": (4242, 0o755), "b": (4242, 0o755)}
        assert attacker.acting(lambda: (tree / "a").chmod(0o777))
    assert owners(tree) == {"tree": (0, 0o755), "a": (0, 0o755), "b": (0, 0o755)}


@as_root
def test_a_build_left_to_its_user_is_ours_once_it_was_lent(tree):
    for path in (tree / "a" / "b", tree / "a", tree):
        os.chown(path, 4242, 4242)
    with lent(tree, USER):
        pass
    assert {uid for uid, _ in owners(tree).values()} == {0}


@as_root
def test_a_folder_that_was_swapped_for_a_link_is_told_and_not_followed(tree, victim):
    with lent(tree, USER) as result:
        assert attacker.acting(lambda: attacker.swap(tree / "a", victim))
    assert result.changed == ["a", "a/b"]
    assert (victim / "b").stat().st_uid == 5000
    assert (victim / "db").exists()


@as_root
def test_what_is_kept_is_not_put_back_through_a_link(tree, victim):
    (tree / "a" / "db").write_text("committed")
    with lent(tree, USER, {"a/db": tree.parent / "data" / "db"}):
        assert attacker.acting(lambda: attacker.swap(tree / "a", victim))
    assert (victim / "db").read_text() == (victim / "db.pushlive-aside").read_text() == "the victim's"


@pytest.mark.parametrize("name", ["link/db", "../victim/db", "a/../../victim/db", "."])
def test_what_would_be_kept_outside_of_the_tree_is_left_out(tree, victim, name):
    (tree / "link").symlink_to(victim)
    (tree / "a" / "db").write_text("committed")
    with lent(tree, None, {name: tree.parent / "data" / "db"}):
        assert not (victim / "db").is_symlink()
    assert (victim / "db").read_text() == "the victim's"
    assert sorted(path.name for path in victim.iterdir()) == ["b", "db", "db.pushlive-aside"]


def test_a_link_in_the_place_of_what_is_kept_comes_back(tree):
    (tree / "db").symlink_to("nowhere")
    with lent(tree, None, {"db": tree.parent / "data" / "db"}):
        assert (tree / "db").read_text() == "kept"
    assert os.readlink(tree / "db") == "nowhere"  # noqa: PTH115


def test_a_large_folder_that_is_new_is_removed_too(tree):
    with lent(tree, None):
        (tree / "node_modules" / "x").mkdir(parents=True)
    assert not (tree / "node_modules").exists()
