"""The same, started by a user who is not root."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.reach import others_reach

NOBODY = "65534"
CHOSEN = (
    "test_engine.py::test_no_request_is_dropped_over_many_switches",
    "test_engine.py::test_stop_leaves_nothing_running_and_the_data_in_place",
    "test_engine.py::test_collect_removes_all_but_the_kept_and_the_live_release",
    "test_prepare.py::test_the_tree_is_closed_for_writing",
    "test_prepare.py::test_a_database_that_was_committed_is_taken_along_and_writable",
    "test_survival.py::test_killing_keeper_and_supervisor_costs_no_request_when_the_next_command_comes[127.0.0.1]",
)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="changes user, which only root may")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_the_engine_works_for_a_user_without_rights():
    folder = Path(__file__).parent
    if not others_reach(Path(sys.executable)):
        pytest.skip("other users cannot reach this interpreter")
    home = tempfile.mkdtemp(prefix="pl-", dir="/tmp")
    os.chown(home, int(NOBODY), int(NOBODY))
    try:
        ended = subprocess.run(
            [
                *("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"),
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *(str(folder / name) for name in CHOSEN),
            ],
            env={"PATH": os.environ["PATH"], "HOME": home, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder.parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(home)

    assert ended.returncode == 0, ended.stdout
    assert f"{len(CHOSEN)} passed" in ended.stdout
