"""Real git repositories, pushes and an ssh server, untouched by the settings of whoever runs the tests."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PINNED = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


def environment(**more: str) -> dict[str, str]:
    """The environment of a developer without any git settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | PINNED | more


def git(folder: Path, *arguments: str, stdin: bytes = b"", check: bool = True, env: Mapping[str, str] | None = None):
    """Run git in a folder; fails the test with git's own words."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, input=stdin, capture_output=True, check=False, env=env or environment()
    )
    if check and done.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done


@dataclass(frozen=True)
class Work:
    """A developer's repository, or a bare one to make objects in."""

    path: Path

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return git(self.path, *arguments, stdin=stdin).stdout.decode().strip()

    def write(self, path: str, content: str | bytes) -> Path:
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def commit(self, files: Mapping[str, str | bytes] | None = None, message: str = "change") -> str:
        for path, content in (files or {}).items():
            self.write(path, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """A tree of (mode, name, sha) in the given order, however malformed."""
        raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)

    def commit_tree(self, tree: str, *parents: str) -> str:
        return self.git("commit-tree", tree, "-m", "made", *(part for sha in parents for part in ("-p", sha)))

    def raw_commit(self, content: bytes) -> str:
        return self.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=content)

    def push(self, remote: Path | str, *refs: str, options: tuple[str, ...] = (), env: Mapping[str, str] | None = None):
        return git(self.path, "push", *options, str(remote), *refs, check=False, env=env)


def init(path: Path, *, branch: str = "master", bare: bool = False) -> Work:
    """A new repository."""
    path.mkdir(parents=True)
    git(path, "-c", f"init.defaultBranch={branch}", "init", "--quiet", *(["--bare"] if bare else []))
    return Work(path)


def set_hook(repository: Path, body: str) -> None:
    """Put a stub in place of pushlive's pre-receive hook."""
    hook = repository / "hooks" / "pre-receive"
    hook.write_text(f"#!{sys.executable} -I\n{body}")
    hook.chmod(0o755)


def without_ssh() -> str:
    """Why this machine cannot take an ssh login by the user who runs the tests; empty when it can."""
    if not _sshd():
        return "sshd is not installed"
    shell = pwd.getpwuid(os.geteuid()).pw_shell
    return f"the user's shell {shell} lets nobody in" if shell.endswith(("nologin", "false")) else ""


def _sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


@dataclass(frozen=True)
class SshServer:
    """An sshd on loopback that lets the user who runs the tests in, by key."""

    port: int
    command: str

    def environment(self) -> dict[str, str]:
        return environment(GIT_SSH_COMMAND=self.command)

    def url(self, repository: Path) -> str:
        return f"ssh://127.0.0.1:{self.port}{repository}"


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Run sshd with keys of its own."""
    folder.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    port = _free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f"SetEnv GIT_CONFIG_GLOBAL=/dev/null\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([_sshd(), "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        _await_port(port, server, folder / "log")
        options = f"-i {folder}/user -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        yield SshServer(port, f"ssh {options} -o LogLevel=ERROR -o IdentitiesOnly=yes")
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_port(port: int, server: subprocess.Popen, log: Path) -> None:
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"sshd ended: {log.read_text()}")
