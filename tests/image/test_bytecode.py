"""Bytecode: the same bytes whatever was compiled before, and taken again by the content of its sources."""

import shutil
from pathlib import Path

import pytest

from pushlive.image.bytecode import runs
from pushlive.image.normalise import compile_all
from pushlive.image.survey import Interpreter
from pushlive.model.errors import BuildError
from tests.image.trees import plant

AT = "/opt/packages"
SOURCES = {f"alpha/m{number}.py": f"def name{number}(): return 'shared', {number}\n" for number in range(300)}


def compiled(folder: Path, python: Interpreter, kept: Path) -> dict[str, bytes]:
    """The bytecode of all sources below a new folder."""
    plant(folder, dict(SOURCES))
    compile_all(folder, AT, python, kept)
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.pyc")}


def test_what_is_kept_is_what_would_be_compiled(tmp_path: Path, python: Interpreter) -> None:
    first = compiled(tmp_path / "a", python, tmp_path / "kept")
    again = compiled(tmp_path / "b", python, tmp_path / "kept")
    anew = compiled(tmp_path / "c", python, tmp_path / "other")
    assert len(first) == len(SOURCES)
    assert first == again == anew


def test_what_is_known_is_not_compiled_again(tmp_path: Path, python: Interpreter) -> None:
    """The files of the runs that are known stay the same ones: only the new run's is written."""
    compiled(tmp_path / "a", python, tmp_path / "kept")
    before = {file.name: file.stat().st_ino for file in (tmp_path / "kept").iterdir()}
    plant(tmp_path / "b", {"zeta.py": "pass\n"})
    compiled(tmp_path / "b", python, tmp_path / "kept")
    after = {file.name: file.stat().st_ino for file in (tmp_path / "kept").iterdir()}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 1000])
def test_a_damaged_file_is_made_again(tmp_path: Path, python: Interpreter, damage: bytes) -> None:
    first = compiled(tmp_path / "a", python, tmp_path / "kept")
    for file in (tmp_path / "kept").iterdir():
        file.write_bytes(damage)
    assert compiled(tmp_path / "b", python, tmp_path / "kept") == first


def test_what_is_no_python_has_none(tmp_path: Path, python: Interpreter) -> None:
    plant(tmp_path / "a", {"template.py": "{{ no python }} =\n", "good.py": "x = 1\n"})
    for _ in range(2):
        compile_all(tmp_path / "a", AT, python, tmp_path / "kept")
        assert [file.name.partition(".")[0] for file in (tmp_path / "a").rglob("*.pyc")] == ["good"]
        shutil.rmtree(tmp_path / "a/__pycache__")


def test_what_cannot_be_kept_is_no_success(tmp_path: Path, python: Interpreter) -> None:
    plant(tmp_path, {"kept": "a file where the folder is to be"})
    plant(tmp_path / "a", {"good.py": "x = 1\n"})
    with pytest.raises(BuildError, match="cannot be compiled"):
        compile_all(tmp_path / "a", AT, python, tmp_path / "kept")


def test_runs_hold_every_module_once_and_in_order(tmp_path: Path) -> None:
    plant(tmp_path, dict(SOURCES))
    found = [name for run in runs(str(tmp_path)) for name, _ in run]
    assert found == sorted(SOURCES)
    assert len(list(runs(str(tmp_path)))) > 1
