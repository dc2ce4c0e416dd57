from pushlive import source
from tests.servers.git import Work

REF = "refs/pushlive/releases/"


def gone(bare, *shas):
    """Which of the commits the hardest tidying removes."""
    repository = Work(bare)
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    seen = repository.git("cat-file", "--batch-check", stdin="\n".join(shas).encode()).splitlines()
    return [sha for sha, line in zip(shas, seen, strict=True) if line.endswith("missing")]


def refs(bare):
    return Work(bare).git("for-each-ref", "--format=%(refname)", REF).split()


def pushed(work, bare):
    """Three commits, of which no branch leads to the last two any more."""
    first = work.commit({"a": "1"})
    second = work.commit({"a": "2"})
    third = work.commit({"a": "3"})
    assert work.push(bare, "master").returncode == 0
    assert work.push(bare, f"+{first}:refs/heads/master").returncode == 0
    return first, second, third


def test_the_commits_of_kept_releases_outlast_a_gc_and_no_others(work, bare):
    first, second, third = pushed(work, bare)
    source.keep_commits(bare, {"v1": first, "v3": third})
    source.keep_commits(bare, {"v1": first, "v2": second})
    assert refs(bare) == [f"{REF}v1", f"{REF}v2"]
    assert gone(bare, first, second, third) == [third]
    assert source.revision(bare, second).sha == second


def test_a_commit_that_is_gone_keeps_no_other_from_being_kept(work, bare):
    first, _, third = pushed(work, bare)
    source.keep_commits(bare, {"v1": "f" * 40, "v3": third})
    assert refs(bare) == [f"{REF}v3"]
    assert gone(bare, first, third) == []


def test_nobody_who_fetches_sees_them(work, bare):
    first, _, _ = pushed(work, bare)
    source.keep_commits(bare, {"v1": first})
    assert REF not in work.git("ls-remote", str(bare))
