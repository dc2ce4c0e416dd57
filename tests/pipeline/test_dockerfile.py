"""A site's own Dockerfile, built by each of the real builders and pushed to real registries."""

import base64
import gzip
import io
import json
import subprocess
import tarfile

import pytest

from pushlive import source
from pushlive.image.builders import Builder
from pushlive.model.errors import BuildError, MachineError, RegistryError, SettingsError, UsageError
from pushlive.model.events import silent
from pushlive.model.image import Platform
from pushlive.model.source import ZERO
from pushlive.pipeline import dockerfile
from pushlive.pipeline.publish import publish
from pushlive.pipeline.target import Target
from pushlive.registry.reference import Reference
from tests.servers import builders, registry

pytestmark = [pytest.mark.xdist_group("builders"), pytest.mark.late]

SECRET, UNCOMMITTED, IGNORED = "canary-secret-77aa", "canary-uncommitted-77aa", "committed-77aa"
GOOD = "FROM scratch\nCOPY . /\nLABEL own=kept\n"
BAD = "FROM scratch\nCOPY app.py /\nCOPY no-such \\\n  /\n"
BOTH = (Platform("linux", "amd64"), Platform("linux", "arm64"))
MASTER = "refs/heads/master"
LABEL = "org.opencontainers.image.revision"


@pytest.fixture(scope="module", params=builders.KINDS)
def builder(request, tmp_path_factory):
    with builders.running(request.param, tmp_path_factory.mktemp("builder") / "own") as made:
        yield made


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with registry.distribution(tmp_path_factory.mktemp("hub") / "registry") as made:
        yield made


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A registry that wants a login."""
    folder = tmp_path_factory.mktemp("locked")
    with registry.distribution(folder / "registry", auth=registry.htpasswd(folder)) as made:
        yield made


@pytest.fixture
def using(builder, monkeypatch, tmp_path):
    """Everything is done with this builder, and without anybody's login."""
    for name, value in builder.environ.items():
        monkeypatch.setenv(name, value)
    log_in(monkeypatch, tmp_path / "none", {})
    return builder


def log_in(monkeypatch, folder, logins):
    """What `docker login` leaves."""
    folder.mkdir()
    auths = {host: {"auth": base64.b64encode(login.encode()).decode()} for host, login in logins.items()}
    (folder / "config.json").write_text(json.dumps({"auths": auths}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))


def pushed(context, work, text=GOOD, *, place="Dockerfile", said="Dockerfile", **files):
    """Push a site with a Dockerfile to pushlive; returns the revision."""
    settings = f'[app]\nwsgi = "app:application"\n[build]\ndockerfile = "{said}"\nignore = ["left-out"]\n'
    app = {"app.py": "def application(environ, start_response): ...\n", "left-out": IGNORED}
    sha = source.bring(
        work.path, context.site.repository, work.commit(app | files | {place: text, "pushlive.toml": settings})
    )
    source.set_ref(context.site.repository, MASTER, sha, source.tip(context.site.repository, MASTER) or ZERO)
    return sha


def target(running, name="me/site", **more):
    return Target(Reference.parse(f"{running.host}/{name}"), **more)


def inspected(name, *arguments):
    argv = ["skopeo", "inspect", "--tls-verify=false", *arguments, f"docker://{name}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files_of(running, name):
    """Every file in an image's layers, with its content."""
    found = {}
    for layer in inspected(name, "--raw")["layers"]:
        hexadecimal = layer["digest"].partition(":")[2]
        blob = running.folder / f"docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob.read_bytes()))) as archive:
            found |= {each.name: archive.extractfile(each).read() for each in archive if each.isfile()}
    return found


class TestEachBuilder:
    def test_pushes_the_committed_tree_under_the_revision_and_latest_and_tells_the_digest(
        self, using, hub, context, work
    ):
        context.secrets.set({"TOKEN": SECRET})
        sha = pushed(context, work)
        work.write(".env", UNCOMMITTED)
        made = publish(context, None, target(hub), silent)
        name = f"{hub.host}/me/site"
        assert {inspected(f"{name}:{tag}")["Digest"] for tag in (sha, "latest")} == {made.image}
        assert str(made.pushed.reference) == f"{name}@{made.image}"
        assert made.pushed.tags == (sha, "latest")
        labels = inspected(name)["Labels"]
        assert (labels[LABEL], labels["own"]) == (sha, "kept")
        found = files_of(hub, name)
        assert {"app.py", "Dockerfile", "pushlive.toml", "left-out"} <= set(found), "all that is committed"
        everything = b"".join(found.values()) + json.dumps(inspected(name, "--config")).encode()
        assert IGNORED.encode() in everything
        assert SECRET.encode() not in everything
        assert UNCOMMITTED.encode() not in everything

    def test_tells_the_digest_of_the_last_push_where_there_were_others(self, using, hub, context, work):
        """Docker lists every digest under which an image was pushed."""
        for text in (GOOD, f"{GOOD}LABEL more=1\n", GOOD):
            sha = pushed(context, work, text)
            made = publish(context, None, target(hub, "me/often"), silent)
            assert inspected(f"{hub.host}/me/often:{sha}")["Digest"] == made.image

    def test_takes_a_dockerfile_in_a_folder_and_a_tag(self, using, hub, context, work):
        pushed(context, work, place="deploy/web.docker", said="deploy/web.docker")
        made = publish(context, None, target(hub, "me/folder:1.4"), silent)
        assert inspected(f"{hub.host}/me/folder:1.4")["Digest"] == made.image
        assert "app.py" in files_of(hub, f"{hub.host}/me/folder:1.4"), "the context is the top of the tree"

    def test_names_the_line_of_the_dockerfile_that_fails(self, using, hub, context, work):
        pushed(context, work, BAD)
        with pytest.raises(BuildError, match="the Dockerfile does not build") as caught:
            publish(context, None, target(hub, "me/bad"), silent)
        assert caught.value.where == "Dockerfile:3"
        assert any("no-such" in text for text in caught.value.evidence)

    def test_names_the_line_that_is_no_instruction(self, using, hub, context, work):
        pushed(context, work, "FROM scratch\nFORM scratch\n")
        with pytest.raises(BuildError) as caught:
            publish(context, None, target(hub, "me/bad"), silent)
        assert caught.value.where == "Dockerfile:2"
        assert any("nknown instruction" in text for text in caught.value.evidence)

    def test_takes_the_login_that_docker_keeps(self, using, locked, context, work, monkeypatch, tmp_path):
        pushed(context, work)
        log_in(monkeypatch, tmp_path / "login", {locked.host: f"{registry.USER}:{registry.PASSWORD}"})
        made = publish(context, None, target(locked), silent)
        assert made.pushed

    @pytest.mark.parametrize("logins", [False, True])
    def test_tells_that_a_login_is_wanted(self, using, locked, context, work, monkeypatch, tmp_path, logins):
        pushed(context, work)
        if logins:
            log_in(monkeypatch, tmp_path / "login", {locked.host: f"{registry.USER}:wrong"})
        with pytest.raises(RegistryError, match=f"the registry {locked.host} wants a login") as caught:
            publish(context, None, target(locked), silent)
        assert f"docker login {locked.host}" in caught.value.remedy
        assert caught.value.where == f"push to {locked.host}/me/site"
        assert caught.value.evidence

    def test_tells_that_a_registry_is_not_there(self, using, context, work):
        pushed(context, work)
        gone = registry.Registry(f"localhost:{registry.free_port()}", context.site.path)
        with pytest.raises(RegistryError, match=f"the registry {gone.host} cannot be reached") as caught:
            publish(context, None, target(gone), silent)
        assert "refused" in caught.value.evidence[-1]

    def test_keeps_to_itself_what_goes_nowhere(self, using, context, work):
        sha = pushed(context, work)
        made = publish(context, None, Target(platforms=BOTH[:1]), silent)
        assert (made.image, made.pushed) == (f"pushlive.local/site:{sha}", None)

    def test_builds_for_the_platform_that_is_asked_for_after_another(self, using, hub, context, work):
        """The caches of Docker and Buildah do not tell two platforms apart where a Dockerfile begins with nothing."""
        pushed(context, work)
        for platform in BOTH:
            publish(context, None, target(hub, "me/one", platforms=(platform,)), silent)
            assert inspected(f"{hub.host}/me/one")["Architecture"] == platform.architecture

    def test_makes_an_index_for_two_platforms(self, using, hub, context, work):
        sha = pushed(context, work)
        if not using.indexes:
            with pytest.raises(MachineError, match="one platform at a time") as caught:
                publish(context, None, target(hub, "me/two", platforms=BOTH), silent)
            assert "apt-get install buildah" in caught.value.remedy
            return
        publish(context, None, target(hub, "me/two"), silent)  # the same revision, for one: nothing of it is left over
        for _ in range(2):
            made = publish(context, None, target(hub, "me/two", platforms=BOTH), silent)
            for tag in (sha, "latest"):
                assert inspected(f"{hub.host}/me/two:{tag}")["Digest"] == made.image
        index = inspected(f"{hub.host}/me/two", "--raw")["manifests"]
        found = {each["platform"]["architecture"]: each["digest"] for each in index}
        assert found.keys() - {"unknown"} == {"amd64", "arm64"}
        for architecture in ("amd64", "arm64"):
            image = inspected(f"{hub.host}/me/two@{found[architecture]}")
            assert (image["Architecture"], image["Labels"][LABEL]) == (architecture, sha)

    def test_speaks_plain_http_to_another_machine_only_where_that_is_said(self, using, context, work, tmp_path):
        address = builders.own_address() or pytest.skip("there is no network here")
        pushed(context, work)
        with registry.distribution(tmp_path / "registry", address=address) as running:
            with pytest.raises(RegistryError, match="speaks plain HTTP") as caught:
                publish(context, None, target(running), silent)
            assert "insecure" in caught.value.remedy
            if using.program == "docker":
                with pytest.raises(RegistryError, match="speaks plain HTTP"):  # its daemon alone decides
                    publish(context, None, target(running, insecure=True), silent)
                return
            made = publish(context, None, target(running, insecure=True), silent)
            assert inspected(f"{running.host}/me/site")["Digest"] == made.image


class TestBefore:
    def test_a_dockerfile_that_is_not_there_is_named(self, context, work):
        pushed(context, work, said="deploy/Dockerfile")
        with pytest.raises(SettingsError, match="there is no deploy/Dockerfile"):
            publish(context, None, Target(platforms=BOTH), silent)

    def test_a_base_besides_is_refused(self, context, work):
        pushed(context, work)
        with pytest.raises(UsageError, match="--base is given"):
            publish(context, None, Target(base="python:3.13"), silent)

    def test_without_a_builder_the_ways_to_one_are_named(self, context, work, monkeypatch):
        pushed(context, work)
        monkeypatch.setattr(dockerfile, "builder", lambda **_: None)
        with pytest.raises(MachineError, match="nothing on this machine can build") as caught:
            publish(context, None, Target(platforms=BOTH), silent)
        assert "apt-get install buildah" in caught.value.remedy


def test_the_first_that_answers_is_taken(tmp_path, monkeypatch):
    for name, code in (("buildctl", 1), ("docker", 1), ("buildah", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dockerfile.builder() is Builder.BUILDAH
    (tmp_path / "buildah").unlink()
    assert dockerfile.builder() is None
