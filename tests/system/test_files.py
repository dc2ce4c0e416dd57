import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError, StateError
from pushlive.system import files
from pushlive.system.process import Account
from tests.system import attacker


def as_root(test):
    """Changing owners needs root."""
    return pytest.mark.root(pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")(test))


@pytest.fixture
def place():
    """A folder that every user can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def tree(place):
    """`tree/a/x`, and beside it a victim that has an x too."""
    for name in ("tree/a", "victim"):
        (place / name).mkdir(parents=True)
        (place / name / "x").write_text("x")
    return place / "tree"


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


def test_what_is_neither_a_file_nor_a_folder_is_removed_too(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    files.remove_tree(tmp_path / "pipe")
    assert not list(tmp_path.iterdir())


def test_folders_within_folders_beyond_all_measure_are_removed(tmp_path):
    (tmp_path / "tree").mkdir()
    script = "import os\nfor _ in range(3000):\n    os.mkdir('a')\n    os.chdir('a')\n"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path / "tree", check=True)
    with pytest.raises(OSError, match=r"nested too deep|Too many open files"):
        files.take_back(tmp_path / "tree")
    files.remove_tree(tmp_path / "tree")
    assert not list(tmp_path.iterdir())


@as_root
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


@as_root
def test_who_is_given_a_tree_cannot_lead_us_elsewhere_meanwhile(tree, place):
    code = f"""
from pathlib import Path
from pushlive.system import files
from pushlive.system.process import Account
files.hand_over(Path({str(tree)!r}), Account({attacker.USER}, {attacker.USER}))
"""
    attacker.run("os.chown", "x", tree / "a", place / "victim", code)
    assert (tree / "a" / "x").stat().st_uid == attacker.USER
    assert (place / "victim" / "x").stat().st_uid == 0


@as_root
def test_whose_tree_is_removed_cannot_lead_us_elsewhere_meanwhile(tree, place):
    files.hand_over(tree, Account(attacker.USER, attacker.USER))
    code = f"from pathlib import Path\nfrom pushlive.system import files\nfiles.remove_tree(Path({str(tree)!r}))"
    attacker.run("os.chmod", "/a", tree / "a", place / "victim", code)
    assert not tree.exists()
    assert stat.S_IMODE((place / "victim").stat().st_mode) == 0o755
    assert (place / "victim" / "x").exists()


@as_root
def test_folders_alone_are_handed_over_and_only_those_that_are_named(tree):
    (tree / "b").mkdir()
    files.hand_over(tree, Account(4242, 4242), folders={str(tree / "a")})
    owners = {path.name: path.stat().st_uid for path in (tree, *tree.rglob("*"))}
    assert owners == {"tree": 4242, "a": 4242, "b": 0, "x": 0}


@as_root
def test_whose_tree_is_taken_back_can_change_no_name_in_it(tree):
    files.hand_over(tree, Account(attacker.USER, attacker.USER))
    (tree / "a").chmod(0o2777)
    files.take_back(tree)
    assert not attacker.acting((tree / "a" / "x").unlink)
    assert not attacker.acting(lambda: attacker.swap(tree / "a", "/etc"))
    assert stat.S_IMODE((tree / "a").stat().st_mode) == 0o2755


@as_root
def test_whose_tree_is_taken_back_cannot_lead_us_elsewhere_meanwhile(tree, place):
    files.hand_over(tree, Account(attacker.USER, attacker.USER))
    for path in (tree / "a" / "b", place / "victim" / "b"):
        path.mkdir()
        os.chown(path, 5000, 5000)
    code = f"from pathlib import Path\nfrom pushlive.system import files\nfiles.take_back(Path({str(tree)!r}))"
    attacker.run("os.chown", "", tree / "a", place / "victim", code)
    assert (place / "victim" / "b").stat().st_uid == 5000


@as_root
def test_a_link_in_the_place_of_a_folder_is_not_taken_back(tree, place):
    (place / "link").symlink_to(tree)
    with pytest.raises(OSError, match="link"):
        files.take_back(place / "link")
