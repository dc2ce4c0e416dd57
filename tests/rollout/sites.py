"""Sites to try the local engine on: real folders and processes, a stand-in for the server, layers from texts."""

import json
import os
import shutil
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace

from pushlive.model.events import silent
from pushlive.model.home import SiteHome
from pushlive.model.image import Digest, Image, ImageConfig, Layer
from pushlive.model.release import Release
from pushlive.rollout.local import strays
from pushlive.rollout.local.engine import LocalEngine
from pushlive.rollout.local.record import SiteRecord
from pushlive.system import proc
from pushlive.system.http import Address, get

PYTHON = Path("/usr/bin/python3")
SERVER = Path(__file__).parent / "standin.py"


def digest(text):
    return Digest("sha256:" + sha256(text.encode()).hexdigest())


@dataclass
class Tree:
    """What a layer holds: texts by path. A list of them stands in for an image layout."""

    layers: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, title, files):
        name = json.dumps([title, files], sort_keys=True)
        self.layers[digest(name).value] = files
        return Layer(digest=digest(name), size=1, diff_id=digest(name), title=title)

    def unpack(self, layer, into):
        if into.is_dir():
            return
        fresh = into.with_name(f".{into.name}.unpacking")
        shutil.rmtree(fresh, ignore_errors=True)
        for path, text in self.layers[layer.digest.value].items():
            file = fresh / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for folder, _, _ in os.walk(fresh):
            Path(folder).chmod(0o755)
        fresh.rename(into)


@dataclass
class Site:
    """A site with an engine, and makers of releases for it."""

    home: SiteHome
    record: SiteRecord
    tree: Tree = field(default_factory=Tree)
    made: int = 0

    @property
    def engine(self):
        return LocalEngine(self.home, self.record, self.tree.unpack)

    @property
    def public(self):
        endpoint = self.record.endpoints[0]
        return Address(host=endpoint.host, port=endpoint.port)

    def release(self, *, files=None, behaviour=None, **changes):
        self.made += 1
        name = f"v{self.made}"
        app = {"app/manage.py": "print('managed')\n", "app/behaviour.json": json.dumps(behaviour or {})}
        app |= {f"app/{path}": text for path, text in (files or {}).items()}
        image = Image(
            digest=digest(name),
            layers=(
                self.tree.add("packages", {"opt/pushlive/packages/kept.py": "VALUE = 1\n"}),
                self.tree.add("server", {"opt/pushlive/server/run.py": SERVER.read_text()}),
                self.tree.add("app", app | {"app/name": name}),
            ),
            config=ImageConfig(
                entrypoint=("python", "/opt/pushlive/server/run.py", "serve"),
                working_dir="/app",
                user="65532",
                env={"PUSHLIVE_APP": "proj.wsgi:application", "PUSHLIVE_STATIC_ROOT": "/app/static"},
            ),
        )
        release = Release(
            name=name,
            revision=sha256(name.encode()).hexdigest()[:40],
            image=image,
            created=datetime.now(UTC),
            replicas=2,
            server="wsgi",
            python=str(PYTHON),
            start_timeout=20.0,
            warm=False,
            env={"PUSHLIVE_STOP_TIMEOUT": "5"},
        )
        return replace(release, **changes)

    def deliver(self, release=None, **made):
        release = release or self.release(**made)
        self.engine.prepare(release)
        with self.engine.candidate(release, silent) as candidate:
            candidate.admit()
            candidate.commit()
        return release

    def ask(self, address=None, path="/"):
        answer = get(address or self.public, path, headers={"host": "localhost"}, timeout=10)
        return json.loads(answer.body)

    def processes(self):
        """Every process that runs and has to do with this site, by pid."""
        mark = os.fsencode(self.home.path)
        found = {}
        for pid, stat in proc.everyone():
            with suppress(OSError):
                text = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
                if mark in text:
                    found[pid] = (stat.state, text[:150])
        found |= {one.pid: ("?", b"recorded") for one in strays.everything(self.home) if proc.alive(one)}
        return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Load:
    """A light load: one request after the other, each on a connection of its own."""

    def __init__(self, site):
        self.site = site
        self.failed = []
        self.answered = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        time.sleep(0.1)
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(0.01):
            try:
                self.answered.append(self.site.ask()["release"])
            except Exception as error:  # noqa: BLE001 - whatever a client would see
                self.failed.append(repr(error))


def wait_for(question, seconds=20.0):
    """Wait until `question()` is true; fails the test when it does not come to be."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"did not come to be within {seconds} s: {question}")


def has_memcached():
    return shutil.which("memcached", path="/usr/bin:/usr/sbin:/usr/local/bin") is not None
