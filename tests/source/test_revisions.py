import hashlib
import itertools
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushlive import source
from pushlive.model.errors import SourceError, StateError
from pushlive.model.source import ZERO
from pushlive.source import revisions
from tests.servers.git import init, set_hook
from tests.source.conftest import ACCEPT


def _pushed(work, bare):
    """Two commits on master, tags `v1.0` (annotated) and `light`, a branch `topic`."""
    work.commit({"manage.py": "1"}, "First\n\nWith a body")
    work.git("tag", "-a", "v1.0", "-m", "one")
    work.commit({"manage.py": "2"}, "Second")
    work.git("tag", "light")
    work.git("branch", "topic", "HEAD~1")
    assert work.push(bare, "--all").returncode == 0
    assert work.push(bare, "--tags").returncode == 0
    return work


@pytest.fixture
def pushed(work, bare):
    return _pushed(work, bare)


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """The same, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("settled")
    source.create(folder / "repo.git", python=Path(sys.executable))
    set_hook(folder / "repo.git", ACCEPT)
    return _pushed(init(folder / "work"), folder / "repo.git"), folder / "repo.git"


def test_every_way_to_name_a_commit(settled):
    pushed, bare = settled
    first, second = pushed.git("rev-parse", "HEAD~1"), pushed.head
    for name in ("master", "HEAD", "@", "light", "refs/heads/master", second, second[:7], second.upper()):
        assert source.revision(bare, name).sha == second, name
    for name in ("topic", "v1.0", "refs/tags/v1.0", "master~1", "master^", "HEAD~", "@~", f"{second[:8]}^0~1"):
        assert source.revision(bare, name).sha == first, name


def test_a_revision_has_its_message_and_its_time(settled):
    _, bare = settled
    found = source.revision(bare, "topic")
    assert found.message == "First\n\nWith a body\n"
    assert found.subject == "First"
    assert found.short == found.sha[:7]
    assert abs(datetime.now(UTC) - found.committed) < timedelta(hours=1)


@pytest.mark.parametrize(
    "name",
    [
        "", "-", "-uploadpack=x", "--upload-pack=touch x", "--help", "-h", "$(touch x)", "`touch x`", "a;b", "nothing",
        "0000000", "f" * 40, ZERO, "HEAD^{/First}", ":/First", "master:manage.py", "HEAD^{tree}", "master@{0}", "@{-1}",
        "HEAD@{yesterday}", "master\n", "master\0", "a\nb", "../x", "refs/../x", "/etc/passwd", "x" * 5000, "a b",
        "master..topic", "^master", "master^@", "master^!", "master^-", "\x1b[31m", "a\u202eb", "\udcff", "HEAD~99999",
        "HEAD~3", "HEAD^2", "refs/heads/", "refs/heads/missing", "*", "mast?r", "--all", "--", "~", "^",
    ],
)  # fmt: skip
def test_hostile_or_unknown_names_are_refused_with_a_remedy(settled, name, tmp_path, monkeypatch):
    _, bare = settled
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SourceError) as refused:
        source.revision(bare, name)
    assert refused.value.remedy
    assert str(refused.value).isprintable()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["-uploadpack=x", "$(touch${IFS}x)", "--all", "a;b", "'", "`x`", "--", "-", "%s", "\u00fc"]
)
def test_a_branch_with_a_hostile_name_is_found_by_it(pushed, bare, name):
    assert pushed.push(bare, f"HEAD:refs/heads/{name}").returncode == 0
    assert source.revision(bare, name).sha == pushed.head
    assert source.tip(bare, f"refs/heads/{name}") == pushed.head


def test_a_branch_and_a_tag_of_one_name_that_differ_are_told_apart(pushed, bare):
    pushed.push(bare, "HEAD:refs/heads/v1.0")
    with pytest.raises(SourceError, match=r"Say refs/heads/v1\.0 or refs/tags/v1\.0"):
        source.revision(bare, "v1.0")
    pushed.push(bare, "HEAD:refs/heads/light")
    assert source.revision(bare, "light").sha == pushed.head


def test_too_few_digits_name_the_candidates(objects):
    numbers: dict[str, int] = {}
    for number in itertools.count():
        sha = _sha(number)
        if sha[:4] in numbers:
            break
        numbers[sha[:4]] = number
    objects.tree()
    objects.raw_commit(_content(numbers[sha[:4]]))
    objects.raw_commit(_content(number))
    with pytest.raises(SourceError, match=f"begins with {sha[:4]}") as refused:
        source.revision(objects.path, sha[:4])
    assert sha in refused.value.evidence
    assert source.revision(objects.path, sha[:12]).sha == sha


def _content(number):
    return (
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b.c> 1 +0000\n"
        b"committer A <a@b.c> 1 +0000\n\n%d" % number
    )


def _sha(number):
    content = _content(number)
    return hashlib.sha1(b"commit %d\0" % len(content) + content).hexdigest()


def test_a_tag_on_something_else_than_a_commit_is_refused(pushed, bare):
    pushed.git("tag", "blob", pushed.git("rev-parse", "HEAD:manage.py"))
    assert pushed.push(bare, "refs/tags/blob").returncode == 0
    with pytest.raises(SourceError, match="no branch, tag or commit blob"):
        source.revision(bare, "blob")


def test_odd_commits_of_old_tools_are_read(objects):
    tree = objects.tree()
    head = f"tree {tree}\nauthor A <a> 1 +0000\ncommitter".encode()
    latin = objects.raw_commit(head + b" A <a> 1400000000 -0730\nencoding ISO-8859-1\n\nGr\xfc\xdfe\n")
    strange = objects.raw_commit(head + b" A <a> 99999999999999 +9999\nencoding x-no-such\n\n\xff\n")
    dateless = objects.raw_commit(head + b" A <a>\n\nno date")
    found = source.revision(objects.path, latin)
    assert found.message == "Gr\u00fc\u00dfe\n"
    assert found.committed.isoformat() == "2014-05-13T09:23:20-07:30"
    assert source.revision(objects.path, strange).committed == datetime.fromtimestamp(0, UTC)
    assert source.revision(objects.path, dateless).message == "no date"


def test_a_replaced_object_is_not_believed(pushed, bare):
    first, second = pushed.git("rev-parse", "HEAD~1"), pushed.head
    assert pushed.push(bare, f"{first}:refs/replace/{second}").returncode != 0
    (bare / "refs" / "replace").mkdir()
    (bare / "refs" / "replace" / second).write_text(f"{first}\n")
    assert source.revision(bare, second).subject == "Second"


def test_what_is_no_repository_says_so(tmp_path):
    with pytest.raises(StateError, match="git failed while looking up a revision"):
        source.revision(tmp_path, "master")


def test_changed_paths_count_both_names_and_take_any_name(pushed, bare):
    old = pushed.head
    pushed.git("mv", "manage.py", "moved.py")
    new = pushed.commit({'a\nb\t"c': "x", "\u96ea/\u00e9": "y", "plain": "z"}, "names")
    pushed.push(bare, "master")
    assert source.changed_paths(bare, old, new) == ('a\nb\t"c', "manage.py", "moved.py", "plain", "\u96ea/\u00e9")
    assert source.changed_paths(bare, new, new) == ()
    assert source.changed_paths(bare, new, old) == source.changed_paths(bare, old, new)


def test_a_new_branch_an_unknown_past_and_a_foreign_history_change_every_file(pushed, bare):
    old = pushed.head
    pushed.git("checkout", "--quiet", "--orphan", "other")
    new = pushed.commit({"manage.py": "2"})
    pushed.push(bare, "other")
    assert source.changed_paths(bare, ZERO, new) is None
    assert source.changed_paths(bare, "f" * 40, new) is None
    assert source.changed_paths(bare, old, new) is None


def test_a_change_without_end_counts_as_every_file(objects, monkeypatch):
    monkeypatch.setattr(revisions, "MOST_PATHS", 1000)
    blob = objects.blob(b"x")
    tree = objects.tree(*(("100644", b"f%d" % number, blob) for number in range(10)))
    old = objects.commit_tree(tree)
    for _ in range(9):
        tree = objects.tree(*(("40000", b"d%d" % number, tree) for number in range(10)))
    assert source.changed_paths(objects.path, old, objects.commit_tree(tree, old)) is None


def test_only_full_names_reach_git(bare):
    for old, new in (("--help", ZERO), (ZERO, "master"), ("F" * 40, ZERO)):
        with pytest.raises(SourceError, match="not a full commit name"):
            source.changed_paths(bare, old, new)
