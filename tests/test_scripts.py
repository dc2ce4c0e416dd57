"""The scripts on the repository's top, with programs in place of those that they call."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKS = ("ruff", "mypy", "lint-imports", "python")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with ./test, whose environment is there already."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "bootstrap.sh").write_text('say() { echo "$*" >&2; }\nhere=$(dirname "$0")\n')
    (tmp_path / "tools" / "test-servers.sh").touch()
    shutil.copy(ROOT / "test", tmp_path)
    return tmp_path


def checked(folder: Path, failing: str = "") -> tuple[int, list[str]]:
    """How ./test ends when one program fails, and the programs it called."""
    (folder / "bin").mkdir()
    for name in CHECKS:
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\necho {name} $1\nexit {int(name == failing)}\n")
        program.chmod(0o755)
    env = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run([folder / "test"], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_everything_is_checked_once(checkout):
    assert checked(checkout) == (0, ["ruff check", "ruff format", "mypy", "lint-imports", "python -m"])


@pytest.mark.parametrize("failing", CHECKS)
def test_a_check_that_fails_fails_the_whole_and_is_the_last(checkout, failing):
    code, called = checked(checkout, failing)
    assert code == 1
    assert called[-1].startswith(failing)
    assert sum(each.startswith(failing) for each in called) == 1


def test_what_the_package_manager_says_is_shown_when_it_fails(tmp_path):
    programs = {"id": "echo 0", "apt-get": "echo E: no package called $5 >&2; exit 100"}
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("sh", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    argv = ["/bin/sh", "-c", f". {ROOT / 'tools' / 'bootstrap.sh'}", str(ROOT / "test")]
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "E: no package called git\n" in done.stderr
    assert "git is needed. Install it first" in done.stderr
