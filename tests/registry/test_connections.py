"""Connections: kept, shared, given back, and the proxies before them."""

import base64
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pushlive.model.errors import RegistryError
from pushlive.registry import connections, manifests, push, upload
from pushlive.registry.connections import Body, Connections
from tests.registry.images import digest_of, image, pulled, repository
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.registry_stub import Reply, stub


def test_one_connection_carries_all_that_comes_one_after_another(proxy, name, layout, other):
    made = image(layout)
    where = repository(proxy.host, name)
    layers = sorted(layout.blob(digest_of(path.read_bytes())) for path in layout.path.glob("blobs/sha256/*"))
    for path in layers:
        blob = upload.Source(digest_of(path.read_bytes()), path.stat().st_size, path)
        upload.push(where, blob)
    push.push(made.digest, layout, where, tags=("1", "2", "3"))
    manifests.get(where, "1")
    with pytest.raises(RegistryError):
        manifests.get(where, "nobody")
    before = proxy.connections
    assert before <= 1 + 1 + connections.PARALLEL, "the look at what it speaks, the first one, and those of a push"
    for _ in range(20):
        manifests.get(where, "1")
        manifests.stands(where, "2", made.digest)
        manifests.stands(where, "nobody", made.digest)
    assert proxy.connections == before


def test_many_blobs_share_few_connections(proxy, name, layout, other):
    made = image(layout, *(os.urandom(2000) for _ in range(30)))
    push.push(made.digest, layout, repository(proxy.host, name), tags=("1",))
    assert proxy.connections <= 2 + connections.PARALLEL
    before = proxy.connections
    pulled(repository(proxy.host, name), other)
    assert proxy.connections - before <= 2 + connections.PARALLEL


@pytest.mark.parametrize("status", [200, 204, 404, 503])
@pytest.mark.parametrize("body", [b"", b"x" * 1000])
def test_an_answer_that_was_read_gives_its_connection_back(status, body):
    body = b"" if status == 204 else body
    with stub(lambda _: Reply(status, body)) as server:
        where = repository(server.host, "a/b")
        for method in ("GET", "HEAD", "GET", "DELETE", "PUT"):
            where.transport.ask(method, "/v2/", scopes=where.pulling, expected={status}, tries=1)
    assert server.connections == 2, "the look at what it speaks, and this one"


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_left_open(plain, name, layout, other):
    """After answers of all kinds: refused, cut, redirected, left half read."""
    made = image(layout, os.urandom(200_000))
    push.push(made.digest, layout, repository(plain.host, name), tags=("1",))
    before = open_files()
    faults = [
        Fault("^GET .*/manifests/", reply=Reply(503, b"x" * 200_000)),
        Fault("^GET .*/blobs/", reply=Reply(200, b"x" * 300_000)),
    ]
    with fault_proxy(plain.host, faults) as proxy:
        where = repository(proxy.host, name)
        with pytest.raises(RegistryError):
            pulled(where, other)
        del where
    assert open_files() <= before + 1


def test_a_long_body_on_the_way_is_not_read_whole():
    """Of a redirect, or of an answer that is asked for again."""
    sent = []

    def answer(asked):
        if asked.path == "/there":
            return Reply(200, b"there")
        sent.append(asked)
        status = 503 if len(sent) == 1 else 302
        return Reply(status, b"x" * 50_000_000, (("Location", "/there"),))

    script = """
import resource, sys
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository
where = Repository(Reference(sys.argv[1], "a/b"))
where.transport.base
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answer = where.transport.ask("GET", "/v2/a", scopes=where.pulling, expected={200})
assert answer.body == b"there"
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    with stub(answer) as server:
        done = subprocess.run([sys.executable, "-c", script, server.host], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20_000, "KiB"


def test_proxies_are_taken_from_the_environment(monkeypatch):
    with stub(lambda _: Reply(404)) as through:
        for name, value in (("http_proxy", f"http://ada:se%40cret@{through.host}"), ("no_proxy", "internal.example")):
            monkeypatch.setenv(name, value)
        assert not upload.exists(repository("far.example", "a/b", insecure=True), digest_of(b""))
        with pytest.raises(RegistryError, match="cannot be reached"):
            upload.exists(repository("a.internal.example", "a/b", insecure=True), digest_of(b""))
    assert [each.target.partition("/v2/")[0] for each in through.asked] == ["http://far.example"]
    login = base64.b64encode(b"ada:se@cret").decode()
    assert through.asked[0].headers["Proxy-Authorization"] == f"Basic {login}"


def test_a_proxy_without_a_scheme(monkeypatch):
    with stub(lambda _: Reply(404)) as through:
        monkeypatch.setenv("http_proxy", through.host)
        assert not upload.exists(repository("far.example", "a/b", insecure=True), digest_of(b""))
    assert len(through.asked) == 1


def test_this_machine_needs_no_proxy(plain, name, monkeypatch):
    for each in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(each, "http://localhost:1")
    assert not upload.exists(repository(plain.host, name), digest_of(b""))


def test_a_body_is_sent_from_its_beginning_each_time():
    begun = []

    def blocks():
        begun.append(1)
        yield b"ab"
        yield b"c"

    with stub(lambda asked: Reply(200, asked.body)) as server:
        ours = Connections()
        answers = [ours.send("PUT", f"{server.url}/", {}, Body(3, blocks)).read() for _ in range(2)]
    assert answers == [b"abc"] * 2
    assert begun == [1, 1]


def test_threads_share_a_repository(plain, name):
    where = repository(plain.host, name)
    found = []
    threads = [threading.Thread(target=lambda: found.append(upload.exists(where, digest_of(b"")))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [False] * 8
