"""Signatures of what was pushed, by the real cosign: with a key, and with an identity that a real Fulcio certifies."""

import base64
import json
import os
import shutil

import pytest

from pushlive import source
from pushlive.image.builders import Builder
from pushlive.image.layout import Layout
from pushlive.model.errors import MachineError, SigningError, UsageError
from pushlive.model.events import Note, silent
from pushlive.model.image import Platform
from pushlive.model.source import ZERO
from pushlive.pipeline import dockerfile, signing
from pushlive.pipeline.publish import publish
from pushlive.pipeline.stopwatch import Stopwatch
from pushlive.pipeline.target import Published, Target
from pushlive.registry import manifests, push, referrers
from pushlive.registry.reference import Reference
from pushlive.registry.repository import Repository
from tests.registry.images import image, index, put_json
from tests.servers import registry, sigstore

TO = Reference.parse("ghcr.io/me/site")
TOKEN = {"SIGSTORE_ID_TOKEN": "ey…"}
ARM = Platform("linux", "arm64")
EMPTY = "application/vnd.oci.empty.v1+json"

pytestmark = pytest.mark.late


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A registry that lets USER in alone."""
    folder = tmp_path_factory.mktemp("hub")
    with registry.distribution(folder / "registry", auth=registry.htpasswd(folder)) as running:
        yield running


@pytest.fixture
def home(tmp_path, monkeypatch, hub):
    """A login for that registry, as docker leaves it, and none of our own identities."""
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "SIGSTORE_ID_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    login = base64.b64encode(f"{registry.USER}:{registry.PASSWORD}".encode()).decode()
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": {hub.host: {"auth": login}}}))
    return tmp_path


@pytest.fixture
def cosign(home, monkeypatch):
    """cosign for keys."""
    return prepared(sigstore.cosign(home), monkeypatch)


@pytest.fixture
def keys(cosign, home):
    return sigstore.keys(cosign, home / "keys")


@pytest.fixture
def fulcio(tmp_path):
    with sigstore.fulcio(tmp_path / "fulcio") as running:
        yield running


@pytest.fixture
def keyless(home, fulcio, monkeypatch):
    """cosign for identities."""
    return prepared(sigstore.cosign(home, fulcio=fulcio), monkeypatch)


def prepared(cosign, monkeypatch):
    for name, value in cosign.environ.items():
        monkeypatch.setenv(name, value)
    return cosign


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


@pytest.fixture
def to(hub, request):
    """A repository that no other test uses."""
    return Reference(hub.host, f"me/{abs(hash(request.node.name))}")


def pushed(descriptor, layout, to):
    sent = push.push(descriptor.digest, layout, Repository(to), tags=("1",))
    return Published(str(descriptor.digest), pushed=sent)


def sign(made, target):
    """Sign as `pushlive build` does; what it says."""
    said = []
    by = signing.signer(target, said.append)
    assert by
    signing.sign(by, made, target, Stopwatch(said.append, lambda: None))
    return said


def test_what_is_signed_with_a_key_is_accepted_by_its_other_half_alone(cosign, keys, layout, to, home):
    made = pushed(image(layout), layout, to)
    said = sign(made, Target(to, key=str(keys.private)))
    name = f"{to}@{made.image}"
    assert said[-1].detail == f"by cosign, with {keys.private}"
    assert cosign.verifies(name, "--key", str(keys.public)) == ""
    others = sigstore.keys(cosign, home / "others")
    assert "failed to verify signature" in cosign.verifies(name, "--key", str(others.public))


def test_an_image_that_took_its_place_is_not_accepted(cosign, keys, layout, to):
    sign(pushed(image(layout), layout, to), Target(to, key=str(keys.private)))
    assert cosign.verifies(f"{to}:1", "--key", str(keys.public)) == ""
    pushed(image(layout), layout, to)
    assert "no signatures found" in cosign.verifies(f"{to}:1", "--key", str(keys.public))


def test_of_an_index_each_image_is_signed(cosign, keys, layout, to):
    images = [(image(layout, platform=each), each) for each in (Platform("linux", "amd64"), ARM)]
    made = pushed(index(layout, images), layout, to)
    sign(made, Target(to, platforms=tuple(each for _, each in images), key=str(keys.private)))
    for digest in (made.image, *(str(each.digest) for each, _ in images)):
        assert cosign.verifies(f"{to}@{digest}", "--key", str(keys.public)) == ""


def test_what_else_is_attached_stays(cosign, keys, layout, to):
    subject, empty = image(layout), put_json(layout, {}, EMPTY)
    made = pushed(subject, layout, to)
    plain = {"schemaVersion": 2, "mediaType": subject.media_type, "config": empty.json(), "layers": [empty.json()]}
    for number, before in enumerate((1, 3)):
        pushed(put_json(layout, plain, subject.media_type), layout, to)
        text = json.dumps(plain | {"subject": subject.json(), "artifactType": f"tests/{number}"}).encode()
        referrers.attach(Repository(to), manifests.Manifest(subject.media_type, text))
        assert len(referrers.of(Repository(to), subject.digest)) == before
        sign(made, Target(to, key=str(keys.private)))
    assert len(referrers.of(Repository(to), subject.digest)) == 4
    assert cosign.verifies(f"{to}@{made.image}", "--key", str(keys.public)) == ""


def test_an_image_by_a_dockerfile_is_signed_too(cosign, keys, to, context, work, tmp_path, monkeypatch):
    if os.geteuid() != 0 or shutil.which("buildah") is None:
        pytest.skip("Buildah is not here, or not as root")
    storage = tmp_path / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\nrunroot = "{tmp_path}/run"\ngraphroot = "{tmp_path}/graph"\n')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    monkeypatch.setattr(dockerfile, "builder", lambda **_: Builder.BUILDAH)
    settings = '[app]\nwsgi = "page:application"\n[build]\ndockerfile = "Dockerfile"\n'
    files = {"pushlive.toml": settings, "page.py": "application = None\n", "Dockerfile": "FROM scratch\nCOPY . /\n"}
    sha = source.bring(work.path, context.site.repository, work.commit(files))
    source.set_ref(context.site.repository, "refs/heads/master", sha, ZERO)
    made = publish(context, None, Target(to, insecure=True, key=str(keys.private)), silent)
    assert made.signed == str(keys.private)
    assert cosign.verifies(f"{to}@{made.image}", "--key", str(keys.public)) == ""


def test_a_job_with_a_token_signs_as_whom_it_names(keyless, fulcio, layout, to, monkeypatch):
    people = fulcio.issuer.people
    token = fulcio.issuer.token(people, sub="1", email=sigstore.ADA, email_verified=True)
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", token)
    made = pushed(image(layout), layout, to)
    with monkeypatch.context() as around:
        around.setenv("COSIGN_KEY", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----")
        said = sign(made, Target(to))
    name = f"{to}@{made.image}"
    assert not [each for each in said if token in str(each)]
    as_ada = ("--certificate-identity", sigstore.ADA, "--certificate-oidc-issuer", people)
    assert keyless.verifies(name, *as_ada) == ""
    eve = ("--certificate-identity", "eve@example.com", *as_ada[2:])
    assert f'expected SAN value "eve@example.com", got "{sigstore.ADA}"' in keyless.verifies(name, *eve)


def test_a_job_of_github_actions_signs_as_its_workflow(keyless, fulcio, layout, to, monkeypatch):
    for name, value in fulcio.issuer.runner.items():
        monkeypatch.setenv(name, value)
    made = pushed(image(layout), layout, to)
    assert "ACTIONS_ID_TOKEN_REQUEST_URL" in sign(made, Target(to))[-1].detail
    identity = f"https://github.com/{sigstore.WORKFLOW}"
    who = ("--certificate-identity", identity, "--certificate-oidc-issuer", fulcio.issuer.actions)
    assert keyless.verifies(f"{to}@{made.image}", *who) == ""


@pytest.mark.usefixtures("cosign")
def test_a_signature_that_fails_says_that_the_image_is_pushed(layout, to):
    made = pushed(image(layout), layout, to)
    with pytest.raises(SigningError, match="the image is pushed, and not signed: cosign ended with 1") as caught:
        sign(made, Target(to, key="/no/such.key"))
    assert caught.value.where == f"{to}@{made.image}"
    assert "open /no/such.key" in caught.value.evidence[-1]
    assert "run the same again" in caught.value.remedy


def test_nothing_is_signed_without_an_identity_or_where_that_is_not_wanted():
    assert signing.signer(Target(TO), silent, {}) is None
    assert signing.signer(Target(TO, sign=False), silent, TOKEN) is None
    assert signing.signer(Target(), silent, TOKEN) is None


def test_an_order_without_a_way_is_refused_before_anything_is_built(tmp_path):
    with pytest.raises(UsageError, match="nothing to sign with") as caught:
        signing.signer(Target(TO, sign=True), silent, {})
    assert "--sign-key" in caught.value.remedy
    with pytest.raises(UsageError, match="only what is pushed"):
        signing.signer(Target(sign=True), silent, TOKEN)
    with pytest.raises(MachineError, match="cosign is not installed"):
        signing.signer(Target(TO, sign=True), silent, TOKEN | {"PATH": str(tmp_path)})


def test_an_identity_without_cosign_is_remarked_on(tmp_path):
    said = []
    assert signing.signer(Target(TO), said.append, TOKEN | {"PATH": str(tmp_path)}) is None
    (note,) = said
    assert isinstance(note, Note)
    assert note.warning
    assert "SIGSTORE_ID_TOKEN is there to sign with, and cosign is not installed" in note.text


def test_a_key_is_taken_before_an_identity(tmp_path):
    (tmp_path / "cosign").touch(0o755)
    environ = TOKEN | {"PATH": str(tmp_path)}
    assert str(signing.signer(Target(TO, key="a.key"), silent, environ)) == "a.key"
    assert str(signing.signer(Target(TO), silent, environ)) == "SIGSTORE_ID_TOKEN"
