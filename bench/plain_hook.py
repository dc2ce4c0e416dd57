"""What people do without pushlive: a bare repository whose post-receive hook checks the tree out, runs
`pip install` and collectstatic, and restarts gunicorn. The other side of the comparison, kept as fair as can be:
its virtual environment is warm, its hook is a plain shell script, gunicorn runs as many workers and threads.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scratch import end_all, free_port, make_environment

HOOK = """#!/bin/sh
set -e
unset GIT_QUARANTINE_PATH
git --work-tree={tree} checkout -q -f master
cd {tree}
{venv}/bin/pip install -q --disable-pip-version-check -r requirements.txt
PUSHLIVE_REVISION=$(git --git-dir={bare} rev-parse master); export PUSHLIVE_REVISION
export SECRET_KEY=benchmark MEMCACHED_SERVERS={memcached}
{venv}/bin/python manage.py collectstatic --noinput >/dev/null
if [ -f {pid} ]; then
  kill -TERM "$(cat {pid})" 2>/dev/null || true
  while kill -0 "$(cat {pid} 2>/dev/null)" 2>/dev/null; do sleep 0.01; done
fi
{venv}/bin/gunicorn proj.wsgi:application --bind 127.0.0.1:{port} --workers 2 --threads 4 \
  --worker-class gthread --daemon --pid {pid} --log-file {root}/gunicorn.log
"""


@dataclass
class PlainHook:
    """A site served by a plain hook below `root`."""

    root: Path
    memcached: str

    def __post_init__(self) -> None:
        self.bare, self.tree, self.venv = self.root / "plain.git", self.root / "tree", self.root / "venv"
        self.pid = self.root / "gunicorn.pid"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"

    def set_up(self, python: str, requirements: Path) -> str:
        """Make the repository, its hook and a warm virtual environment; returns the remote."""
        self.tree.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "master", self.bare], check=True)
        make_environment(self.venv, python, ["gunicorn"], ["-r", str(requirements)])
        hook = self.bare / "hooks" / "post-receive"
        hook.write_text(HOOK.format(**vars(self)))
        hook.chmod(0o755)
        return str(self.bare)

    def stop(self) -> None:
        """Stop gunicorn."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(self.pid.read_text()), signal.SIGTERM)
            time.sleep(0.5)
        end_all(self.root)
