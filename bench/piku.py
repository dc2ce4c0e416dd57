"""Piku, the third side of the comparison: a small platform with the same remote to push to (https://piku.github.io).

Only Piku's own code deploys: a bare repository's post-receive hook runs `piku.py git-hook` (what Piku's installer
arranges behind ssh), and uWSGI's emperor, with the configuration that `piku.py setup` writes, runs the site. All of it
lives in a scratch folder, as its PIKU_ROOT and its HOME.

The same as the other sides: the interpreter, the example site, its requirements, Memcached, two processes of four
threads, a push by path without ssh, a first push that installs the requirements and is not counted. From then on Piku
runs no pip, since requirements.txt does not change.

What is different, and why:

* The site gets two more files, in a copy of its own: a Procfile, and a module that tells it the revision (the other
  sides pass it as a variable, Piku has none). collectstatic is the Procfile's `release`, as Piku's users have it.
* No nginx: Piku then has uWSGI itself listen on BIND_ADDRESS and PORT. It would serve the static files; none is asked
  for.
* uWSGI comes from PyPI and is compiled here, where Piku's installer takes the distribution's. Like that one it is
  built without the `http` plugin: Piku sets `http` and `http-socket` to one address, and with both nothing starts.
* The emperor looks for changed files every three seconds, its default and what Piku leaves it at. Much of the time
  until a push is live is that wait and uWSGI's reload; `git push` itself returns before. Every push is sent PAUSE and a
  random part of INTERVAL after the one before, so that all phases of the wait count alike.
* A push that changes nothing restarts the site like any other: Piku looks at no paths.
"""

import getpass
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from scratch import end_all, free_port, make_environment

APP = "simplesite"
PAUSE = 4.0
INTERVAL = 3.0
"""Seconds: what the emperor needs at most to take up a push, and how often it looks."""
PROCFILE = "wsgi: piku_wsgi:application\nrelease: python manage.py collectstatic --noinput\n"
WSGI = '''"""The site's application, with the revision that Piku checked out."""

import os
from pathlib import Path

os.environ["PUSHLIVE_REVISION"] = Path(__file__).with_name(".git").joinpath("refs/heads/master").read_text().strip()

from proj.wsgi import application  # noqa: E402, F401
'''
PROFILE = "embedded_plugins=python,ping,cache,rpc,signal,logfile"
"""What is built into uWSGI."""
FILES = {"Procfile": PROCFILE, "piku_wsgi.py": WSGI}
"""What the pushed site needs besides its own files."""

ENV = """SECRET_KEY=benchmark
MEMCACHED_SERVERS={memcached}
PORT={port}
UWSGI_PROCESSES=2
UWSGI_THREADS=4
"""


class Piku:
    """A site served by Piku below `root`; `copy` is the folder with its piku.py."""

    def __init__(self, root: Path, memcached: str, copy: Path) -> None:
        self.root, self.memcached, self.copy = root, memcached, copy
        self.home, self.tools, self.script = root / ".piku", root / "tools", root / "piku.py"
        self.bare = self.home / "repos" / APP
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.path = f"{self.tools}/bin:/usr/local/bin:/usr/bin:/bin"
        self.emperor: subprocess.Popen[bytes] | None = None

    def set_up(self, python: str) -> str:
        """Install uWSGI, let Piku make its folders, start the emperor; returns the remote."""
        self.root.mkdir(parents=True)
        shutil.copy(self.copy / "piku.py", self.script)
        self.script.chmod(0o755)
        build = {"UWSGI_PROFILE_OVERRIDE": PROFILE}
        make_environment(
            self.tools,
            python,
            ["wheel", "setuptools", "click", "virtualenv"],
            ["--no-cache-dir", "uwsgi"],
            variables=build,
        )
        subprocess.run([self.script, "setup"], env=self._login(), check=True, stdout=subprocess.DEVNULL)
        self._make_repository()
        self._configure()
        self.emperor = subprocess.Popen(
            [self.tools / "bin/uwsgi", "--ini", self.home / "uwsgi/uwsgi.ini"],
            env=self._login(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return str(self.bare)

    def stop(self) -> None:
        """Stop the emperor as Piku's unit does, and end what it left behind."""
        if self.emperor is not None:
            self.emperor.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                self.emperor.wait(15)
            self.emperor.kill()
            self.emperor.wait()
        end_all(self.root)

    def log(self) -> str:
        """The end of what the site's uWSGI wrote."""
        files = sorted((self.home / "logs" / APP).glob("*.log"))
        return "".join(file.read_text(errors="replace")[-4000:] for file in files)

    def _login(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LC_", "LANG"))},
            "HOME": str(self.root),
            "USER": getpass.getuser(),
            "PATH": self.path,
            "PIKU_ROOT": str(self.home),
        }

    def _make_repository(self) -> None:
        subprocess.run(["git", "init", "-q", "--bare", "-b", "master", self.bare], check=True)
        hook = self.bare / "hooks" / "post-receive"
        settings = " ".join(f"'{name}={value}'" for name, value in self._login().items())
        hook.write_text(f"#!/bin/sh\nexec env -i {settings} {self.script} git-hook {APP}\n")
        hook.chmod(0o755)

    def _configure(self) -> None:
        """The settings, where `piku config:set` keeps them."""
        folder = self.home / "envs" / APP
        folder.mkdir(parents=True)
        (folder / "ENV").write_text(ENV.format(memcached=self.memcached, port=self.port))
