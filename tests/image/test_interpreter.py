import os
import shutil
from pathlib import Path

import pytest

from pushlive.config.site import PythonWish
from pushlive.image import interpreter, survey
from pushlive.image.interpreter import choose, nearest, specifiers
from pushlive.image.survey import Answers, Interpreter, ask, binaries, folders
from pushlive.image.transplant import reachable, relocated, transplant
from pushlive.model.errors import MachineError, SettingsError
from pushlive.system.process import Account
from tests.image.conftest import NOBODY
from tests.image.trees import plant

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="changing user needs root")


def known(version, prefix="/x"):
    return Interpreter(Path(f"{prefix}/bin/python"), version, "cpython", Path(prefix))


@pytest.mark.parametrize(
    ("wish", "version", "fits"),
    [
        ("==3.12.*", "3.12.7", True),
        ("==3.12.*", "3.13.0", False),
        ("==3.12.1", "3.12.1", True),
        ("==3.12.1", "3.12.2", False),
        (">=3.10,<3.13", "3.12.7", True),
        ("==3.11.*", "3.11.2", True),
        ("~=3.11", "3.13.0", True),
        ("", "3.9.1", True),
    ],
)
def test_a_wish_is_a_specifier(wish, version, fits):
    assert (version in specifiers(PythonWish(wish))) is fits


def test_a_wish_that_is_none_is_named_with_its_origin():
    with pytest.raises(SettingsError, match="does not name a Python version") as caught:
        specifiers(PythonWish("pypy-7.3", ".python-version"))
    assert caught.value.where == ".python-version"


def test_of_one_minor_version_there_is_that_or_none(tmp_path):
    here = choose(PythonWish(), cache=tmp_path).interpreter
    assert interpreter.of_minor(here.minor, cache=tmp_path).minor == here.minor
    assert interpreter.of_minor("3.99", cache=tmp_path) is None


@pytest.mark.parametrize(
    ("wish", "found", "stands_in"),
    [
        ("==3.12.7", ["3.12.1", "3.13.0"], ["3.12.1"]),
        ("==3.8.*", ["3.9.1", "3.11.2"], ["3.9.1"]),
        ("==3.8.*", ["3.11.2", "3.11.7", "3.13.0"], ["3.11.2", "3.11.7"]),
        (">=3.99", ["3.13.0"], []),
        ("<3.9", ["3.9.18"], ["3.9.18"]),
    ],
)
def test_another_patch_or_the_next_newer_version_stands_in(wish, found, stands_in):
    chosen = nearest(specifiers(PythonWish(wish)), [known(version) for version in found])
    assert [one.version for one in chosen] == stands_in


def test_a_file_where_a_folder_should_be_has_no_binaries(tmp_path):
    plant(tmp_path, {"file*": ""})
    assert binaries([tmp_path / "file", tmp_path / "absent"]) == {}


def test_shims_scripts_and_other_names_are_no_binaries(tmp_path):
    real = Path(shutil.which("true")).resolve()
    plant(tmp_path, {"shims/keep": "", "a/python3.12*": "#!/bin/sh\n", "a/pythonista": "", "b/keep": ""})
    shutil.copy(real, tmp_path / "shims/python3.12")
    shutil.copy(real, tmp_path / "b/python3.11")
    (tmp_path / "b/python3").symlink_to("python3.11")
    (tmp_path / "b/python3.9").symlink_to("/nowhere")
    found = binaries([tmp_path / "shims", tmp_path / "a", tmp_path / "b", tmp_path / "absent"])
    assert found == {tmp_path / "b/python3.11": (3, 11)}


def test_version_managers_folders_are_looked_into(tmp_path):
    home = plant(
        tmp_path,
        {
            ".pyenv/versions/3.12.1/bin/x": "",
            ".local/share/uv/python/cpython-3.13/bin/x": "",
            ".asdf/installs/python/3.10/bin/x": "",
            ".local/share/mise/installs/python/3.9/bin/x": "",
            "ours/3.11/bin/x": "",
        },
    )
    found = {
        str(path.relative_to(home))
        for path in folders({"HOME": str(home), "PATH": "/a::rel"}, home / "ours")
        if path.is_relative_to(home)
    }
    assert found == {
        ".pyenv/versions/3.12.1/bin",
        ".local/share/uv/python/cpython-3.13/bin",
        ".asdf/installs/python/3.10/bin",
        ".local/share/mise/installs/python/3.9/bin",
        "ours/3.11/bin",
    }


def test_an_interpreter_is_asked_once(tmp_path, python, monkeypatch):
    answers = Answers(tmp_path / "answers.json")
    first = answers.of(python.path)
    answers.save()
    monkeypatch.setattr(survey, "ask", None)
    assert Answers(tmp_path / "answers.json").of(python.path) == first == python


def test_what_does_not_answer_is_not_asked_again(tmp_path, monkeypatch):
    fake = Path(shutil.which("false")).resolve()
    answers = Answers(tmp_path / "answers.json")
    assert answers.of(fake) is None
    answers.save()
    monkeypatch.setattr(survey, "ask", None)
    assert Answers(tmp_path / "answers.json").of(fake) is None


def test_a_second_choice_is_remembered_and_a_replaced_binary_is_not(tmp_path, monkeypatch):
    first = choose(PythonWish(">=3.9"), cache=tmp_path)
    search = interpreter._Search
    monkeypatch.setattr(interpreter, "_Search", None)
    assert choose(PythonWish(">=3.9"), cache=tmp_path) == first
    monkeypatch.setattr(interpreter, "_Search", search)
    monkeypatch.setattr(survey, "stamp_of", lambda _path: [1])
    assert choose(PythonWish(">=3.9"), cache=tmp_path) == first


def test_no_python_at_all_names_what_is_wanted_and_what_is_here(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreter, "install_python", lambda *_: False)
    with pytest.raises(MachineError, match=r"no Python >=3.99 on this machine; found .*3\.") as caught:
        choose(PythonWish(">=3.99", "pyproject.toml"), cache=tmp_path)
    assert caught.value.where == "pyproject.toml"
    assert "uv python install 3.99" in caught.value.remedy


def test_where_no_wish_stands_no_place_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "binaries", lambda _places: {})
    monkeypatch.setattr(interpreter, "install_python", lambda *_: False)
    with pytest.raises(MachineError, match="no Python 3 on this machine") as caught:
        choose(PythonWish(), cache=tmp_path)
    assert caught.value.where == ""


def test_uv_is_not_asked_again_at_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(interpreter, "install_python", lambda *_: asked.append(1))
    for _ in range(2):
        with pytest.raises(MachineError):
            choose(PythonWish(">=3.99"), cache=tmp_path)
    assert len(asked) == 1


def test_an_old_wish_gets_the_next_newer_one_with_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreter, "install_python", lambda *_: False)
    choice = choose(PythonWish("==3.5.*", "runtime.txt"), cache=tmp_path)
    assert choice.interpreter.number >= survey.OLDEST
    assert choice.note.startswith("Python ==3.5.* is wanted (runtime.txt) and not here; Python 3.")


def test_a_library_path_is_made_relative_only_when_it_is_the_prefixs_own():
    prefix = Path("/root/.pyenv/versions/3.12.1")
    binary = b"ELF\0/root/.pyenv/versions/3.12.1/lib\0rest"
    changed = relocated(binary, prefix)
    assert len(changed) == len(binary)
    assert b"\0$ORIGIN/../lib\0" in changed
    assert relocated(b"ELF\0/usr/lib\0", Path("/usr")) == b"ELF\0/usr/lib\0"
    assert relocated(b"/x/root/.pyenv/versions/3.12.1/lib\0", prefix) == b"/x/root/.pyenv/versions/3.12.1/lib\0"


@pytest.mark.root
@ROOT
def test_a_python_in_a_closed_folder_is_copied_to_where_the_sites_user_can_run_it(open_folder, python):
    closed = open_folder / "closed"
    hidden = transplant(python, closed, None)
    assert hidden is not None
    closed.chmod(0o700)
    assert not reachable(hidden, NOBODY)
    assert ask(hidden.path, NOBODY) is None
    copy = transplant(hidden, open_folder / "pythons", NOBODY)
    assert copy is not None
    assert copy.usable
    assert reachable(copy, NOBODY)
    assert copy.prefix.is_relative_to(open_folder / "pythons")
    assert (copy.version, copy.platform) == (python.version, python.platform)
    assert not (copy.library / "test").exists()
    assert list((copy.library / "site-packages").iterdir()) == []


def test_rights_are_judged_by_owner_group_and_others(open_folder):
    somebody = Account(54322, 54322)
    plant(open_folder, {"lib/python3.12/os.py": "", "bin/python3.12*": ""})
    one = Interpreter(open_folder / "bin/python3.12", "3.12.1", "", open_folder)
    assert reachable(one, somebody)
    (open_folder / "bin").chmod(0o700)
    assert not reachable(one, somebody)
    (open_folder / "bin").chmod(0o755)
    (open_folder / "lib/python3.12/os.py").chmod(0o600)
    assert not reachable(one, somebody)
    assert reachable(one, None)
