import os

import pytest

from pushlive.inspection import statics
from pushlive.inspection.values import Collected
from pushlive.model.errors import BuildError


def collected(folder, **files):
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_is_kept_under_its_fingerprint(tmp_path):
    statics.keep(collected(tmp_path / "new", a="1", b="2"), tmp_path / "store", Collected(fingerprint="f"))
    assert statics.known(tmp_path / "store") == ("f",)
    assert statics.count(tmp_path / "store" / "f") == 2
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0


def test_the_oldest_are_forgotten(tmp_path):
    store = tmp_path / "store"
    for number in range(5):
        statics.keep(collected(tmp_path / "new"), store, Collected(fingerprint=f"f{number}"))
        os.utime(store / f"f{number}", (number, number))
    assert statics.known(store) == ("f2", "f3", "f4")


def _file_beside(path):
    (path.parents[1] / "another").touch()
    return path.parents[1] / "another"


@pytest.mark.parametrize(
    "make", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo, lambda path: path.hardlink_to(_file_beside(path))]
)
def test_what_is_no_plain_file_is_refused(tmp_path, make):
    make(collected(tmp_path / "new") / "odd")
    with pytest.raises(BuildError, match="neither a file nor a folder"):
        statics.keep(tmp_path / "new", tmp_path / "store", Collected(fingerprint="f"))
    assert statics.known(tmp_path / "store") == ()


def test_a_link_in_the_place_of_all_that_was_collected_is_refused(tmp_path):
    collected(tmp_path / "elsewhere", a="1")
    (tmp_path / "new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BuildError, match="neither a file nor a folder"):
        statics.keep(tmp_path / "new", tmp_path / "store", Collected(fingerprint="f"))
    assert statics.known(tmp_path / "store") == ()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to change owners")
def test_its_maker_can_no_longer_change_it(tmp_path):
    made = collected(tmp_path / "new", a="1")
    (made / "deep").mkdir(mode=0o777)
    for path in (made / "deep", made):
        os.chown(path, 4242, 4242)
    statics.keep(made, tmp_path / "store", Collected(fingerprint="f"))
    kept = tmp_path / "store" / "f"
    assert {(path.stat().st_uid, path.stat().st_mode & 0o022) for path in (kept, kept / "deep")} == {(0, 0)}
