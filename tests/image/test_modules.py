"""The bytecode of a site's own modules: taken by Python without a look at the source, the same wherever it is made."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from pushlive.config.site import PythonWish
from pushlive.image import modules, tar
from pushlive.image.interpreter import choose
from pushlive.image.modules import Compiler, compiled
from pushlive.model.errors import BuildError
from tests.image.conftest import NOBODY
from tests.image.trees import plant

FILES = {
    "app/proj/__init__.py": "",
    "app/proj/views.py": "def view():\n    raise ValueError('seen')\n",
    "app/template.py": "{{ no python }} =\n",
    "app/page.html": "<p>\n",
    "app/d\u00e9j\u00e0 vu\n.py": "x = 1\n",
}


def members(folder: Path, files=FILES) -> list[tar.File]:
    plant(folder, files)
    return [tar.File(name, folder / name) for name in files]


def contents(found: list[tar.File]) -> dict[str, bytes]:
    return {member.name: Path(member.source).read_bytes() for member in found}


def test_what_is_python_has_bytecode_beside_it(tmp_path, python):
    tag = f"cpython-{python.minor.replace('.', '')}"
    found = contents(compiled(members(tmp_path / "tree"), Compiler(python, tmp_path / "kept")))
    assert set(found) == {
        f"app/proj/__pycache__/__init__.{tag}.pyc",
        f"app/proj/__pycache__/views.{tag}.pyc",
        f"app/__pycache__/d\u00e9j\u00e0 vu\n.{tag}.pyc",
    }
    assert all(content[4:8] == b"\x01\0\0\0" for content in found.values()), "unchecked hashes (PEP 552)"


def test_python_takes_it_without_the_source_and_tells_where_it_was_in_the_image(tmp_path, python):
    found = contents(compiled(members(tmp_path / "tree"), Compiler(python, tmp_path / "kept")))
    (tmp_path / "views.pyc").write_bytes(next(content for name, content in found.items() if "views" in name))
    argv = [python.path, "-S", "-c", "import views; views.view()"]
    env = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert 'File "/app/proj/views.py", line 2, in view' in done.stderr


def test_it_is_the_same_wherever_and_beside_whatever_it_is_made(tmp_path, python):
    first = contents(compiled(members(tmp_path / "a"), Compiler(python, tmp_path / "kept-a")))
    (one,) = members(tmp_path / "b", {"app/proj/views.py": FILES["app/proj/views.py"]})
    (second,) = compiled([one], Compiler(python, tmp_path / "kept-b"))
    assert Path(second.source).read_bytes() == first[second.name]


def test_a_change_compiles_what_changed_alone(tmp_path, python):
    kept = tmp_path / "kept"
    list(compiled(members(tmp_path / "tree"), Compiler(python, kept)))
    before = {path.name: path.stat().st_ino for path in kept.iterdir()}
    changed = FILES | {"app/proj/views.py": "x = 2\n"}
    list(compiled(members(tmp_path / "again", changed), Compiler(python, kept)))
    after = {path.name: path.stat().st_ino for path in kept.iterdir()}
    assert before.items() < after.items()
    assert len(after) == len(before) + 1


def test_what_is_known_starts_no_python(tmp_path, python):
    kept = tmp_path / "kept"
    found = members(tmp_path / "tree")
    first = contents(compiled(found, Compiler(python, kept)))
    gone = type(python)(tmp_path / "no-python", python.version, python.platform, python.prefix)
    assert contents(compiled(found, Compiler(gone, kept))) == first


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="changing user needs root")
def test_another_user_compiles_it(tmp_path, open_folder):
    """Nothing of ours need be in that user's reach but the Python."""
    python = choose(PythonWish(), cache=open_folder / "cache", account=NOBODY).interpreter
    found = members(tmp_path / "tree")
    theirs = contents(compiled(found, Compiler(python, tmp_path / "theirs", NOBODY)))
    assert theirs == contents(compiled(found, Compiler(python, tmp_path / "ours")))


def test_a_python_that_fails_is_told(tmp_path, python):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no such thing >&2\nexit 1\n")
    broken.chmod(0o755)
    other = type(python)(broken, python.version, python.platform, python.prefix)
    with pytest.raises(BuildError, match="cannot be compiled") as caught:
        list(compiled(members(tmp_path / "tree"), Compiler(other, tmp_path / "kept")))
    assert "no such thing" in caught.value.output


def test_a_module_that_kills_its_compiler_has_none(tmp_path, python):
    """So many nested brackets overflow the stack of some versions, and are a SyntaxError to others."""
    found = members(tmp_path / "tree", {"app/deep.py": f"x = {'-' * 200_000}1\n", "app/good.py": "x = 1\n"})
    made = list(compiled(found, Compiler(python, tmp_path / "kept")))
    assert [member.name.split("/")[-1].split(".")[0] for member in made] == ["good"]


def test_what_no_image_had_for_long_is_forgotten(tmp_path, python):
    kept = tmp_path / "kept"
    found = members(tmp_path / "tree")
    list(compiled(found, Compiler(python, kept)))
    old = time.time() - 100 * 86400
    for path in kept.iterdir():
        os.utime(path, (old, old))
    (asked,) = compiled(found[1:2], Compiler(python, kept))
    modules.forget(kept, unused_for=30 * 86400, now=time.time())
    assert [path.name for path in kept.iterdir()] == [Path(asked.source).name]
    modules.forget(tmp_path / "never", unused_for=1, now=time.time())
