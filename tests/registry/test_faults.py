"""What networks and registries do in mid-transfer: cut, stall, refuse for a while, change their mind."""

import os
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pushlive.model.errors import RegistryError
from pushlive.model.image import Descriptor
from pushlive.registry import connections, download, errors, manifests, patience, push, streams, upload
from pushlive.registry.upload import Sent
from tests.registry.images import digest_of, image, pulled, repository
from tests.registry.test_push import source, stored
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.registry import certificate, free_port
from tests.servers.registry_stub import Reply, stub

SIZE = 5000


@pytest.fixture
def small_parts(monkeypatch):
    """Blobs go in parts of 2,000 bytes."""
    monkeypatch.setattr(upload, "WHOLE", 2000)
    monkeypatch.setattr(upload, "PART", 2000)


@pytest.fixture
def short_waits(monkeypatch):
    """A connection is taken for cut after a fifth of a second."""
    monkeypatch.setattr(connections, "READ_TIMEOUT", 0.2)


PUSH_FAULTS = {
    "head cut": Fault("^HEAD .*/blobs/", drop=True),
    "post lost": Fault("^POST", drop=True),
    "patch cut at once": Fault("^PATCH", cut_request=0),
    "patch cut after a byte": Fault("^PATCH", cut_request=1),
    "patch cut": Fault("^PATCH", nth=2, cut_request=777),
    "patch cut before its last byte": Fault("^PATCH", nth=2, cut_request=1999),
    "patch cut again and again": Fault("^PATCH", nth=1, times=3, cut_request=1500),
    "patch lost": Fault("^PATCH", drop=True),
    "last patch lost": Fault("^PATCH", nth=3, drop=True),
    "patch 500": Fault("^PATCH", nth=2, reply=Reply(500)),
    "patch 503 for long": Fault("^PATCH", nth=2, times=4, reply=Reply(503)),
    "patch 429": Fault("^PATCH", reply=Reply(429, headers=(("Retry-After", "0"),))),
    "patch 404": Fault("^PATCH", nth=2, reply=Reply(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')),
    "patch 416": Fault("^PATCH", nth=2, reply=Reply(416)),
    "put lost": Fault("^PUT .*/uploads/", drop=True),
    "put cut": Fault("^PUT .*/uploads/", cut_request=0),
    "put 500": Fault("^PUT .*/uploads/", reply=Reply(500)),
    "put 502 twice": Fault("^PUT .*/uploads/", times=2, reply=Reply(502, b"<html>bad gateway")),
    "all 503 once": Fault(".", reply=Reply(503)),
    "manifest lost": Fault("^PUT .*/manifests/", drop=True),
    "manifest 500": Fault("^PUT .*/manifests/", reply=Reply(500)),
    "manifest cut": Fault("^PUT .*/manifests/", cut_request=10),
    "tag 504": Fault("^PUT .*/manifests/1$", reply=Reply(504)),
}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("fault", PUSH_FAULTS)
def test_a_push_gets_over(registry, name, layout, other, fault):
    struck = Fault(**{**vars(PUSH_FAULTS[fault]), "seen": 0})
    made = image(layout, os.urandom(SIZE))
    with fault_proxy(registry.host, [struck]) as proxy:
        push.push(made.digest, layout, repository(proxy.host, name), tags=("1",))
    assert struck.struck
    assert pulled(repository(registry.host, name), other).image.digest == made.digest


@pytest.mark.parametrize("cut", [0, 1, 4999])
@pytest.mark.parametrize("kind", ["cut_request", "lost"])
def test_a_blob_in_one_request_gets_over(registry, name, tmp_path, cut, kind):
    """What the registry has of it by then is in the way of a second one."""
    blob = source(tmp_path, os.urandom(SIZE))
    fault = Fault("^PUT", cut_request=cut) if kind == "cut_request" else Fault("^PUT", drop=True)
    with fault_proxy(registry.host, [fault]) as proxy:
        assert upload.push(repository(proxy.host, name), blob) is Sent.UPLOADED
    assert fault.struck
    assert stored(registry.host, name, blob.digest) == blob.path.read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_an_upload_whose_last_answer_is_lost_is_there(registry, name, tmp_path):
    """A second PUT finds no upload: distribution's registry says so, crane's that nothing has another digest."""
    blob = source(tmp_path, os.urandom(SIZE))
    fault = Fault("^PUT", drop=True)
    with fault_proxy(registry.host, [fault]) as proxy:
        assert upload.push(repository(proxy.host, name), blob) is Sent.UPLOADED
        assert len(proxy.lines("^POST")) == 1
    assert fault.struck
    assert stored(registry.host, name, blob.digest) == blob.path.read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_an_upload_goes_on_from_the_byte_that_the_registry_has(tmp_path):
    """distribution's registry knows no half part, and crane's tells nothing: after a cut, both begin anew."""
    kept = bytearray()

    def answer(asked):
        place = (("Location", "/session"), ("Range", f"0-{len(kept) - 1}"))
        if asked.method != "PATCH":
            return Reply({"HEAD": 404, "POST": 202, "GET": 204, "PUT": 201}[asked.method], headers=place)
        assert asked.headers["Content-Range"].startswith(f"{len(kept)}-")
        cut = 777 if len(kept) == 2000 else None
        kept.extend(asked.body[:cut])
        return Reply(500 if cut else 202, headers=place)

    content = os.urandom(SIZE)
    with stub(answer) as server:
        assert upload.push(repository(server.host, "a/b"), source(tmp_path, content)) is Sent.UPLOADED
    assert bytes(kept) == content
    ranges = [each.headers["Content-Range"] for each in server.asked if each.method == "PATCH"]
    assert ranges == ["0-1999", "2000-3999", "2777-4776", "4777-4999"]


ONE_PART_FAULTS = {
    **{f"cut after {cut}": Fault("^PUT .*/uploads/", cut_request=cut) for cut in (0, 1, 777, SIZE - 1)},
    "cut again and again": Fault("^(PUT|PATCH) .*/uploads/", times=3, cut_request=1500),
    "lost": Fault("^PUT .*/uploads/", drop=True),
    "500": Fault("^PUT .*/uploads/", reply=Reply(500)),
    "503 for long": Fault("^PUT .*/uploads/", times=4, reply=Reply(503)),
    "404": Fault("^PUT .*/uploads/", reply=Reply(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')),
    "416": Fault("^PUT .*/uploads/", reply=Reply(416)),
}


@pytest.fixture
def one_part(monkeypatch):
    """Blobs are of one part, and large enough to ask how far they came."""
    monkeypatch.setattr(upload, "WHOLE", 2000)
    monkeypatch.setattr(upload, "PART", SIZE)


@pytest.mark.usefixtures("one_part")
@pytest.mark.parametrize("fault", ONE_PART_FAULTS)
def test_a_blob_of_one_part_gets_over(registry, name, tmp_path, fault):
    struck = Fault(**{**vars(ONE_PART_FAULTS[fault]), "seen": 0})
    blob = source(tmp_path, os.urandom(SIZE))
    with fault_proxy(registry.host, [struck]) as proxy:
        assert upload.push(repository(proxy.host, name), blob) is Sent.UPLOADED
    assert struck.struck
    assert stored(registry.host, name, blob.digest) == blob.path.read_bytes()


@pytest.mark.usefixtures("one_part")
@pytest.mark.parametrize("kept", [0, 1, 777, SIZE - 1, SIZE])
def test_a_blob_of_one_part_goes_on_from_the_byte_that_the_registry_has(tmp_path, kept):
    have = bytearray()

    def answer(asked):
        place = (("Location", "/session"), ("Range", f"0-{max(0, len(have) - 1)}"))
        if asked.method == "PUT" and not have:
            have.extend(asked.body[:kept])
            return Reply(503)
        if asked.body:
            first = int(asked.headers.get("Content-Range", "0-").partition("-")[0])
            have[first:] = asked.body
        return Reply({"HEAD": 404, "POST": 202, "GET": 204, "PUT": 201, "PATCH": 202}[asked.method], headers=place)

    content = os.urandom(SIZE)
    with stub(answer) as server:
        assert upload.push(repository(server.host, "a/b"), source(tmp_path, content)) is Sent.UPLOADED
    assert bytes(have) == content
    sent = [f"{each.method} {each.headers.get('Content-Range', len(each.body))}" for each in server.asked if each.body]
    # 0-0 is said of no byte as well as of one.
    rest = [f"PATCH {kept if kept > 1 else 0}-{SIZE - 1}"] if kept < SIZE else []
    assert sent == [f"PUT {SIZE}", *rest]


PULL_FAULTS = {
    "manifest cut": Fault("^GET .*/manifests/", cut_answer=10),
    "manifest cut at once": Fault("^GET .*/manifests/", cut_answer=0),
    "manifest lost": Fault("^GET .*/manifests/", drop=True),
    "manifest 503": Fault("^GET .*/manifests/", times=3, reply=Reply(503)),
    "manifest 429": Fault("^GET .*/manifests/", reply=Reply(429, headers=(("Retry-After", "nonsense"),))),
    "blob cut": Fault("^GET .*/blobs/", times=4, cut_answer=100),
    "blob cut at once": Fault("^GET .*/blobs/", times=4, cut_answer=0),
    "blob lost": Fault("^GET .*/blobs/", drop=True),
    "blob 500": Fault("^GET .*/blobs/", times=2, reply=Reply(500)),
    "blob 408": Fault("^GET .*/blobs/", reply=Reply(408)),
}


@pytest.mark.parametrize("fault", PULL_FAULTS)
def test_a_pull_gets_over(registry, name, layout, other, fault):
    struck = Fault(**{**vars(PULL_FAULTS[fault]), "seen": 0})
    made = image(layout, os.urandom(SIZE))
    push.push(made.digest, layout, repository(registry.host, name), tags=("1",))
    with fault_proxy(registry.host, [struck]) as proxy:
        found = pulled(repository(proxy.host, name), other)
    assert struck.struck
    assert found.image.digest == made.digest
    assert all(other.get(each.digest) for each in (found.config, *found.layers))


@pytest.mark.parametrize("cut", [0, 1, 2, 100, 459, 460, 461, 918, 919, 920, 921])
def test_a_blob_cut_anywhere_goes_on_from_there(plain, layout, other, cut):
    """Cut twice at each of many places."""
    name = "tests/cuts"
    made = image(layout, b"content of the cut blob" * 40)
    push.push(made.digest, layout, repository(plain.host, name), tags=("1",))
    with fault_proxy(plain.host, [Fault("^GET .*/blobs/", times=2, cut_answer=cut)]) as proxy:
        found = pulled(repository(proxy.host, name), other)
    assert all(other.get(each.digest) for each in found.layers)


@pytest.mark.usefixtures("short_waits", "small_parts")
def test_what_is_slow_is_waited_for(plain, name, layout, other):
    """A body takes longer in all than the fifth of a second that counts as cut, and each part of it less."""
    made = image(layout, os.urandom(SIZE))
    slow = [Fault("/blobs/", times=99, rate=4 * SIZE), Fault("/manifests/", times=99, rate=4 * SIZE)]
    with fault_proxy(plain.host, slow) as proxy:
        push.push(made.digest, layout, repository(proxy.host, name), tags=("1",))
        assert pulled(repository(proxy.host, name), other).image.digest == made.digest


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("fault", ["answer", "request"])
def test_what_stalls_counts_as_cut(plain, name, layout, other, fault):
    made = image(layout, os.urandom(SIZE))
    push.push(made.digest, layout, repository(plain.host, name), tags=("1",))
    faults = {
        "answer": Fault("^GET .*/blobs/", cut_answer=1000, stall=True),
        "request": Fault("^GET .*/manifests/", cut_request=0, stall=True),
    }
    with fault_proxy(plain.host, [faults[fault]]) as proxy:
        assert pulled(repository(proxy.host, name), other).image.digest == made.digest
    assert faults[fault].struck


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_retry_after_is_waited_for(proxy, name, kind, monkeypatch):
    waits = []
    monkeypatch.setattr(patience.time, "sleep", waits.append)
    text = "2" if kind == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=25), usegmt=True)
    proxy.faults.append(Fault("^HEAD", reply=Reply(429, headers=(("Retry-After", text),))))
    assert not upload.exists(repository(proxy.host, name), digest_of(b""))
    assert len(waits) == 1
    assert waits[0] == 2 if kind == "seconds" else 2 < waits[0] <= 25


@pytest.mark.usefixtures("small_parts")
def test_retry_after_is_waited_for_between_parts(proxy, name, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(patience.time, "sleep", waits.append)
    proxy.faults.append(Fault("^PATCH", nth=2, reply=Reply(503, headers=(("Retry-After", "3"),))))
    upload.push(repository(proxy.host, name), source(tmp_path, os.urandom(SIZE)))
    assert waits == [3.0]


def test_a_retry_after_that_is_too_long_is_told(proxy, name):
    proxy.faults.append(Fault("^HEAD", reply=Reply(429, headers=(("Retry-After", "3600"),))))
    with pytest.raises(RegistryError, match="come back in 3600 s") as caught:
        upload.exists(repository(proxy.host, name), digest_of(b""))
    assert proxy.host in caught.value.where
    assert len(proxy.lines("^HEAD")) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("0", 0), ("7", 7), (" 7 ", 7), ("", 0), ("-1", 0), ("1.5", 0), ("soon", 0), ("9" * 400, float("inf"))),
        *(("Mon, 23 Nov 2026 00:00:10 GMT", 10), ("Mon, 23 Nov 2026 00:00:10 +0000", 10)),
        *(("Sun, 22 Nov 2026 00:00:00 GMT", 0), ("Mon, 23 Nov 99999999 00:00:10 GMT", 0), ("Mon, 99 Nov", 0)),
    ],
)
def test_retry_after_is_read(text, seconds):
    assert patience.retry_after(text, datetime(2026, 11, 23, tzinfo=UTC)) == seconds


def test_waits_grow_to_a_cap(monkeypatch):
    monkeypatch.undo()
    for tried in range(1, 20):
        whole = min(8.0, 0.25 * 2 ** (tried - 1))
        assert {whole / 2 <= patience.backoff(tried) <= whole for _ in range(50)} == {True}


@pytest.mark.parametrize("status", sorted(errors.TEMPORARY))
def test_what_does_not_pass_is_told(status, tmp_path):
    with stub(lambda _: Reply(status, b"out of order")) as server:  # noqa: SIM117
        with pytest.raises(RegistryError, match=str(status)) as caught:
            upload.exists(repository(server.host, "a/b"), digest_of(b""))
    assert len(server.asked) == patience.TRIES
    assert caught.value.passing


@pytest.mark.parametrize("status", [400, 402, 404, 409, 501, 505])
def test_what_will_not_change_is_asked_once(status):
    with stub(lambda _: Reply(status)) as server, pytest.raises(RegistryError):
        manifests.get(repository(server.host, "a/b"), "1")
    assert len(server.asked) == 1


def test_a_registry_that_is_not_there_is_told():
    host = f"localhost:{free_port()}"
    with pytest.raises(RegistryError, match=f"{host} cannot be reached: .*Connection refused") as caught:
        manifests.get(repository(host, "a/b"), "1")
    assert caught.value.where == f"GET http://{host}/v2/a/b/manifests/1"
    assert "HTTPS_PROXY" in caught.value.remedy


def test_a_name_that_nobody_knows_is_told():
    with pytest.raises(RegistryError, match=r"no-such\.invalid cannot be reached: .*[Nn]ame"):
        manifests.get(repository("no-such.invalid", "a/b"), "1")


def test_a_store_that_is_not_there_is_told_by_its_own_name():
    gone = f"127.0.0.1:{free_port()}"
    with stub(lambda _: Reply(307, headers=(("Location", f"http://{gone}/x?sig=c4n4ry"),))) as server:  # noqa: SIM117
        with pytest.raises(RegistryError, match=f"{gone} cannot be reached") as caught:
            manifests.get(repository(server.host, "a/b"), "1")
    assert "c4n4ry" not in str(vars(caught.value))


def test_what_is_no_http_is_told():
    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

    with listening(speak) as host, pytest.raises(RegistryError, match="cannot be reached"):
        manifests.get(repository(host, "a/b"), "1")


@contextmanager
def listening(each):
    """A bare listener that does `each` with a connection and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    each(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_tls(secure, certificate, name, layout, other, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    made = image(layout)
    where = repository(secure.host, name)
    push.push(made.digest, layout, where, tags=("1",))
    assert where.transport.base.startswith("https://")
    assert pulled(repository(secure.host, name), other).image.digest == made.digest


def test_tls_by_the_authority_that_docker_trusts(secure, certificate, name, tmp_path, monkeypatch):
    folder = tmp_path / "certs.d" / secure.host
    folder.mkdir(parents=True)
    monkeypatch.setattr(connections, "_CERTIFICATES", tmp_path / "certs.d")
    (folder / "ca.crt").write_bytes(certificate.file.read_bytes())
    assert not upload.exists(repository(secure.host, name), digest_of(b""))


@pytest.mark.parametrize("kind", ["self-signed", "expired", "wrong name"])
def test_a_certificate_that_does_not_hold_is_told_at_once(kind, tmp_path, monkeypatch):
    made = {
        "self-signed": lambda: certificate(tmp_path),
        "expired": lambda: certificate(tmp_path, days=-1),
        "wrong name": lambda: certificate(tmp_path, name="other.example"),
    }[kind]()
    if kind != "self-signed":
        monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    why = {"self-signed": "self.signed", "expired": "expired", "wrong name": "not valid for 'localhost'"}[kind]
    with stub(lambda _: Reply(200), tls=made) as server:  # noqa: SIM117
        with pytest.raises(RegistryError, match=f"certificate of {server.host} is not trusted: .*{why}") as caught:
            manifests.get(repository(server.host, "a/b"), "1")
    assert f"certs.d/{server.host}/ca.crt" in caught.value.remedy
    assert server.asked == []


def test_a_certificate_that_docker_trusts_and_is_none_is_told(secure, name, tmp_path, monkeypatch):
    folder = tmp_path / "certs.d" / secure.host
    folder.mkdir(parents=True)
    monkeypatch.setattr(connections, "_CERTIFICATES", tmp_path / "certs.d")
    (folder / "ca.crt").write_text("nonsense")
    with pytest.raises(Exception, match=r"ca\.crt cannot be used"):
        upload.exists(repository(secure.host, name), digest_of(b""))


def test_tls_that_is_cut_is_no_certificate_that_does_not_hold(certificate, monkeypatch):
    """In its greetings, as a firewall cuts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    met = []

    def speak(connection: socket.socket) -> None:
        met.append(connection)
        if len(met) > 1:
            connection.recv(65536)  # the greeting, and no answer to it
            return
        with context.wrap_socket(connection, server_side=True) as spoken:
            spoken.recv(65536)
            spoken.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with listening(speak) as host, pytest.raises(RegistryError, match="cannot be reached") as caught:
        manifests.get(repository(host, "a/b"), "1")
    assert caught.value.code == errors.UNREACHABLE
    assert len(met) == 1 + patience.TRIES


class TestDripping:
    """Each byte comes in time, and all of them never would."""

    BODY = b"{" * 100_000

    @pytest.fixture(autouse=True)
    def _hurry(self, monkeypatch):
        monkeypatch.setattr(streams, "WINDOW", 0.1)
        monkeypatch.setattr(patience, "backoff", lambda _: 0.0)
        monkeypatch.setattr(patience, "TRIES", 2)

    @pytest.mark.parametrize("length", [None, -1])
    def test_a_blob_that_drips_is_asked_for_again_and_then_told(self, layout, length):
        wanted = Descriptor("application/octet-stream", digest_of(self.BODY), len(self.BODY))
        with stub(lambda _: Reply(200, self.BODY, length=length, pause=0.01)) as server:
            with pytest.raises(RegistryError, match="bytes came in") as caught:
                download.fetch(repository(server.host, "a/b"), wanted, layout)
            assert len(server.asked) > 1
        assert caught.value.code == errors.TOO_SLOW
        assert not layout.has(wanted.digest)

    def test_a_blob_that_drips_on_from_where_it_was_does_not_do_so_for_ever(self, layout):
        def answer(asked):
            begin = int(asked.headers.get("Range", "bytes=0-")[6:-1])
            place = (("Content-Range", f"bytes {begin}-{len(self.BODY) - 1}/{len(self.BODY)}"),)
            return Reply(206 if begin else 200, self.BODY[begin:], place if begin else (), pause=0.01)

        wanted = Descriptor("application/octet-stream", digest_of(self.BODY), len(self.BODY))
        with stub(answer) as server, pytest.raises(RegistryError, match="too slow"):
            download.fetch(repository(server.host, "a/b"), wanted, layout)
        assert len(server.asked) < 10

    def test_an_answer_that_drips_is_told(self):
        with stub(lambda _: Reply(200, self.BODY, pause=0.01)) as server:
            where = repository(server.host, "a/b")
            with pytest.raises(RegistryError, match="bytes came in"):
                where.transport.ask("GET", "/v2/a/b", scopes=where.pulling, expected={200}, tries=2)

    def test_what_is_slow_and_comes_is_waited_for(self, monkeypatch):
        monkeypatch.setattr(streams, "LEAST", 10)
        with stub(lambda _: Reply(200, b"x" * 50, pause=0.01)) as server:
            where = repository(server.host, "a/b")
            assert where.transport.ask("GET", "/v2/a/b", scopes=where.pulling, expected={200}).body == b"x" * 50
