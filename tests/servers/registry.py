"""Real registries on loopback: distribution's (docker-registry) and go-containerregistry's (crane registry serve)."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

USER, PASSWORD = "ada", "secret"
_HTPASSWD = "ada:$2y$04$6TR8tIPfAizJmlVgMl0I2.X7ZAUS5lC.7a0OAjRYFpbBVI57SuKLC\n"
_BUILT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pushlive-checkout/go/bin"
"""Where ./test puts what it builds. Looked up now: tests have a HOME of their own."""


@dataclass(frozen=True)
class Registry:
    """A running registry: where it answers, and the folder that it keeps its blobs in."""

    host: str
    folder: Path


@dataclass(frozen=True)
class Certificate:
    """A certificate for this machine that signs itself, and its key."""

    file: Path
    key: Path


def certificate(folder: Path, *, name: str = "localhost", days: int = 1) -> Certificate:
    """Make one for `name` and 127.0.0.1; with negative `days` it has run out."""
    made = Certificate(folder / f"{name}{days}.crt", folder / f"{name}{days}.key")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1" if name == "localhost" else f"subjectAltName=DNS:{name}"
    ends = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z") if days < 0 else ("-days", str(days))
    if days < 0:
        return _expired(folder, made, names)
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-addext", names),
        *(*ends, "-keyout", str(made.key), "-out", str(made.file)),
    )
    return made


def _expired(folder: Path, made: Certificate, names: str) -> Certificate:
    """`openssl ca` alone can date a certificate into the past, in openssl 3.0."""
    (folder / "index").touch()
    (folder / "serial").write_text("01")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/index\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        f"default_md=sha256\npolicy=any\nx509_extensions=ext\n[any]\ncommonName=supplied\n[ext]\n{names}\n"
    )
    request = folder / "request"
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-keyout", str(made.key), "-out", str(request))
    _openssl(
        *("ca", "-batch", "-config", str(folder / "ca.cnf"), "-selfsign", "-keyfile", str(made.key)),
        *("-startdate", "20200101000000Z", "-enddate", "20200102000000Z"),
        *("-notext", "-in", str(request), "-out", str(made.file)),
    )
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@contextmanager
def distribution(
    folder: Path,
    *,
    tls: Certificate | None = None,
    auth: Mapping[str, Any] | None = None,
    address: str = "localhost",
) -> Iterator[Registry]:
    """Run Debian's docker-registry. Skips the test where it is not installed."""
    program = found("docker-registry")
    folder.mkdir(parents=True)
    host = f"{address}:{free_port()}"
    http: dict[str, Any] = {"addr": host, "secret": "shared"}
    if tls:
        http["tls"] = {"certificate": str(tls.file), "key": str(tls.key)}
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": http,
        **({"auth": auth} if auth else {}),
    }
    file = folder / "config.yml"
    file.write_text(json.dumps(settings))  # YAML, as all JSON is
    with running([program, "serve", str(file)], host, folder / "log"):
        yield Registry(host, folder / "data")


def htpasswd(folder: Path) -> dict[str, Any]:
    """Settings that let USER in with PASSWORD, by Basic."""
    file = folder / "htpasswd"
    file.write_text(_HTPASSWD)
    return {"htpasswd": {"realm": "tests", "path": str(file)}}


@contextmanager
def crane(folder: Path) -> Iterator[Registry]:
    """Run go-containerregistry's registry. Skips the test where it is not installed."""
    program = found("crane")
    folder.mkdir(parents=True)
    host = f"localhost:{free_port()}"
    with running([program, "registry", "serve", "--address", host, "--disk", str(folder)], host, folder / "log"):
        yield Registry(host, folder)


def found(program: str, how: str = "`./test` installs it where it may") -> str:
    """A program's path; skips the test where it is not installed, and says `how` it is.

    What `./test` still builds is waited for: tests that may have to are marked `late`.
    """
    place = _place(program) or (_place(program) if _built() else None)
    if place is None:
        pytest.skip(f"{program} is not installed ({how})")
    return place


def _place(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/bin:{_BUILT}")


def _built() -> bool:
    """Wait for the end of what tools/go-programs.sh builds; whether there is any."""
    try:
        with (_BUILT.parent / "building.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def running(argv: list[str], host: str, log: Path) -> Iterator[None]:
    """Run a server until it answers at `host`, and end it with the block."""
    with log.open("wb") as output:
        server = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        _await(host, server, log)
        yield
    finally:
        server.kill()
        server.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(host: str, server: subprocess.Popen, log: Path) -> None:
    name, _, port = host.rpartition(":")
    while server.poll() is None:
        try:
            socket.create_connection((name, int(port))).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError(f"{server.args} ended: {log.read_text()}")
