import io
import os
import string
from pathlib import Path

import pytest

from pushlive import source
from pushlive.model.errors import SourceError
from pushlive.model.source import ZERO, Push
from pushlive.source import refs
from tests.servers import git
from tests.servers.git import set_hook, ssh_server, without_ssh

SHA, OTHER = "a" * 40, "b" * 40

KEEP = """
import os, signal, sys
from pathlib import Path
from pushlive import source
pushes = source.read_pushes(sys.stdin.buffer)
source.keep_objects(Path.cwd(), os.environ)
source.keep_objects(Path.cwd(), os.environ)
"""
KILL = KEEP + "os.kill(os.getppid(), signal.SIGKILL)\nos.kill(os.getpid(), signal.SIGKILL)\n"


def _read(text: bytes) -> tuple[Push, ...]:
    return source.read_pushes(io.BytesIO(text))


def test_pushes_are_read_line_by_line():
    lines = f"{ZERO} {SHA} refs/heads/master\n{SHA} {ZERO} refs/tags/v1\n{SHA} {OTHER} refs/heads/\u96ea".encode()
    assert _read(lines) == (
        Push(ZERO, SHA, "refs/heads/master"),
        Push(SHA, ZERO, "refs/tags/v1"),
        Push(SHA, OTHER, "refs/heads/\u96ea"),
    )
    assert _read(b"") == ()


@pytest.mark.parametrize(
    "line",
    [
        b"\n", b"x\n", f"{SHA} {OTHER}\n".encode(), f"{SHA[1:]} {OTHER} refs/heads/a\n".encode(),
        f"{SHA.upper()} {OTHER} refs/heads/a\n".encode(), f"{SHA} {OTHER} master\n".encode(),
        f" {SHA} {OTHER} refs/heads/a\n".encode(), f"{SHA}  {OTHER} refs/heads/a\n".encode(),
        f"{SHA}\t{OTHER}\trefs/heads/a\n".encode(), f"{SHA} {OTHER} refs/heads/a b\n".encode(),
        f"{SHA} {OTHER} refs/heads/a\r\n".encode(), f"{SHA} {OTHER} refs/heads/a\0b\n".encode(),
        f"{SHA} {OTHER} refs/heads/\x1b[2J\n".encode(), f"{SHA} {OTHER} refs/heads/\u202eevil\n".encode(),
        f"{SHA} {OTHER} refs/heads/\u009b31m\n".encode(), f"{SHA} {OTHER} refs/heads/".encode() + b"\xff\n",
        f"{SHA} {OTHER} refs/heads/{'x' * 2000}\n".encode(), f"{SHA} {OTHER} refs/../../x\n".encode(),
        f"{SHA} {OTHER} --upload-pack=x\n".encode(), "\u0661".encode() * 40 + f" {OTHER} refs/heads/a\n".encode(),
    ],
)  # fmt: skip
def test_a_line_that_is_no_push_is_refused(line):
    with pytest.raises(SourceError) as refused:
        _read(line)
    assert str(refused.value).isprintable()


def _hostile_names() -> list[str]:
    """200 names that git accepts and that a shell, an option parser, SQL, HTML or a path would stumble on."""
    words = [
        "-uploadpack=x", "--upload-pack=touch${IFS}canary", "-", "--", "--help", "$(touch${IFS}canary)", "-rf", "-n",
        "`touch${IFS}canary`", "a;touch${IFS}canary", "a&touch${IFS}canary", "a|touch${IFS}canary", "a>canary", "-e",
        "a<canary", "'", '"', "''", "a'b", '"a"', "$HOME", "${x}", "$((1))", "!", "!!", "#", "%s", "%n%n", "%00", "{}",
        "{a,b}", "(a)", "a=b", "a,b", "a+b", "@a", "a@", "a@b", "&&", "||", "';DROP", "1'OR'1'='1", "<script>", "-c",
        "<img/src=x>", "&lt;", "javascript", "\u96ea", "\u00e9", "e\u0301", "\U0001f600", "\u0430dmin", "HEAD", "-C",
        "FETCH_HEAD", "refs/heads/master", "heads/x", "objects", "config", "hooks/pre-receive", "0", "00000000", "+x",
        "f" * 40, "x" * 200, "con", "nul.txt", "a.b", "a-.b", "v1.0", "1e9", "None", "null", "true", "__proto__", "+",
        "{{7x7}}", "${7x7}", "#{7x7}", "%{x}", "$IFS", "a$", "a!", "--exec=x", "--git-dir=x",
    ]  # fmt: skip
    more = [f"{left}{middle}{left}" for left in "$`'\"&;|" for middle in string.ascii_letters[:20]]
    return list(dict.fromkeys([*words, *more]))[:200]


def test_two_hundred_hostile_names_through_a_real_push(work, bare, tmp_path):
    sha = work.commit({"a": "1"})
    names = _hostile_names()
    assert len(names) == 200
    set_hook(bare, "import sys\nopen('seen', 'wb').write(sys.stdin.buffer.read())\n")
    done = work.push(bare, *(f"HEAD:refs/{kind}/h/{name}" for name in names for kind in ("heads", "tags")))
    assert done.returncode == 0, done.stderr
    pushes = _read((bare / "seen").read_bytes())
    assert {push.ref for push in pushes} == {f"refs/{kind}/h/{name}" for name in names for kind in ("heads", "tags")}
    new = work.commit({"a": "2"})
    assert work.push(bare, "HEAD:refs/heads/master").returncode == 0
    for name in names[::4]:
        assert source.revision(bare, f"h/{name}").sha == sha
        source.set_ref(bare, f"refs/heads/h/{name}", new, sha)
        assert source.tip(bare, f"refs/heads/h/{name}") == new
    assert not list(tmp_path.rglob("canary"))
    assert not (Path.cwd() / "canary").exists()


def test_names_that_no_ref_may_have_never_reach_git(bare):
    for name in (
        "",
        "a b",
        "a..b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "@{x",
        "a//b",
        "a/",
        "/a",
        "a.lock",
    ):
        assert not refs.is_name(name)
        with pytest.raises(SourceError):
            source.tip(bare, f"refs/heads/{name}")
        with pytest.raises(SourceError):
            source.set_ref(bare, f"refs/heads/{name}", SHA, ZERO)


def test_a_ref_moves_only_from_where_it_is_said_to_stand(work, bare):
    first = work.commit({"a": "1"})
    second = work.commit({"a": "2"})
    work.push(bare, "HEAD:refs/heads/objects")
    ref = "refs/heads/master"
    assert source.tip(bare, ref) is None
    source.set_ref(bare, ref, first, ZERO)
    for old in (second, ZERO):
        with pytest.raises(SourceError, match=f"is at {first[:7]}, not at {old[:7]}"):
            source.set_ref(bare, ref, second, old)
    assert source.tip(bare, ref) == first
    source.set_ref(bare, ref, second, first)
    source.set_ref(bare, ref, ZERO, second)
    assert source.tip(bare, ref) is None
    with pytest.raises(Exception, match="moving refs/heads/master"):
        source.set_ref(bare, ref, SHA, ZERO)


@pytest.mark.parametrize("files", [3, 150], ids=["loose objects", "a pack"])
def test_objects_that_were_kept_disturb_nothing(work, bare, files):
    set_hook(bare, KEEP)
    for turn in range(3):
        work.commit({f"f{number}": f"{turn} {number}" for number in range(files)})
        done = work.push(bare, "master")
        assert done.returncode == 0, done.stderr
    assert source.tip(bare, "refs/heads/master") == work.head
    assert git.git(bare, "fsck", "--full", "--strict").stderr == b""
    assert bool(list((bare / "objects" / "pack").glob("*.pack"))) is (files > 100)
    assert not list((bare / "objects" / "pack").glob("*.keep"))


@pytest.mark.parametrize("files", [3, 150], ids=["loose objects", "a pack"])
def test_a_push_that_was_killed_when_its_objects_were_kept_can_be_given_its_ref(work, bare, files):
    first = work.commit({"f0": "before"})
    assert work.push(bare, "master").returncode == 0
    set_hook(bare, KILL)
    second = work.commit({f"f{number}": str(number) for number in range(files)})
    assert work.push(bare, "master").returncode != 0
    assert source.tip(bare, "refs/heads/master") == first
    source.set_ref(bare, "refs/heads/master", second, first)
    assert source.tip(bare, "refs/heads/master") == second
    git.git(bare, "fsck", "--full", "--strict", "--connectivity-only")
    git.git(bare, "fsck", "--full", "--strict")
    set_hook(bare, KEEP)
    third = work.commit({"f0": "after"})
    assert work.push(bare, "master").returncode == 0
    assert source.tip(bare, "refs/heads/master") == third


def test_a_refused_push_whose_objects_were_kept_can_be_pushed_again(work, bare):
    set_hook(bare, KEEP + "sys.exit(1)\n")
    sha = work.commit({f"f{number}": str(number) for number in range(150)})
    assert work.push(bare, "master").returncode != 0
    set_hook(bare, KEEP)
    assert work.push(bare, "master").returncode == 0
    assert source.tip(bare, "refs/heads/master") == sha


def test_without_hard_links_the_objects_are_copied(work, bare):
    no_links = "import errno\ndef hardlink_to(self, target): raise OSError(errno.EPERM, 'no links here')\n"
    set_hook(bare, KEEP.replace("pushes =", f"{no_links}Path.hardlink_to = hardlink_to\npushes ="))
    work.commit({"a": "1"})
    done = work.push(bare, "master")
    assert done.returncode == 0, done.stderr
    git.git(bare, "fsck", "--full", "--strict")
    assert not list((bare / "objects").rglob("tmp_obj*"))


def test_a_quarantine_of_another_repository_is_not_ours(work, bare, tmp_path, monkeypatch):
    work.commit({"a": "1"})
    monkeypatch.setenv("GIT_QUARANTINE_PATH", str(work.path / ".git" / "objects"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(work.path / ".git" / "objects"))
    source.keep_objects(bare, os.environ)
    with pytest.raises(SourceError):
        source.revision(bare, work.head)
    source.keep_objects(bare, {})


def test_in_the_hook_the_push_can_be_looked_at_before_it_is_accepted(work, bare, tmp_path):
    set_hook(
        bare,
        f"""
import os, sys
from pathlib import Path
from pushlive import source
(push,) = source.read_pushes(sys.stdin.buffer)
here = Path.cwd()
revision = source.revision(here, push.new)
print(revision.subject, source.changed_paths(here, push.old, push.new), source.tip(here, push.ref))
made = source.checkout(here, revision, Path({str(tmp_path)!r}, push.new))
print(sorted(path.name for path in made.tree.path.iterdir()))
""",
    )
    first = work.commit({"a": "1"}, "First")
    assert b"First None None" in work.push(bare, "master").stderr
    work.commit({"b": "2"}, "Second")
    said = work.push(bare, "master").stderr
    assert f"Second ('b',) {first}".encode() in said
    assert b"['a', 'b']" in said


@pytest.mark.skipif(bool(without_ssh()), reason=without_ssh() or "sshd lets us in")
def test_over_ssh_it_is_the_same(work, bare, tmp_path):
    set_hook(bare, KEEP + "print('kept', pushes[0].ref)\n")
    sha = work.commit({"a": "1"})
    with ssh_server(tmp_path / "ssh") as server:
        done = work.push(server.url(bare), "master", env=server.environment())
        assert done.returncode == 0, done.stderr
        assert b"remote: kept refs/heads/master" in done.stderr
        assert source.tip(bare, "refs/heads/master") == sha
        set_hook(bare, KILL)
        second = work.commit({"a": "2"})
        assert work.push(server.url(bare), "master", env=server.environment()).returncode != 0
    source.set_ref(bare, "refs/heads/master", second, sha)
    git.git(bare, "fsck", "--full", "--strict")
