import errno
import os
import stat
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError, StateError
from pushlive.system import files
from pushlive.system.process import Account


def test_a_file_is_replaced_whole_with_its_mode(tmp_path):
    file = tmp_path / "new" / "secret.json"
    files.write_atomic(file, b"one", mode=0o600)
    files.write_atomic(file, b"two", mode=0o600)
    assert file.read_bytes() == b"two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret.json"]


def test_a_reader_of_the_old_file_keeps_it(tmp_path):
    file = tmp_path / "live.json"
    files.write_atomic(file, b"old")
    with file.open("rb") as reader:
        files.write_atomic(file, b"new")
        assert reader.read() == b"old"


def test_a_link_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("target")
    files.write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"kept"
    assert not (tmp_path / "link").is_symlink()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    file = tmp_path / "live.json"
    files.write_atomic(file, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="no space left on the disk that holds"):
        files.write_atomic(file, b"new")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["live.json"]


def test_a_disk_that_is_really_full_is_named():
    with pytest.raises(MachineError, match="no space left"), files.explained(Path("/dev/full")):
        Path("/dev/full").write_bytes(b"x" * 100)


@pytest.mark.parametrize(
    ("number", "kind", "cause"),
    [
        (errno.EDQUOT, MachineError, "no space left on the disk that holds /state"),
        (errno.EACCES, MachineError, "no right to write /state/x"),
        (errno.EROFS, StateError, "/state/x: Read-only file system"),
        (errno.EIO, StateError, "/state/x: Input/output error"),
    ],
)
def test_what_the_system_says_becomes_an_error_with_its_place(number, kind, cause):
    with pytest.raises(kind) as caught, files.explained(Path("/state")):
        raise OSError(number, os.strerror(number), "/state/x")
    assert caught.value.cause == cause
    assert caught.value.where == "/state"


def test_other_errors_pass_through():
    with pytest.raises(ValueError, match="odd"), files.explained(Path("/state")):
        raise ValueError("odd")


def test_a_read_only_tree_is_removed(tmp_path):
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("x")
    for path in (tree / "a" / "b" / "file", tree / "a" / "b", tree / "a", tree):
        path.chmod(0o500)
    files.remove_tree(tree)
    assert not tree.exists()


def test_links_are_removed_and_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "alone").symlink_to(tmp_path / "kept")
    files.remove_tree(tmp_path / "tree")
    files.remove_tree(tmp_path / "alone")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "file").exists()


def test_a_file_is_removed_and_nothing_is_fine(tmp_path):
    (tmp_path / "file").write_text("x")
    files.remove_tree(tmp_path / "file")
    files.remove_tree(tmp_path / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_tree_is_handed_over_and_what_its_links_lead_to_is_not(tmp_path):
    (tmp_path / "kept").write_text("x")
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "link").symlink_to(tmp_path / "kept")
    files.hand_over(tmp_path / "tree", Account(65534, 65534))
    assert {path.lstat().st_uid for path in (tmp_path / "tree").rglob("*")} == {65534}
    assert (tmp_path / "tree").stat().st_gid == 65534
    assert (tmp_path / "kept").stat().st_uid == 0


def test_without_an_account_nothing_is_handed_over(tmp_path):
    files.hand_over(tmp_path / "nowhere", None)
