import os

import pytest

from pushlive.inspection.tree import lent


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
