import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pushlive import source
from pushlive.model.errors import MachineError, SourceError
from pushlive.source import repository as repositories
from tests.servers import git
from tests.source.conftest import ACCEPT

LONG = "/" + "x" * 130 + "/python"


def head(repository):
    """What a clone of it checks out."""
    return git.git(repository, "symbolic-ref", "--short", "HEAD").stdout.decode().strip()


def _push_as(work, bare, *arguments, settings=""):
    config = work.path.parent / "gitconfig"
    config.write_text(settings)
    return work.push(bare, *arguments, env=git.environment(GIT_CONFIG_GLOBAL=str(config)))


def test_making_it_again_keeps_what_is_in_it_and_mends_the_rest(work, bare):
    sha = work.commit({"a": "1"})
    assert work.push(bare, "master").returncode == 0
    before = (bare / "config").read_text()
    (bare / "config").write_text("[receive]\n\tfsckObjects = false\n")
    (bare / "hooks" / "pre-receive").unlink()
    source.create(bare, python=Path(sys.executable), branch="other")
    assert (bare / "config").read_text() == before
    assert (bare / "hooks" / "pre-receive").is_file()
    assert source.tip(bare, "refs/heads/master") == sha
    assert head(bare) == "master"


def test_it_is_about_the_branch_that_was_asked_for(tmp_path):
    source.create(tmp_path / "r.git", python=Path(sys.executable), branch="feature/-x")
    assert head(tmp_path / "r.git") == "feature/-x"
    source.set_default_branch(tmp_path / "r.git", "main")
    assert head(tmp_path / "r.git") == "main"
    for name in ("", "a b", "../x", "a..b", "x.lock", "a\nb"):
        with pytest.raises(SourceError, match="not the full name of a ref"):
            source.create(tmp_path / "s.git", python=Path(sys.executable), branch=name)
        with pytest.raises(SourceError, match="not the full name of a ref"):
            source.set_default_branch(tmp_path / "r.git", name)
    assert not (tmp_path / "s.git").exists()


def test_nobodys_settings_change_what_is_made(tmp_path, monkeypatch):
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "post-receive").write_text("#!/bin/sh\ntouch /tmp/never\n")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    source.create(tmp_path / "r.git", python=Path(sys.executable))
    assert [path.name for path in (tmp_path / "r.git" / "hooks").iterdir()] == ["pre-receive"]
    assert not (tmp_path / "elsewhere").exists()


def test_the_hook_is_a_plain_program_and_names_no_site(tmp_path):
    text = repositories.hook_text(Path("/opt/pushlive/bin/python"))
    assert text.splitlines()[0] == "#!/opt/pushlive/bin/python -I"
    assert "from pushlive.cli.receive import run" in text
    source.create(tmp_path / "evil; $(x)" / "r.git", python=Path(sys.executable))
    hook = tmp_path / "evil; $(x)" / "r.git" / "hooks" / "pre-receive"
    assert "evil" not in hook.read_text()
    assert stat.S_IMODE(hook.stat().st_mode) == 0o755


@pytest.mark.parametrize("folder", ["with space", "it's", "$(touch x)", 'qu"ote', "y" * 150])
def test_an_interpreter_that_a_first_line_cannot_name_is_started_all_the_same(tmp_path, folder):
    interpreter = tmp_path / folder / "python"
    interpreter.parent.mkdir()
    interpreter.write_text('#!/bin/sh\nprintf "%s|" "$@" > "$0.said"\n')
    interpreter.chmod(0o755)
    hook = tmp_path / "hook"
    hook.write_text(repositories.hook_text(interpreter))
    hook.chmod(0o755)
    subprocess.run([hook], check=True, cwd=tmp_path)
    said = Path(f"{interpreter}.said").read_text()
    assert said.startswith("-I|")
    assert not (tmp_path / "x").exists()


def test_the_shell_s_hook_runs_the_same_program(tmp_path):
    text = repositories.hook_text(Path(LONG)).replace(LONG, sys.executable)
    program = text.replace("pushlive.cli.receive", "os").replace("import run", "import abort as run")
    (tmp_path / "hook").write_text(program)
    (tmp_path / "hook").chmod(0o755)
    assert subprocess.run([tmp_path / "hook"], check=False).returncode == -signal.SIGABRT


@pytest.mark.parametrize("path", ["python", "bin/python", "/opt/a\nb/python", "/opt/\x1b/python"])
def test_an_interpreter_that_cannot_be_named_is_refused(path):
    with pytest.raises(MachineError, match="cannot start a hook"):
        repositories.hook_text(Path(path))


def test_the_pusher_s_settings_have_no_say(work, bare):
    git.set_hook(bare, "import sys\nprint('the hook ran')\nsys.exit('/refuse' in sys.stdin.read())\n")
    elsewhere = work.path.parent / "elsewhere"
    elsewhere.mkdir()
    hostile = (
        f"[core]\n\thooksPath = {elsewhere}\n[receive]\n\tfsckObjects = false\n\tdenyNonFastForwards = true\n"
        "\tdenyDeletes = true\n\tdenyDeleteCurrent = ignore\n[transfer]\n\thideRefs = !refs/pushlive\n"
    )
    work.commit({"a": "1"})
    done = _push_as(work, bare, "master", settings=hostile)
    assert done.returncode == 0
    assert b"the hook ran" in done.stderr
    assert _push_as(work, bare, "master:refs/heads/refuse", settings=hostile).returncode != 0
    work.git("commit", "--quiet", "--amend", "--message", "again")
    assert _push_as(work, bare, "+master", settings=hostile).returncode == 0
    assert _push_as(work, bare, "master:refs/heads/extra", settings=hostile).returncode == 0
    assert _push_as(work, bare, ":refs/heads/extra", settings=hostile).returncode == 0
    assert b"refusing to delete the current branch" in _push_as(work, bare, ":master", settings=hostile).stderr
    assert _push_as(work, bare, "master:refs/pushlive/x", settings=hostile).returncode != 0


def test_internal_refs_are_neither_shown_nor_pushed_to(work, bare):
    sha = work.commit()
    assert work.push(bare, "master").returncode == 0
    source.set_ref(bare, "refs/pushlive/x", sha, source.tip(bare, "refs/pushlive/x") or "0" * 40)
    assert "pushlive" not in work.git("ls-remote", str(bare))
    for ref in ("refs/pushlive/x", "refs/pushlive/new", f"refs/replace/{sha}"):
        assert b"deny updating a hidden ref" in work.push(bare, f"+HEAD:{ref}").stderr
        assert work.push(bare, f":{ref}").returncode != 0


def test_a_push_past_the_limit_is_refused(work, bare):
    config = bare / "config"
    assert f"maxInputSize = {1024**3}" in config.read_text()
    config.write_text(config.read_text().replace(str(1024**3), "100000"))
    work.commit({"noise": os.urandom(200_000)})
    done = work.push(bare, "master")
    assert b"exceeds maximum allowed size" in done.stderr
    assert source.tip(bare, "refs/heads/master") is None


def _tree_with(objects, name, mode="100644", content=b"x"):
    return objects.commit_tree(objects.tree((mode, name, objects.blob(content))))


@pytest.mark.parametrize("name", [b".git", b".GIT", b"git~1", b"..", b".", ".g\u200cit".encode()])
def test_unsafe_names_do_not_come_in(objects, bare, name):
    done = objects.push(bare, f"{_tree_with(objects, name)}:refs/heads/master")
    assert done.returncode != 0
    assert source.tip(bare, "refs/heads/master") is None


@pytest.mark.parametrize(
    "modules",
    [
        '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n',
        '[submodule "../../x"]\n\tpath = x\n\turl = https://example.com/x\n',
        '[submodule "x"]\n\tpath = -x\n\turl = https://example.com/x\n',
        '[submodule "x"]\n\tpath = x\n\turl = https://example.com/x\n\tupdate = !touch /tmp/never\n',
    ],
)
def test_unsafe_submodules_do_not_come_in(objects, bare, modules):
    sha = _tree_with(objects, b".gitmodules", content=modules.encode())
    done = objects.push(bare, f"{sha}:refs/heads/master")
    assert b"gitmodules" in done.stderr
    assert source.tip(bare, "refs/heads/master") is None


def test_a_gitmodules_that_is_a_link_does_not_come_in(objects, bare):
    sha = _tree_with(objects, b".gitmodules", mode="120000", content=b"elsewhere")
    assert b"gitmodulesSymlink" in objects.push(bare, f"{sha}:refs/heads/master").stderr


def test_submodules_that_would_write_hooks_elsewhere_are_empty_folders(objects, bare, tmp_path):
    """CVE-2024-32002 (a link and a submodule that differ by case), CVE-2025-48384 (a path that ends in CR)."""
    sha = _tree_with(objects, b"x")
    modules = b'[submodule "x/y"]\n\tpath = A/modules/x\n\turl = ext::sh -c touch% /tmp/never\n'
    entries = [
        ("100644", b".gitmodules", objects.blob(modules)),
        ("40000", b"A", objects.tree(("40000", b"modules", objects.tree(("160000", b"x", sha))))),
        ("120000", b"a", objects.blob(b".git")),
    ]
    commit = objects.commit_tree(objects.tree(*entries))
    pushed = objects.push(bare, f"{commit}:refs/heads/master")
    repository = bare if pushed.returncode == 0 else objects.path
    made = source.checkout(repository, source.revision(repository, commit), tmp_path / "tree")
    assert made.submodules == ("A/modules/x",)
    assert sorted(str(path.relative_to(made.tree.path)) for path in made.tree.path.rglob("*")) == [
        ".gitmodules", "A", "A/modules", "A/modules/x", "a",
    ]  # fmt: skip
    carriage = objects.commit_tree(objects.tree(("160000", b"sub\r", sha)))
    with pytest.raises(SourceError, match="control character"):
        source.checkout(objects.path, source.revision(objects.path, carriage), tmp_path / "other")


def test_untidy_objects_of_old_repositories_come_in(objects, bare):
    tree = objects.tree(("040000", b"d", objects.tree(("100644", b"f", objects.blob(b"x")))))
    who = b"A <a@b.c>"
    odd = [
        b"author " + who + b" 1313584730 +051800\ncommitter " + who + b" 1313584730 +051800\n",
        b"author " + who + b"1313584730 +0000\ncommitter " + who + b"1313584730 +0000\n",
    ]
    parent = b""
    for lines in odd:
        sha = objects.raw_commit(b"tree " + tree.encode() + b"\n" + parent + lines + b"\nold\n")
        parent = b"parent " + sha.encode() + b"\n"
    done = objects.push(bare, f"{sha}:refs/heads/master")
    assert done.returncode == 0, done.stderr
    assert source.revision(bare, sha).message == "old\n"


def test_a_very_large_file_comes_in_without_being_held_in_memory(work, bare):
    with (work.path / "zeros").open("wb") as file:
        file.truncate(96 * 1024 * 1024)
    work.commit()
    git.set_hook(bare, ACCEPT)
    limited = ["prlimit", f"--as={88 * 1024 * 1024}", "git", "receive-pack", str(bare)]
    if not shutil.which("prlimit"):
        pytest.skip("needs prlimit, to see how much memory is taken")
    wrapper = work.write("../receive", "#!/bin/sh\nexec " + " ".join(limited[:-1]) + ' "$@"\n')
    wrapper.chmod(0o755)
    done = work.push(bare, "master", options=(f"--receive-pack={wrapper}",))
    assert done.returncode == 0, done.stderr


def _blob_name(text):
    return hashlib.sha1(f"blob {len(text)}\0{text}".encode()).hexdigest()


def test_tidying_packs_what_gathered_and_loses_nothing(work, bare):
    # git guesses how many objects lie about from those in objects/17.
    seventeen = [text for text in map(str, range(5000)) if _blob_name(text).startswith("17")][:12]
    work.commit({f"f{text}": text for text in seventeen})
    assert work.push(bare, "master").returncode == 0
    source.tidy(bare)
    assert list((bare / "objects" / "pack").glob("*.pack"))
    assert source.tip(bare, "refs/heads/master") == work.head
    git.git(bare, "fsck", "--full", "--strict")
    source.tidy(bare)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception, match="file") as refused:
        source.create(tmp_path / "file" / "r.git", python=Path(sys.executable))
    assert refused.value.exit_code in {4, 11}
