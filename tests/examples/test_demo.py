"""examples/demo.py, where the story does not go as it should."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = [sys.executable, str(Path(__file__).parents[2] / "examples" / "demo.py"), "--once"]


def test_a_story_that_breaks_off_ends_with_its_line_all_the_same():
    done = subprocess.run(DEMO, env={**os.environ, "PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["live"] is False
    assert "demo: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_sigterm_leaves_nothing_and_the_users_own_git_settings_are_not_read(tmp_path):
    config = tmp_path / ".gitconfig"
    config.write_text("[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = false\n")
    env = {**os.environ, "HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": str(config)}
    with subprocess.Popen(DEMO, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        told = ""
        while "Visitors come now" not in told:
            line = running.stderr.readline()
            assert line, told
            told += line
        running.send_signal(signal.SIGTERM)
        running.communicate()
    assert running.returncode == 143
    root = Path(re.search(r"A repository with a Django site: (\S+)/simplesite", told)[1])
    assert not root.exists()
    assert not [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and runs_below(pid, root)]


def runs_below(process: Path, root: Path) -> bool:
    try:
        return str(root).encode() in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    except OSError:
        return False
