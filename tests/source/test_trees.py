import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pushlive import source
from pushlive.model.errors import MachineError, SourceError
from pushlive.source import Limits


def _checkout(repository: Path, sha: str, into: Path, **more):
    return source.checkout(repository, source.revision(repository, sha), into, **more)


def _listing(root: Path) -> dict[str, tuple[str, bytes]]:
    found = {}
    for path in sorted(root.rglob("*")):
        mode = stat.filemode(path.lstat().st_mode)
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (mode, content)
    return found


def test_files_programs_folders_and_links_come_out_as_committed(work, tmp_path):
    work.write("bin/run", "#!/bin/sh\n").chmod(0o777)
    work.write("data", bytes(range(256)) * 5000)
    work.write("secret", "x").chmod(0o600)
    (work.path / "bin" / "link").symlink_to("../data")
    (work.path / "folder").symlink_to("bin")
    sha = work.commit({"empty": "", "\u96ea/\u00e9 b": "deep"})
    before = os.umask(0o077)
    try:
        made = _checkout(work.path / ".git", sha, tmp_path / "out" / "tree")
    finally:
        os.umask(before)
    assert made.tree.path == tmp_path / "out" / "tree"
    assert made.tree.revision.sha == sha
    assert (made.submodules, made.pointers) == ((), ())
    assert _listing(made.tree.path) == {
        "bin": ("drwxr-xr-x", b""),
        "bin/run": ("-rwxr-xr-x", b"#!/bin/sh\n"),
        "bin/link": ("lrwxrwxrwx", b"../data"),
        "data": ("-rw-r--r--", bytes(range(256)) * 5000),
        "empty": ("-rw-r--r--", b""),
        "folder": ("lrwxrwxrwx", b"bin"),
        "secret": ("-rw-r--r--", b"x"),
        "\u96ea": ("drwxr-xr-x", b""),
        "\u96ea/\u00e9 b": ("-rw-r--r--", b"deep"),
    }
    assert stat.S_IMODE(made.tree.path.stat().st_mode) == 0o755
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tree"]


def test_attributes_change_nothing(work, tmp_path):
    attributes = "* text eol=crlf ident export-subst filter=evil\nhidden export-ignore\n"
    content = "$Id$ $Format:%H$\nline\n"
    sha = work.commit({".gitattributes": attributes, "file": content, "hidden": "here"})
    work.git("config", "filter.evil.smudge", "touch /tmp/pushlive-smudged")
    root = _checkout(work.path / ".git", sha, tmp_path / "tree").tree.path
    assert (root / "file").read_text() == content
    assert (root / "hidden").read_text() == "here"
    assert not Path("/tmp/pushlive-smudged").exists()


def test_an_empty_tree_is_an_empty_folder(objects, tmp_path):
    made = _checkout(objects.path, objects.commit_tree(objects.tree()), tmp_path / "tree")
    assert list(made.tree.path.iterdir()) == []


def test_a_name_that_is_not_text_survives(objects, tmp_path):
    tree = objects.tree(("100644", b"caf\xe9", objects.blob(b"x")))
    root = _checkout(objects.path, objects.commit_tree(tree), tmp_path / "tree").tree.path
    assert [os.fsencode(path.name) for path in root.iterdir()] == [b"caf\xe9"]


def test_old_and_odd_modes_are_plain_files(objects, tmp_path):
    blob = objects.blob(b"x")
    tree = objects.tree(("100664", b"a", blob), ("104755", b"setuid", blob), ("0100644", b"z", blob))
    root = _checkout(objects.path, objects.commit_tree(tree), tmp_path / "tree").tree.path
    assert {name: mode for name, (mode, _) in _listing(root).items()} == {
        "a": "-rw-r--r--", "setuid": "-rwxr-xr-x", "z": "-rw-r--r--",
    }  # fmt: skip


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"git~1", b".git ", "\u200c.git".encode(), b"a\x1bb"])
def test_a_hostile_name_is_refused_and_nothing_is_left(objects, tmp_path, name):
    blob = objects.blob(b"x")
    for tree in (
        objects.tree(("100644", name, blob)),
        objects.tree(("40000", name, objects.tree(("100644", b"f", blob)))),
        objects.tree(("40000", b"d", objects.tree(("120000", name, blob)))),
    ):
        with pytest.raises(SourceError) as refused:
            _checkout(objects.path, objects.commit_tree(tree), tmp_path / "out" / "tree")
        assert str(refused.value).isprintable()
    assert not (tmp_path / "out").exists()


def test_a_name_with_a_slash_in_it_is_refused(objects, tmp_path):
    for name in (b"../escape", b"/tmp/escape", b"a/../../b", b"a//b"):
        tree = objects.tree(("100644", name, objects.blob(b"x")))
        with pytest.raises(SourceError):
            _checkout(objects.path, objects.commit_tree(tree), tmp_path / "tree")


def test_a_link_and_a_folder_of_one_name_are_refused(objects, tmp_path):
    blob, target = objects.blob(b"x"), objects.blob(b"/tmp")
    folder = objects.tree(("100644", b"f", blob))
    for entries in (
        [("120000", b"a", target), ("40000", b"a", folder)],
        [("40000", b"a", folder), ("120000", b"a", target)],
        [("100644", b"a", blob), ("100644", b"a", blob)],
        [("160000", b"a", blob), ("120000", b"a", target)],
    ):
        with pytest.raises(SourceError, match="a is in the tree twice"):
            _checkout(objects.path, objects.commit_tree(objects.tree(*entries)), tmp_path / "tree")


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ({"out": "/etc/passwd"}, "out is a symbolic link to /etc/passwd"),
        ({"d/out": "../../x"}, "d/out is a symbolic link to ../../x"),
        ({"one": "two/../..", "two": "d"}, "one is a symbolic link to two/../.."),
        ({"a": "b", "b": "c", "c": ".."}, "is a symbolic link to"),
        ({"d/up": "../..", "use": "d/up/etc"}, "outside of the repository"),
    ],
)
def test_a_link_that_leaves_is_named_with_where_it_points(work, tmp_path, links, said):
    work.write("d/file", "x")
    for name, target in links.items():
        (work.path / name).symlink_to(target)
    with pytest.raises(SourceError, match=said) as refused:
        _checkout(work.path / ".git", work.commit(), tmp_path / "out" / "tree")
    assert refused.value.remedy
    assert not any((tmp_path / "out").iterdir())


def test_links_inside_work_chained_dangling_and_looping(work, tmp_path):
    links = {
        "a": "b",
        "b": "d/file",
        "d/self": "self",
        "later": "data/x.sqlite3",
        "d/top": "..",
        "d/back": "top/d/file",
    }
    work.write("d/file", "x")
    for name, target in links.items():
        (work.path / name).symlink_to(target)
    root = _checkout(work.path / ".git", work.commit(), tmp_path / "tree").tree.path
    assert (root / "a").read_text() == "x"
    assert (root / "d" / "back").read_text() == "x"
    assert str((root / "later").readlink()) == "data/x.sqlite3"


def test_a_link_with_an_unusable_target_is_refused(objects, tmp_path):
    for target in (b"", b"a\0b", b"x" * 5000):
        tree = objects.tree(("120000", b"l", objects.blob(target)))
        with pytest.raises(SourceError, match="l is a symbolic link with"):
            _checkout(objects.path, objects.commit_tree(tree), tmp_path / "tree")


def test_submodules_are_empty_folders_and_pointers_are_named(work, tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
    first = work.commit({"static/logo.png": pointer, "plain": "x"})
    work.git("update-index", "--add", "--cacheinfo", f"160000,{first},vendor/lib")
    work.git("commit", "--quiet", "-m", "submodule")
    made = _checkout(work.path / ".git", work.head, tmp_path / "tree")
    assert made.submodules == ("vendor/lib",)
    assert made.pointers == ("static/logo.png",)
    assert list((made.tree.path / "vendor" / "lib").iterdir()) == []


def test_too_many_bytes_are_refused_before_anything_is_written(work, tmp_path):
    sha = work.commit({"a": "x" * 600, "b": "y" * 600})
    with pytest.raises(SourceError, match="more than 1,000 bytes") as refused:
        _checkout(work.path / ".git", sha, tmp_path / "out" / "tree", limits=Limits(bytes=1000))
    assert refused.value.evidence == ("b: 600 bytes passes the limit",)
    assert not (tmp_path / "out").exists()
    _checkout(work.path / ".git", sha, tmp_path / "tree", limits=Limits(bytes=1200, files=2))


def test_a_small_repository_with_ten_billion_files_is_refused_at_once(objects, tmp_path):
    tree = objects.tree(*(("100644", b"f%d" % number, objects.blob(b"x")) for number in range(10)))
    for _ in range(9):
        tree = objects.tree(*(("40000", b"d%d" % number, tree) for number in range(10)))
    with pytest.raises(SourceError, match="more than 100,000 files"):
        _checkout(objects.path, objects.commit_tree(tree), tmp_path / "tree")


def test_a_tree_without_bottom_is_refused(objects, tmp_path):
    tree = objects.tree(("100644", b"f", objects.blob(b"x")))
    for _ in range(1000):
        tree = objects.tree(("40000", b"deeper", tree))
    with pytest.raises(SourceError, match="longer than"):
        _checkout(objects.path, objects.commit_tree(tree), tmp_path / "tree")


def test_a_missing_blob_is_said_and_leaves_nothing(work, tmp_path):
    sha = work.commit({"a": "lost", "b": "kept"})
    blob = work.git("rev-parse", "HEAD:a")
    (work.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(Exception, match=r"listing|cannot be read"):
        _checkout(work.path / ".git", sha, tmp_path / "out" / "tree")
    assert not list(tmp_path.glob("out/*"))


def test_the_same_revision_comes_out_the_same(work, tmp_path):
    sha = work.commit({f"d{number % 7}/f{number}": f"{number}" for number in range(200)})
    made = [_checkout(work.path / ".git", sha, tmp_path / name).tree.path for name in ("one", "two")]
    assert _listing(made[0]) == _listing(made[1])


def test_what_is_there_already_is_not_written_over(work, tmp_path):
    sha = work.commit({"a": "new"})
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "mine").write_text("x")
    with pytest.raises(Exception, match="tree"):
        _checkout(work.path / ".git", sha, tmp_path / "tree")
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["mine"]
    assert not list(tmp_path.glob(".tree*"))


def test_a_kill_leaves_only_scratch(work, tmp_path):
    sha = work.commit({f"f{number}": "x" * 1000 for number in range(3000)})
    code = (
        "import sys, pathlib; from pushlive import source; repo = pathlib.Path(sys.argv[1]);"
        "source.checkout(repo, source.revision(repo, sys.argv[2]), pathlib.Path(sys.argv[3]))"
    )
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", code, work.path / ".git", sha, out / "tree"])
    while not list(out.glob(".tree.*/f*")) and child.poll() is None:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert all(path.name.startswith(".tree.") for path in out.iterdir()) or (out / "tree" / "f2999").exists()
    if not (out / "tree").exists():
        assert len(list(_checkout(work.path / ".git", sha, out / "tree").tree.path.iterdir())) == 3000


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_said_and_leaves_nothing(work, tmp_path):
    sha = work.commit({"big": os.urandom(2 * 1024 * 1024)})
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        with pytest.raises(MachineError, match="no space left"):
            _checkout(work.path / ".git", sha, small / "tree")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)
