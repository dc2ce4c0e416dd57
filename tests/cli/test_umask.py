"""What a site's user has to enter is made by processes with any umask."""

import subprocess
import sys

import pytest

COMMAND = "from pushlive.cli.app import run; run(['--version'])"
HOOK = "from pushlive.cli import receive; receive.os._exit = lambda code: None; receive.run()"


@pytest.mark.parametrize("entry", [COMMAND, HOOK])
def test_what_we_make_is_open_to_the_sites_user_whatever_the_umask(entry, tmp_path):
    script = f"import os, sys; os.umask(0o077)\n{entry}\nopen('made', 'w').close()"

    subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )

    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644
