"""Sign in: Basic, tokens, identities; and who is never told who we are (CVE-2020-15157)."""

import base64
import json
import os
import time
from urllib.parse import parse_qsl

import pytest

from pushlive.model.errors import MachineError, RegistryError
from pushlive.registry import credentials, manifests, push, upload
from pushlive.registry.upload import Sent
from tests.registry.conftest import write_config
from tests.registry.images import digest_of, image, pulled, repository
from tests.registry.test_push import source
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.registry import PASSWORD, USER
from tests.servers.registry_stub import Reply, stub
from tests.servers.registry_tokens import IDENTITY, SERVICE

BASIC = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
BLOB = b"content"
DIGEST = digest_of(BLOB)


@pytest.fixture
def asked(tokens):
    """What the token server was asked in this test."""
    tokens.server.asked.clear()
    return tokens.server.asked


def challenged(text: str, *, right: str, then: Reply) -> object:
    """Answers of a registry that lets in whoever says what is right."""

    def answer(asked):
        return then if asked.authorization == right else Reply(401, headers=(("WWW-Authenticate", text),))

    return answer


def test_basic(basic, name, layout, other, log_in):
    log_in(basic.host)
    made = image(layout)
    with fault_proxy(basic.host) as proxy:
        log_in(proxy.host)
        push.push(made.digest, layout, repository(proxy.host, name), tags=("1",))
        told = [each.authorization for each in proxy.asked]
        assert told.count(None) == 1, "the request that it asks us after"
        assert set(told) == {None, BASIC}
        assert pulled(repository(proxy.host, name), other).image.digest == made.digest


@pytest.mark.parametrize("password", [None, "wrong"])
def test_basic_refused(basic, name, log_in, password):
    if password:
        log_in(basic.host, password=password)
    with fault_proxy(basic.host) as proxy:
        log_in(proxy.host, password=password) if password else None
        with pytest.raises(RegistryError) as caught:
            manifests.get(repository(proxy.host, name), "1")
        assert len(proxy.lines(f"/v2/{name}")) == (2 if password else 1)
    assert f"docker login {proxy.host}" in caught.value.remedy


def test_tokens(bearer, name, layout, other, log_in, asked):
    log_in(bearer.host)
    made = image(layout, os.urandom(1000), os.urandom(1000), os.urandom(1000))
    push.push(made.digest, layout, repository(bearer.host, name), tags=("1", "2"))
    assert len(asked) == 1, "threads share a token"
    query = asked[0].query
    assert ("service", SERVICE) in query
    assert ("scope", f"repository:{name}:pull,push") in query
    assert ("account", USER) in query
    assert asked[0].authorization == BASIC
    assert pulled(repository(bearer.host, name), other).image.digest == made.digest
    assert asked[1].query[1] == ("scope", f"repository:{name}:pull")


def test_an_identity_is_changed_for_tokens(bearer, name, layout, log_in, asked):
    log_in(bearer.host, identitytoken=IDENTITY)
    push.push(image(layout).digest, layout, repository(bearer.host, name), tags=("1",))
    form = dict(parse_qsl(asked[0].body.decode()))
    assert (asked[0].method, asked[0].authorization) == ("POST", None)
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": IDENTITY,
        "client_id": "pushlive",
        "service": SERVICE,
        "scope": f"repository:{name}:pull,push",
    }


def test_a_token_of_a_helper_is_changed_for_tokens(bearer, name, layout, home, path):
    program = path / "docker-credential-test"
    program.write_text(f'#!/bin/sh\ncat >/dev/null; echo \'{{"Username":"<token>","Secret":"{IDENTITY}"}}\'\n')
    program.chmod(0o755)
    write_config(home, {"credHelpers": {bearer.host: "test"}})
    push.push(image(layout).digest, layout, repository(bearer.host, name), tags=("1",))


def test_a_registrytoken_is_used_as_it_is(bearer, name, layout, log_in, asked, tokens):
    log_in(bearer.host, registrytoken=tokens.sign([f"repository:{name}:pull,push"]))
    push.push(image(layout).digest, layout, repository(bearer.host, name), tags=("1",))
    assert asked == []


def test_nobody_in_particular_may_pull(bearer, name, layout, other, log_in, home):
    log_in(bearer.host)
    made = image(layout)
    push.push(made.digest, layout, repository(bearer.host, name), tags=("1",))
    write_config(home, {})
    assert pulled(repository(bearer.host, name), other).image.digest == made.digest
    with pytest.raises(RegistryError) as caught:
        push.push(image(layout).digest, layout, repository(bearer.host, name), tags=("1",))
    assert caught.value.code == "unauthorized"


def test_a_wrong_password_is_told_with_the_registry_to_sign_in_at(bearer, name, log_in):
    log_in(bearer.host, password="wrong")
    with pytest.raises(RegistryError, match="password") as caught:
        manifests.get(repository(bearer.host, name), "1")
    assert f"docker login {bearer.host}" in caught.value.remedy


def test_a_mount_asks_for_the_source_too(bearer, name, tmp_path, log_in, asked):
    log_in(bearer.host)
    blob = source(tmp_path, os.urandom(1000))
    upload.push(repository(bearer.host, f"{name}/a"), blob)
    asked.clear()
    assert upload.push(repository(bearer.host, f"{name}/b"), blob, mounts=[f"{name}/a"]) is Sent.MOUNTED
    scopes = [[value for key, value in each.query if key == "scope"] for each in asked]
    assert scopes[-1] == [f"repository:{name}/a:pull", f"repository:{name}/b:pull,push"]


def test_a_token_that_runs_out_in_mid_upload_is_renewed(bearer, name, tmp_path, log_in, asked, tokens, monkeypatch):
    monkeypatch.setattr(upload, "WHOLE", 1000)
    monkeypatch.setattr(upload, "PART", 1000)
    with fault_proxy(bearer.host) as proxy:
        log_in(proxy.host)
        blob = source(tmp_path, os.urandom(3000))
        where = repository(proxy.host, name)
        upload.exists(where, blob.digest)
        ran_out = (("WWW-Authenticate", f'Bearer realm="{tokens.server.url}/token",service="{SERVICE}"'),)
        proxy.faults += [
            Fault("^PATCH", nth=2, reply=Reply(401, headers=ran_out)),
            Fault("^PUT", reply=Reply(401, headers=ran_out)),
        ]
        assert upload.push(where, blob) is Sent.UPLOADED
        sent = [each for each in proxy.asked if each.method == "PATCH"]
    assert [each.headers["Content-Range"] for each in sent] == ["0-999", "1000-1999", "1000-1999", "2000-2999"]
    assert all(each.headers["Content-Length"] == "1000" for each in sent)
    assert len(asked) == 3


def test_a_token_near_its_end_is_renewed_before(bearer, name, log_in, asked, tokens, monkeypatch):
    monkeypatch.setattr(tokens, "life", 1)
    log_in(bearer.host)
    where = repository(bearer.host, name)
    while len(asked) < 2:
        where.transport.ask("GET", "/v2/", scopes=where.pulling, expected={200})
        time.sleep(0.05)
    assert [each.query for each in asked] == [asked[0].query] * 2


@pytest.mark.parametrize(
    "header",
    [
        ('Bearer realm="{url}/token",service="s", Basic realm="r"',),
        ('Basic realm="r", bearer REALM="{url}/token" , service=s',),
        ('Basic realm="r"', 'BEARER realm="{url}/token",service="s"'),
        ("Negotiate", 'Bearer realm="{url}/token",service="s"'),
    ],
)
@pytest.mark.parametrize("key", ["token", "access_token"])
def test_several_challenges(header, key, log_in):
    def answer(asked):
        if asked.path == "/token":
            return Reply(200, json.dumps({key: "tok"}).encode())
        if asked.authorization == "Bearer tok":
            return Reply(200)
        fields = tuple(("WWW-Authenticate", each.replace("{url}", server.url)) for each in header)
        return Reply(401, headers=fields)

    with stub(answer) as server:
        log_in(server.host)
        assert upload.exists(repository(server.host, "a/b"), DIGEST)


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic"])
def test_a_scheme_in_any_case(scheme, log_in):
    with stub(challenged(f'{scheme} realm="r"', right=BASIC, then=Reply(200))) as server:
        log_in(server.host)
        assert upload.exists(repository(server.host, "a/b"), DIGEST)


@pytest.mark.parametrize("text", ["", "Negotiate", "Digest realm=r", "nonsense,,,"])
def test_a_challenge_that_nobody_knows_is_a_refusal(text, log_in):
    with stub(challenged(text, right="no", then=Reply(200))) as server:
        log_in(server.host)
        with pytest.raises(RegistryError, match="401"):
            upload.exists(repository(server.host, "a/b"), DIGEST)
    assert {each.authorization for each in server.asked} == {None}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b'{"token":1}', b'{"token":""}', b'{"token":"a b"}', b'{"token":"a\\nb"}'),
        *(b'{"token":"\\u2026"}', b'{"token":"t","expires_in":"soon"}', b"[" * 100_000),
        b'{"token":"t","expires_in":1' + b"0" * 400 + b"}",
    ],
)
def test_a_token_server_that_gives_nonsense_is_told(body):
    def answer(asked):
        if asked.path == "/token":
            return Reply(200, body)
        return Reply(401, headers=(("WWW-Authenticate", f'Bearer realm="{server.url}/token"'),))

    with stub(answer) as server, pytest.raises(RegistryError, match=f"gives no token for {server.host}"):
        upload.exists(repository(server.host, "a/b"), DIGEST)


def evil(realm: str, **more: str):
    fields = "".join(f',{key}="{value}"' for key, value in more.items())
    return lambda _: Reply(401, headers=(("WWW-Authenticate", f'Bearer realm="{realm}"{fields}'),))


def test_a_realm_without_tls_is_not_asked_for_a_secure_registry(certificate, log_in, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    with stub(lambda _: Reply(200, b'{"token":"t"}')) as thief:  # noqa: SIM117
        with stub(evil(f"{thief.url}/token"), tls=certificate) as server:
            log_in(server.host)
            with pytest.raises(RegistryError, match="leaves TLS"):
                upload.exists(repository(server.host, "a/b"), DIGEST)
    assert thief.asked == []


@pytest.mark.parametrize("realm", ["ftp://x/", "//localhost/token", "/token", "", "http://[", "http://user@localhost/"])
def test_a_realm_that_is_none_is_told(realm, log_in):
    with stub(evil(realm)) as server:
        log_in(server.host)
        with pytest.raises(RegistryError, match="not followed"):
            upload.exists(repository(server.host, "a/b"), DIGEST)


def test_a_token_server_that_sends_us_on_is_not_followed(log_in):
    def answer(asked):
        if asked.path == "/token":
            return Reply(307, headers=(("Location", f"{thief.url}/token"),))
        return evil(f"{server.url}/token")(asked)

    with stub(lambda _: Reply(200, b'{"token":"t"}')) as thief, stub(answer) as server:
        log_in(server.host)
        with pytest.raises(RegistryError, match="307"):
            upload.exists(repository(server.host, "a/b"), DIGEST)
    assert thief.asked == []


@pytest.mark.parametrize("asks", ["", "Basic realm=r", 'Bearer realm="{url}/token"'])
def test_a_store_on_another_host_is_told_nothing(log_in, asks):
    """Not by a redirect, and not when it asks."""

    def store(_):
        return Reply(401, headers=(("WWW-Authenticate", asks.replace("{url}", far.url)),)) if asks else Reply(200)

    def answer(asked):
        if asked.authorization != BASIC:
            return Reply(401, headers=(("WWW-Authenticate", "Basic realm=r"),))
        return Reply(307, headers=(("Location", f"http://127.0.0.1:{far.host.rpartition(':')[2]}/x"),))

    with stub(store) as far, stub(answer) as server:
        log_in(server.host)
        where = repository(server.host, "a/b")
        answer = where.transport.ask("GET", "/v2/a", scopes=where.pulling, expected={200, 401})
    assert answer.status == (401 if asks else 200)
    assert [each.authorization for each in far.asked] == [None]


def test_an_upload_on_another_host_is_told_nothing(tmp_path, log_in):
    def answer(asked):
        if asked.authorization != BASIC:
            return Reply(401, headers=(("WWW-Authenticate", "Basic realm=r"),))
        location = f"http://127.0.0.1:{far.host.rpartition(':')[2]}/session?sig=x"
        return Reply({"HEAD": 404, "POST": 202}[asked.method], headers=(("Location", location),))

    with stub(lambda _: Reply(201)) as far, stub(answer) as server:
        log_in(server.host)
        upload.push(repository(server.host, "a/b"), source(tmp_path, BLOB))
    assert [(each.method, each.authorization, each.body) for each in far.asked] == [("PUT", None, BLOB)]


def test_back_from_another_host_we_are_told_apart_still(log_in):
    """The store sends us to the registry by a name that reads like it: only its own address is told."""

    def answer(asked):
        if asked.authorization != BASIC:
            return Reply(401, headers=(("WWW-Authenticate", "Basic realm=r"),))
        return Reply(302, headers=(("Location", f"http://thief.localhost\\@{server.host}/x"),))

    with stub(answer) as server:
        log_in(server.host)
        where = repository(server.host, "a/b")
        with pytest.raises(RegistryError, match="not followed"):
            where.transport.ask("GET", "/v2/a", scopes=where.pulling, expected={200})


def test_a_location_on_a_private_address_of_a_public_registry_is_not_followed(monkeypatch, tmp_path):
    """The registry's public address is reached through a proxy of ours."""

    def answer(asked):
        inner = (("Location", f"http://127.0.0.1:{victim.host.rpartition(':')[2]}/session"),)
        return Reply({"HEAD": 404, "POST": 202, "GET": 307}[asked.method], headers=inner)

    with stub(lambda _: Reply(201)) as victim, stub(answer) as through:
        monkeypatch.setenv("http_proxy", through.url)
        where = repository("8.8.8.8", "a/b", insecure=True)
        with pytest.raises(RegistryError, match="address of this machine"):
            upload.push(where, source(tmp_path, BLOB))
        with pytest.raises(RegistryError, match="address of this machine"):
            where.transport.ask("GET", "/v2/a", scopes=where.pulling, expected={200})
    assert through.asked[0].target.startswith("http://8.8.8.8/v2/")
    assert victim.asked == []


def test_logins_are_looked_up_when_they_are_asked_for(plain, name, home):
    """A broken file keeps nobody from a registry that does not ask."""
    write_config(home, {}).write_text("{")
    assert not upload.exists(repository(plain.host, name), DIGEST)


def test_a_broken_file_is_told_when_it_is_needed(basic, name, home):
    write_config(home, {}).write_text("{")
    with pytest.raises(MachineError, match="cannot be read"):
        upload.exists(repository(basic.host, name), DIGEST)


CANARY = 'c4n4ry/+ "x" é'


@pytest.mark.parametrize("kind", ["basic", "identity", "bearer", "token"])
@pytest.mark.parametrize("where", ["message", "body"])
def test_no_secret_is_in_any_error(kind, where, log_in):
    """From a registry that repeats all that it is told."""
    secret = CANARY if kind in {"basic", "identity"} else "c4n4ry-token"

    def echoed(asked) -> bytes:
        told = f"{asked.authorization} {asked.body.decode()} {asked.target} {secret}"
        as_error = json.dumps({"errors": [{"code": "DENIED", "message": told}]})
        return (as_error if where == "message" else told).encode()

    def answer(asked):
        if asked.path == "/token":
            return Reply(200, b'{"token":"%s"}' % secret.encode()) if kind == "token" else Reply(403, echoed(asked))
        if asked.authorization:
            return Reply(403, echoed(asked))
        ask = "Basic realm=r" if kind == "basic" else f'Bearer realm="{server.url}/token"'
        return Reply(401, headers=(("WWW-Authenticate", ask),))

    logins = {"identity": {"identitytoken": secret}, "bearer": {"registrytoken": secret}}
    with stub(answer) as server:
        log_in(server.host, "ada", secret, **logins.get(kind, {}))
        target = repository(server.host, "a/b")
        with pytest.raises(RegistryError) as caught:
            target.transport.ask("GET", "/v2/a", scopes=target.pulling, expected={200})
    told = "".join(map(repr, (vars(caught.value), caught.value, target, target.transport)))
    told += str(caught.value) + repr(credentials.find(server.host, "a/b"))
    assert "403" in told or "DENIED" in told
    assert "c4n4ry" not in told
    assert base64.b64encode(f"ada:{CANARY}".encode()).decode() not in told
