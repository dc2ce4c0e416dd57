"""Killed in mid-transfer, and run again; what it takes of the machine meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from pushlive.image.layout import Layout
from pushlive.registry import manifests, push
from tests.registry.images import digest_of, image, pulled, repository, sparse
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.registry import distribution

BIG = 512 * 1024 * 1024
GROWTH = 40 * 1024
"""KiB that a process may grow by, whatever it carries."""

_PROGRAM = """
import resource, signal, sys
from pathlib import Path
from pushlive.image.layout import Layout
from pushlive.model.image import Descriptor, Digest, Platform
from pushlive.registry import download, pull, push, upload
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
what, name, folder, *more = sys.argv[1:]
where, layout = Repository(Reference.parse(name)), Layout(Path(folder))
if what == "push":
    push.push(Digest.parse(more[0]), layout, where, tags=("1",))
elif what == "pull":
    found = pull.resolve(where, Platform("linux", "amd64"), layout)
    pull.fetch(where, (found.config, *found.layers), layout)
else:
    where.transport.ask("GET", "/v2/", scopes=frozenset(), expected={200})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    digest, size = Digest.parse(more[0]), int(more[1])
    if what == "send":
        upload.push(where, upload.Source(digest, size, Path(more[2])))
    else:
        download.fetch(where, Descriptor("application/octet-stream", digest, size), layout)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def start(*arguments: object) -> subprocess.Popen:
    argv = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: object) -> str:
    with start(*arguments) as child:
        output, errors = child.communicate()
    assert child.returncode == 0, errors
    return output


def killed_when(seen, *arguments: object) -> None:
    """Start it, and kill it once it has got so far."""
    with start(*arguments) as child:
        while not seen() and child.poll() is None:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL, child.returncode


PLACES = {
    "before the first blob": "^HEAD .*/blobs/",
    "in a blob": "^(PUT|PATCH) .*/uploads/",
    "before the manifest": "^PUT .*/manifests/sha256",
    "in the tag": "^PUT .*/manifests/1$",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_push_that_is_killed_tags_nothing_by_halves_and_is_run_again(registry, name, layout, other, place):
    old, new = image(layout), image(layout, os.urandom(100_000), os.urandom(100_000))
    push.push(old.digest, layout, repository(registry.host, name), tags=("1",))
    stalled = Fault(PLACES[place], cut_request=0, stall=True)
    with fault_proxy(registry.host, [stalled]) as proxy:
        target = f"{proxy.host}/{name}"
        killed_when(lambda: stalled.struck, "push", target, layout.path, new.digest)
        assert manifests.get(repository(registry.host, name), "1").digest == old.digest
    run("push", f"{registry.host}/{name}", layout.path, new.digest)
    assert pulled(repository(registry.host, name), other).image.digest == new.digest


def test_what_was_pushed_before_the_kill_is_not_sent_again(plain, name, layout):
    made = image(layout, os.urandom(100_000))
    stalled = Fault("^PUT .*/manifests/", cut_request=0, stall=True)
    with fault_proxy(plain.host, [stalled]) as proxy:
        killed_when(lambda: stalled.struck, "push", f"{proxy.host}/{name}", layout.path, made.digest)
        proxy.asked.clear()
        run("push", f"{proxy.host}/{name}", layout.path, made.digest)
        assert proxy.lines("^POST") == []


def test_a_pull_that_is_killed_goes_on_where_it_was(plain, name, layout, other):
    content = os.urandom(3_000_000)
    push.push(image(layout, content).digest, layout, repository(plain.host, name), tags=("1",))
    partial = other.path / "blobs" / "sha256" / f".part-{digest_of(content).hex}"
    stalled = Fault(f"^GET .*/blobs/{digest_of(content)}", cut_answer=2_000_000, stall=True)
    with fault_proxy(plain.host, [stalled]) as proxy:
        killed_when(
            lambda: partial.exists() and partial.stat().st_size > 1_000_000,
            "pull",
            f"{proxy.host}/{name}:1",
            other.path,
        )
        assert not other.has(digest_of(content))
        reached = partial.stat().st_size
        proxy.asked.clear()
        run("pull", f"{proxy.host}/{name}:1", other.path)
        asked = [each for each in proxy.asked if str(digest_of(content)) in each.target]
    assert [each.headers["Range"] for each in asked] == [f"bytes={reached}-"]
    assert other.get(digest_of(content)) == content


def test_two_processes_fetch_a_blob_once(plain, name, layout, other):
    content = os.urandom(3_000_000)
    push.push(image(layout, content).digest, layout, repository(plain.host, name), tags=("1",))
    with fault_proxy(plain.host) as proxy:
        children = [start("pull", f"{proxy.host}/{name}:1", other.path) for _ in range(2)]
        ended = [(child.communicate()[1], child.returncode) for child in children]
        assert [code for _, code in ended] == [0, 0], ended
        assert len(proxy.lines(f"^GET .*/blobs/{digest_of(content)}")) == 1
    assert other.get(digest_of(content)) == content
    assert not list(other.path.glob("blobs/sha256/.*"))


def test_memory_does_not_grow_with_a_blob(name, tmp_path):
    """Half a gibibyte of nothing, there and back."""
    path, digest = sparse(tmp_path, BIG)
    layout = Layout(tmp_path / "layout")
    with distribution(tmp_path / "registry") as registry:
        where = f"{registry.host}/{name}"
        sent = int(run("send", where, tmp_path / "unused", digest, BIG, path))
        fetched = int(run("fetch", where, layout.path, digest, BIG))
    assert layout.blob(digest).stat().st_size == BIG
    for folder in (layout.path, registry.folder):
        shutil.rmtree(folder)  # pytest keeps what is left for three runs
    assert max(sent, fetched) < GROWTH
