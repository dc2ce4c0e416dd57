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
    for name in ("test-servers.sh", "go-programs.sh"):
        (tmp_path / "tools" / name).touch()
    (tmp_path / "tools" / "cluster-binaries.sh").write_text("cluster_begin() { echo cluster; }\n")
    shutil.copy(ROOT / "test", tmp_path)
    return tmp_path


def checked(folder: Path, failing: str = "", *arguments: str, **env: str) -> tuple[int, list[str]]:
    """How ./test ends when one program fails, and what it called."""
    (folder / "bin").mkdir()
    for name in CHECKS:
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\necho {name} $1\nexit {int(name == failing)}\n")
        program.chmod(0o755)
    env |= {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run([folder / "test", *arguments], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_everything_is_checked_once(checkout):
    assert checked(checkout) == (0, ["ruff check", "ruff format", "mypy", "lint-imports", "python -m"])


def test_what_a_cluster_is_made_of_is_built_when_asked(checkout):
    assert checked(checkout, "", "--cluster", "tests/cli") == (0, ["cluster", "python -m"])
    shutil.rmtree(checkout / "bin")
    assert checked(checkout, "", "--cluster")[1][:2] == ["cluster", "ruff check"]


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


def sourced(folder: Path, ending: str, **more: str) -> subprocess.CompletedProcess[str]:
    """tools/go-programs.sh as ./test sources it, with its cache in `folder`."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "go").write_text(f'#!/bin/sh\n[ "$1" = build ] || exit 0\necho "$3" >>{folder}/built\n{ending}\n')
    (programs / "go").chmod(0o755)
    text = f'say() {{ echo "$*" >&2; }}; cache={folder}; set -eu; . {ROOT}/tools/go-programs.sh; wait'
    env = {"PATH": f"{programs}:{os.environ['PATH']}", **more}
    return subprocess.run(["/bin/sh", "-c", text], env=env, capture_output=True, text=True, check=False)


def built(folder: Path) -> list[str]:
    file = folder / "built"
    return file.read_text().split() if file.exists() else []


def test_a_program_is_built_once_for_each_version(tmp_path):
    for _ in range(2):
        assert sourced(tmp_path, 'touch "$3"').returncode == 0
    assert built(tmp_path) == ["crane"]
    (tmp_path / "go/bin/.crane-v0.22.1").rename(tmp_path / "go/bin/.crane-v0.1.0")
    sourced(tmp_path, 'touch "$3"')
    assert built(tmp_path) == ["crane", "crane"]


def test_one_that_cannot_be_built_is_told_and_stops_nothing(tmp_path):
    done = sourced(tmp_path, 'touch "$3"; exit 1')
    assert done.returncode == 0
    assert "crane could not be built" in done.stderr
    assert not (tmp_path / "go/bin/crane").exists()


def test_a_build_that_is_killed_leaves_no_half_of_a_program(tmp_path):
    sourced(tmp_path, 'echo half >"$3"; kill -9 $PPID', go_beside="1")
    assert not list((tmp_path / "go/bin").iterdir())


def test_what_is_slow_is_built_beside_the_rest(tmp_path):
    sourced(tmp_path, 'touch "$3"', go_beside="1")
    assert {"crane", "cosign", "fulcio"} <= set(built(tmp_path))
    assert (tmp_path / "go/bin/cosign").exists()
