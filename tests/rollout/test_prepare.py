"""A release's folder: complete or not there, read-only, its data elsewhere."""

import os
import stat
from pathlib import Path, PurePosixPath

import pytest

from pushlive.model.errors import MachineError, SettingsError
from pushlive.rollout.local import data, places, prepare
from tests.rollout.sites import Tree

root = pytest.mark.skipif(os.geteuid() != 0, reason="changes user, which only root may")


def prepared(site, **made):
    release = site.release(**made)
    site.engine.prepare(release)
    return places.release_folder(site.home, release.name)


def run(site, release, text):
    lines = []
    site.engine.run(release, ["python", "-c", text], lines.append)
    return lines


def test_shared_layers_are_unpacked_once_and_linked(site):
    first, second = prepared(site), prepared(site)

    packages = "root/opt/pushlive/packages"
    assert (first / packages).is_symlink()
    assert (first / packages).resolve() == (second / packages).resolve()
    assert len(list(site.home.layers.iterdir())) == 2


def test_preparing_twice_does_nothing(site):
    release = site.release()
    site.engine.prepare(release)
    before = places.launch_file(site.home, "v1").stat()

    site.engine.prepare(release)

    assert places.launch_file(site.home, "v1").stat() == before


def test_a_preparation_that_was_killed_is_done_again(site, monkeypatch):
    release = site.release(data=("media/",))
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_write_launch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            site.engine.prepare(release)
    assert not places.release_folder(site.home, "v1").exists()

    site.deliver(release)

    assert site.ask()["release"] == "v1"


def test_the_tree_is_closed_for_writing(site):
    folder = prepared(site, files={"proj/settings.py": "", "static/a.css": ""})

    for path in (folder / "root/app").rglob("*"):
        mode = path.stat().st_mode
        assert not mode & 0o022
        assert path.stat().st_uid == os.geteuid()
        if os.geteuid() != 0:
            assert not mode & stat.S_IWUSR


def test_a_kept_folder_is_filled_from_the_first_release_and_never_again(site):
    first = site.release(files={"media/logo.txt": "first"}, data=("media/",))
    site.deliver(first)
    assert (site.home.data / "media/logo.txt").read_text() == "first"
    run(site, first, "open('media/logo.txt', 'w').write('changed by the site')")

    site.deliver(site.release(files={"media/logo.txt": "second", "media/new.txt": "x"}, data=("media/",)))

    assert (site.home.data / "media/logo.txt").read_text() == "changed by the site"
    assert not (site.home.data / "media/new.txt").exists()


def test_a_kept_file_that_is_not_there_yet_is_made_by_the_site_in_its_place(site):
    release = site.release(data=("db.sqlite3", "var/lib/other.db"))
    site.engine.prepare(release)

    run(
        site,
        release,
        "import sqlite3\nfor name in ('db.sqlite3', 'var/lib/other.db'):\n"
        " with sqlite3.connect(name) as db: db.execute('create table t (x)')",
    )

    assert (site.home.data / "db.sqlite3").stat().st_size > 0
    assert (site.home.data / "var/lib/other.db").stat().st_size > 0


def test_a_path_with_a_slash_is_a_folder_and_any_other_a_file(site):
    folder = prepared(site, data=("media/", "files.d/", "database"))

    assert (folder / "root/app/media").is_dir()
    assert (folder / "root/app/files.d").is_dir()
    assert (folder / "root/app/database").is_symlink()
    assert not (folder / "root/app/database").exists()


def test_a_database_that_was_committed_is_taken_along_and_writable(site):
    release = site.release(files={"db.sqlite3": ""}, data=("db.sqlite3",))
    site.engine.prepare(release)

    assert run(site, release, "import sqlite3; sqlite3.connect('db.sqlite3').execute('create table t (x)')") == []


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ".", ""])
def test_a_path_that_leads_out_of_the_tree_is_refused(site, path):
    with pytest.raises(SettingsError, match="is not a path inside the repository"):
        prepared(site, data=(path,))


def test_a_path_behind_a_link_is_refused(site, monkeypatch):
    unpack = Tree.unpack

    def linking(tree, layer, into):
        unpack(tree, layer, into)
        if layer.title == "app":
            (into / "app/var").symlink_to("../../../../../data")

    monkeypatch.setattr(Tree, "unpack", linking)

    with pytest.raises(SettingsError, match="lies behind a link"):
        prepared(site, data=("var/media",))


def test_paths_inside_of_others_are_kept_with_them():
    assert data.kept_places(["data/db.sqlite3", "data", "media/"]) == (PurePosixPath("data"), PurePosixPath("media"))


@root
@pytest.mark.root
def test_links_that_the_site_put_into_its_data_lead_root_nowhere(site, open_folder):
    precious = open_folder / "precious"
    precious.mkdir(mode=0o755)
    first = site.release(data=("media/",))
    site.deliver(first)
    media = str(site.home.data / "media")
    run(site, first, f"import os; os.rmdir({media!r}); os.symlink({str(precious)!r}, {media!r})")

    with pytest.raises(MachineError):
        prepared(site, data=("media/uploads/",))

    assert list(precious.iterdir()) == []


@root
@pytest.mark.root
def test_what_is_kept_belongs_to_the_user_of_the_site(site):
    prepared(site, files={"media/a/b.txt": "x"}, data=("media", "other"))

    owners = {path.lstat().st_uid for path in (site.home.data, *site.home.data.rglob("*"))}
    assert owners == {site.record.account.uid}
    assert os.geteuid() == 0


def test_programs_of_the_dependencies_run_in_the_release(site, monkeypatch):
    unpack = Tree.unpack

    def with_scripts(tree, layer, into):
        unpack(tree, layer, into)
        if layer.title == "packages":
            scripts = into / "opt/pushlive/packages/bin"
            scripts.mkdir(exist_ok=True)
            text = "#!/somewhere/else/python\nimport sys, kept; print(sys.prefix, *sys.argv[1:])\n"
            (scripts / "tool").write_text(text)

    monkeypatch.setattr(Tree, "unpack", with_scripts)
    release = site.release()
    site.engine.prepare(release)
    lines = []

    site.engine.run(release, ["tool", "a b"], lines.append)

    assert lines == [f"{places.release_folder(site.home, 'v1')}/venv a b"]


def test_an_interpreter_that_is_gone_is_named(site):
    with pytest.raises(MachineError, match="/usr/bin/python9"):
        prepared(site, python="/usr/bin/python9")


def test_a_folder_with_a_path_too_long_for_sockets_is_refused_early(site):
    deep = site.home.path / ("x" * 100)

    with pytest.raises(MachineError, match="PUSHLIVE_HOME"):
        places.check_socket_paths(type(site.home)(deep))


def test_collecting_finishes_what_a_killed_collection_began(site):
    folder = prepared(site)
    folder.rename(folder.with_name(".v1.gone"))

    site.engine.collect([])

    assert list(site.home.releases.iterdir()) == []
    assert list(site.home.layers.iterdir()) == []


def test_collecting_a_site_that_never_was_is_fine(site):
    site.engine.collect([])

    assert not Path(site.home.releases).exists()
