import os
import shutil
import tempfile
from pathlib import Path

import pytest

from pushlive import source
from pushlive.model.errors import SourceError
from tests.servers import git
from tests.servers.git import Work


def _refs(bare: Path) -> str:
    return git.git(bare, "for-each-ref").stdout.decode()


def test_the_commit_comes_with_its_history_and_no_ref_moves(work, bare):
    first = work.commit({"a": "1"})
    work.push(bare, "master")
    before = _refs(bare)
    second = work.commit({"a": "2"})
    third = work.commit({"a": "3"})
    assert source.snapshot(work.path, bare) == source.Snapshot("master", third, ())
    assert _refs(bare) == before
    git.git(bare, "merge-base", "--is-ancestor", first, third)
    assert source.revision(bare, second).sha == second
    source.set_ref(bare, "refs/heads/master", third, first)
    git.git(bare, "fsck", "--full", "--strict")
    assert source.snapshot(work.path, bare).sha == third


def test_what_is_not_committed_is_named_and_left_out(work, bare, tmp_path):
    work.write(".gitignore", "*.log\n")
    sha = work.commit({"a": "1", "gone": "x", "moved": "y" * 100})
    work.write("a", "2")
    work.write("new folder/file", "3")
    work.write("noise.log", "4")
    (work.path / "gone").unlink()
    work.git("mv", "moved", "there")
    taken = source.snapshot(work.path, bare)
    assert taken.sha == sha
    assert sorted(taken.uncommitted) == ["a", "gone", "moved", "new folder/", "there"]
    root = source.checkout(bare, source.revision(bare, sha), tmp_path / "tree").tree.path
    assert (root / "a").read_text() == "1"


def test_a_detached_head_has_no_branch(work, bare):
    sha = work.commit({"a": "1"})
    work.git("checkout", "--quiet", "--detach")
    assert source.snapshot(work.path, bare) == source.Snapshot(None, sha, ())


@pytest.mark.parametrize("name", ["a b", "it's", "$(touch canary)", "-x", "a:b", "\u96ea", "x;y", "%s", "new\nline"])
def test_a_folder_of_any_name_works(tmp_path, bare, name):
    work = git.init(tmp_path / "any" / name)
    sha = work.commit({"a": "1"})
    assert source.snapshot(work.path, bare).sha == sha
    assert not list(tmp_path.rglob("canary"))


def test_a_linked_worktree_works(work, bare, tmp_path):
    work.commit({"a": "1"})
    work.git("worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    linked = Work(tmp_path / "linked")
    sha = linked.commit({"a": "2"})
    assert source.snapshot(linked.path, bare) == source.Snapshot("topic", sha, ())


def test_a_folder_without_git_says_what_to_type(tmp_path, bare):
    (tmp_path / "plain").mkdir()
    with pytest.raises(SourceError, match="is not a git repository") as refused:
        source.snapshot(tmp_path / "plain", bare)
    assert "git init && git add . && git commit" in refused.value.remedy
    with pytest.raises(SourceError, match="is not a folder"):
        source.snapshot(tmp_path / "missing", bare)


def test_a_repository_without_a_commit_says_what_to_type(work, bare):
    work.write("a", "1")
    with pytest.raises(SourceError, match="has no commit yet") as refused:
        source.snapshot(work.path, bare)
    assert "git add . && git commit" in refused.value.remedy


def test_a_folder_inside_a_repository_names_the_repository(work, bare):
    work.commit({"site/manage.py": "1"})
    with pytest.raises(SourceError, match="is inside the repository") as refused:
        source.snapshot(work.path / "site", bare)
    assert f"pushlive up {work.path}" in refused.value.remedy


def test_a_bare_repository_is_refused(objects, bare):
    with pytest.raises(SourceError, match="bare repository"):
        source.snapshot(objects.path, bare)


def test_a_shallow_clone_is_refused_with_the_remedy(work, bare, tmp_path):
    work.commit({"a": "1"})
    work.commit({"a": "2"})
    git.git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{work.path}", "shallow")
    with pytest.raises(SourceError, match="shallow") as refused:
        source.snapshot(tmp_path / "shallow", bare)
    assert "fetch --unshallow" in refused.value.remedy


def test_a_partial_clone_is_refused_with_the_remedy(work, bare, tmp_path):
    work.commit({"a": "1", "b": "2"})
    work.git("config", "uploadpack.allowFilter", "true")
    git.git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{work.path}", "partial")
    with pytest.raises(SourceError, match="partial clone") as refused:
        source.snapshot(tmp_path / "partial", bare)
    assert "full clone" in refused.value.remedy


def test_nothing_that_the_checkout_sets_is_run(work, bare, tmp_path):
    payload = tmp_path / "payload"
    payload.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/ran\ncat\n')
    payload.chmod(0o755)
    sha = work.commit({"a": "1", ".gitattributes": "* filter=evil diff=evil\n"})
    for hook in ("reference-transaction", "post-index-change", "pre-auto-gc", "pre-push", "post-checkout"):
        shutil.copy(payload, work.path / ".git" / "hooks" / hook)
    for name in (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "uploadpack.packObjectsHook", "diff.external",
        "core.alternateRefsCommand", "core.gitProxy", "diff.evil.textconv", "credential.helper",
    ):  # fmt: skip
        work.git("config", name, str(payload))
    work.git("config", "remote.origin.url", f"ext::{payload}")
    work.git("config", "protocol.ext.allow", "always")
    work.git("config", "url.ext::payload.insteadOf", str(work.path))
    work.git("config", "core.worktree", str(work.path))
    (tmp_path / "ran").unlink(missing_ok=True)
    assert source.snapshot(work.path, bare).sha == sha
    assert source.bring(work.path, bare, "master") == sha
    assert not (tmp_path / "ran").exists()


def test_unsafe_objects_are_not_taken(work, bare, objects):
    inner = work.tree(("100644", b"x", work.blob(b"x")))
    sha = work.commit_tree(work.tree(("40000", b".GIT", inner)))
    work.git("update-ref", "refs/heads/master", sha)
    for _ in range(2):
        with pytest.raises(SourceError, match="git finds unsafe") as refused:
            source.snapshot(work.path, bare)
        assert any("hasDotgit" in line for line in refused.value.evidence)
    with pytest.raises(SourceError):
        source.revision(bare, sha)


def test_bring_takes_any_name_there_or_what_was_pushed(work, bare, tmp_path):
    pushed = work.commit({"a": "1"})
    work.push(bare, "master:refs/heads/kept")
    sha = work.commit({"a": "2"})
    work.git("tag", "-a", "v2", "-m", "two")
    work.git("branch", "topic")
    work.commit({"a": "3"})
    before = _refs(bare)
    for name in ("v2", "topic", "HEAD~1", sha, sha[:9]):
        assert source.bring(work.path, bare, name) == sha
    assert source.revision(bare, sha).sha == sha
    assert source.bring(work.path, bare, "kept") == pushed
    (tmp_path / "plain").mkdir()
    assert source.bring(tmp_path / "plain", bare, pushed[:8]) == pushed
    assert _refs(bare) == before
    for name in ("nowhere", "--all", "-x", "HEAD^{/x}", ""):
        with pytest.raises(SourceError):
            source.bring(work.path, bare, name)
    work.git("tag", "topic", "master")
    with pytest.raises(SourceError, match="more than one thing"):
        source.bring(work.path, bare, "topic")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder to another user needs root")
def test_root_reads_another_user_s_checkout_as_that_user(bare, tmp_path):
    outside = Path(tempfile.mkdtemp())
    outside.chmod(0o755)
    try:
        work = git.init(outside / "work")
        sha = work.commit({"a": "1", ".gitattributes": "* filter=evil\n"})
        work.git("config", "filter.evil.clean", f"id -u >> {outside}/work/.git/ran; cat")
        work.write("a", "2")
        for path in (outside / "work", *(outside / "work").rglob("*")):
            os.chown(path, 65534, 65534, follow_symlinks=False)
        assert source.snapshot(work.path, bare) == source.Snapshot("master", sha, ("a",))
        assert set((outside / "work" / ".git" / "ran").read_text().split()) == {"65534"}
    finally:
        shutil.rmtree(outside)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read it as its owner")
def test_another_user_s_checkout_is_refused(bare):
    with pytest.raises(SourceError, match="belongs to another user"):
        source.snapshot(Path("/"), bare)
