"""An image for elsewhere, from the command line to a real registry, and from there into other people's engines."""

import gzip
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pushlive.image import survey
from tests.end_to_end.machine import PUSHLIVE, SIMPLESITE, Machine, Repository, eventually, free_port
from tests.servers import base_image, containerd, docker, podman, registry, sigstore
from tests.servers.base_image import OciLayout
from tests.servers.docker import Docker
from tests.servers.registry import Registry

pytestmark = [
    pytest.mark.xdist_group("images"),
    pytest.mark.late,
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(bool(base_image.missing()), reason=base_image.missing() or "base images can be made"),
]
with_docker = pytest.mark.skipif(bool(docker.missing()), reason=docker.missing() or "Docker runs here")
with_podman = pytest.mark.skipif(bool(podman.missing()), reason=podman.missing() or "Podman runs here")
with_containerd = pytest.mark.skipif(bool(containerd.missing()), reason=containerd.missing() or "containerd runs here")

BASE = f"library/python:{base_image.PYTHON}-slim"
GLIBC = {"usr/bin/python3.11": "", "lib/libc-2.36.so": ""}
GLIBC_LINKS = {"usr/bin/python3": "python3.11", "lib/libc.so.6": "libc-2.36.so"}
MUSL = {"usr/bin/python3.11": "", "lib/ld-musl-x86_64.so.1": "", "etc/os-release": 'PRETTY_NAME="Some Musl"\n'}
SECRET, DOTENV, DATABASE, AROUND = CANARIES = [f"canary-{name}-5e1f" for name in ("secret", "dotenv", "data", "around")]
IN_THE_CODE = "canary-code-5e1f"
PINS = ("django==5.2.19", "asgiref==3.13.0", "sqlparse==0.6.1", "pymemcache==4.0.0")
HEAVY, LIGHT = "lightgbm==4.6.0", "rpds-py==2026.9.1"
"""A package that wants libgomp1 of the system, and has no wheel for musl; one that has, and names musl as libc.so."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with bases: a real one for two platforms, and others that something is wrong with."""
    folder = tmp_path_factory.mktemp("hub")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    debian = base_image.debian(cache / "pushlive-checkout/bases")
    with registry.distribution(folder / "registry") as made:
        layout = OciLayout(folder / "bases")
        layout.push(f"{made.host}/{BASE}", layout.image(debian), layout.image(debian, "arm64"))
        layout.push(f"{made.host}/arm:1", layout.image(debian, "arm64"))
        layout.push(f"{made.host}/zstd:1", layout.image(debian, by_zstd=True))
        layout.push(f"{made.host}/bare:1", layout.image(base_image.files({"etc/os-release": "ID=bare\n"})))
        layout.push(f"{made.host}/musl:1", layout.image(base_image.files(MUSL, {"usr/bin/python3": "python3.11"})))
        yield made


@pytest.fixture(scope="module")
def counter(machine: Machine) -> Repository:
    """The counter, live by `pushlive up`; in its repository is what must not travel."""
    site = Repository(machine, machine.root / "counter", "counter", "")
    shutil.copytree(SIMPLESITE, site.path, ignore=shutil.ignore_patterns("__pycache__", "staticfiles"))
    for name, text in {".env": DOTENV, "db.sqlite3": DATABASE, "counter/noted.py": IN_THE_CODE}.items():
        site.write(name, f"NOTED = '{text}'\n")
    site.git("init", "-q", "-b", "master")
    site.git("add", "-A", "--force")
    site.commit("First")
    machine.sites.append(site.name)
    made = machine.json("up", "--listen", f"127.0.0.1:{free_port()}", cwd=site.path)
    site.git("remote", "add", "live", made["remote"])
    return site


def tried(site: Repository, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """`pushlive build` of a site, with more in its environment."""
    return site.machine.run(PUSHLIVE, "build", *arguments, "--site", site.name, "--json", cwd=site.path, **extra)


def build(site: Repository, *arguments: str, **extra: str) -> dict[str, Any]:
    """The same; it must have ended well."""
    done = tried(site, *arguments, **extra)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def published(counter: Repository, hub: Registry) -> dict[str, Any]:
    """Its image on the registry; a secret was set before, and another is in the environment of the build."""
    told = counter.machine.pushlive("env", "set", f"TOKEN={SECRET}", "--site", counter.name)
    assert told.returncode == 0, told.stderr
    made = build(counter, "--base", f"{hub.host}/{BASE}", "--push", f"{hub.host}/me/counter:1", AROUND=AROUND)
    return made | {"revision": counter.head}


def inspected(name: str, *arguments: str) -> Any:
    """What skopeo says of an image."""
    argv = ["skopeo", "inspect", "--tls-verify=false", *arguments, f"docker://{name}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def memcached() -> Iterator[str]:
    port = free_port()
    program = shutil.which("memcached", path="/usr/local/bin:/usr/bin:/usr/sbin") or "memcached"
    with subprocess.Popen([program, "-u", "nobody", "-l", "127.0.0.1", "-p", str(port)]) as server:
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False


def serves_the_counter(url: str, revision: str) -> None:
    """The page, counted by a real Memcached, and a static file that it names."""
    assert eventually(lambda: answers(f"{url}/healthz"), seconds=60)
    before = json.loads(get(f"{url}/count.json")[1])
    status, page = get(f"{url}/")
    after = json.loads(get(f"{url}/count.json")[1])
    assert (status, after["revision"]) == (200, revision[:7])
    assert after["count"] == (before["count"] or 0) + 1
    style = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert style
    assert get(url + style[1]) == (200, (SIMPLESITE / "counter/static/counter/page.css").read_text())


def environment(port: int, servers: str) -> dict[str, str]:
    return {"SECRET_KEY": "for-this-test-alone", "PORT": str(port), "MEMCACHED_SERVERS": servers}


@pytest.fixture(scope="module")
def engine() -> Iterator[Docker]:
    with docker.docker() as running:
        yield running


class TestInOtherHands:
    def test_skopeo_reads_it_by_its_tags(self, hub: Registry, counter: Repository, published: dict[str, Any]) -> None:
        for tag in ("1", published["revision"]):
            found = inspected(f"{hub.host}/me/counter:{tag}")
            assert (found["Digest"], found["Architecture"]) == (published["image"], "amd64")
        config = inspected(f"{hub.host}/me/counter:1", "--config")
        assert config["config"]["User"] == "10001"
        searched = dict(pair.split("=", 1) for pair in config["config"]["Env"])["PYTHONPATH"].split(":")
        on_start, packages = "/opt/pushlive/server/pushlive_runtime/onstart", "/opt/pushlive/packages"
        assert searched[-2:] == [on_start, packages]
        told = ("--of", published["image"], "--site", counter.name)
        assert "sitecustomize.py" in counter.machine.pushlive("image", "ls", on_start, *told).stdout
        layers = [each for each in config["history"] if not each.get("empty_layer")]
        assert len(layers) == len(config["rootfs"]["diff_ids"])

    def test_the_base_is_mounted_and_not_sent_again(self, hub: Registry, published: dict[str, Any]) -> None:
        layers = inspected(f"{hub.host}/me/counter:1", "--raw")["layers"]
        assert published["sent"] < layers[0]["size"]

    def test_the_sbom_and_the_provenance_are_found_from_it(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        """docker-registry 2.8 keeps no list of referrers: it is in an index under a tag (distribution-spec)."""
        name = f"{hub.host}/me/counter"
        tag = published["image"].replace(":", "-")
        attached = {each["artifactType"]: each["digest"] for each in inspected(f"{name}:{tag}", "--raw")["manifests"]}
        assert {kind.rpartition("/")[2] for kind in attached} == {"vnd.cyclonedx+json", "vnd.in-toto+json"}
        again = build(counter, published["revision"], "--base", f"{hub.host}/{BASE}", "--push", f"{name}:1")
        assert (again["image"], again["sent"]) == (published["image"], 0)
        assert len(inspected(f"{name}:{tag}", "--raw")["manifests"]) == 2

    def test_nothing_is_attached_where_it_is_not_wanted(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        name = f"{hub.host}/me/bare-of-them"
        made = build(
            counter, published["revision"], "--base", f"{hub.host}/{BASE}", "--push", f"{name}:1", "--no-attest"
        )
        with pytest.raises(AssertionError, match="manifest unknown"):
            inspected(f"{name}:{made['image'].replace(':', '-')}", "--raw")

    @with_docker
    def test_docker_pulls_runs_and_stops_it(
        self, hub: Registry, counter: Repository, published: dict[str, Any], engine: Docker
    ) -> None:
        name, port = f"{hub.host}/me/counter@{published['image']}", free_port()
        engine("pull", "--quiet", name)
        with memcached() as servers:
            told = [part for pair in environment(port, servers).items() for part in ("--env", "=".join(pair))]
            held = ("--read-only", "--user=10001", "--cap-drop=ALL", "--network=host")
            container = engine("run", "--detach", *held, *told, name)
            try:
                serves_the_counter(f"http://127.0.0.1:{port}", published["revision"])
                engine("stop", "--time=20", container)
                assert engine("inspect", "--format={{.State.ExitCode}}", container) == "0"
            finally:
                engine("rm", "--force", container)

    @with_containerd
    def test_containerd_pulls_runs_and_stops_it(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        runs_in_containerd(f"{hub.host}/me/counter@{published['image']}", published["revision"])

    @with_containerd
    def test_containerd_runs_one_on_a_base_that_is_packed_by_zstd(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        name = f"{hub.host}/me/on-zstd"
        made = build(counter, published["revision"], "--base", f"{hub.host}/zstd:1", "--push", name)
        kinds = [each["mediaType"].rpartition("+")[2] for each in inspected(name, "--raw")["layers"]]
        assert kinds == ["zstd", "gzip", "gzip", "gzip"]
        listed = counter.machine.pushlive(
            "image", "ls", "/usr/bin/python3", "--of", f"{published['revision']}-on-base", "--site", counter.name
        )
        assert "python3.11" in listed.stdout, listed.stderr
        runs_in_containerd(f"{name}@{made['image']}", published["revision"])


@with_podman
def test_podman_runs_it_from_the_layout(counter: Repository, published: dict[str, Any], tmp_path: Path) -> None:
    around = podman.modest(tmp_path) | {"DOCKER_HOST": "unix:///nowhere"}
    loaded = f"localhost/{counter.name}:{published['image'].removeprefix('sha256:')[:12]}"
    try:
        runs_from_the_layout(counter, published, around)
    finally:
        subprocess.run(["podman", "image", "rm", "--force", loaded], capture_output=True, check=False)


@with_docker
def test_docker_runs_it_from_the_layout(counter: Repository, published: dict[str, Any]) -> None:
    with docker.bridge() as bridge:
        if not bridge:
            pytest.skip("no bridge can be made here, so Docker publishes no port")
        with docker.docker(bridge) as engine:
            runs_from_the_layout(counter, published, {"DOCKER_HOST": f"unix://{engine.socket}"})
            assert engine("ps", "--all", "--quiet") == "", "no container is left"
            name = f"localhost/{counter.name}:{published['image'].removeprefix('sha256:')[:12]}"
            assert name in engine("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")


def runs_from_the_layout(counter: Repository, made: dict[str, Any], around: dict[str, str]) -> None:
    """Without a registry: with another program in its place, killed by a signal, and as itself, with a port.

    It is built again first, for the newest build of a revision is the one that runs.
    """
    revision = made["revision"]
    assert build(counter, revision, "--base", made["base"])["image"] == made["image"]
    run = (PUSHLIVE, "image", "run", "--of", revision, "--site", counter.name)
    script = "id -u; pwd; echo $A; touch /app/new 2>/dev/null || echo read-only; exit 7"
    done = counter.machine.run(*run, "-e", "A=5", "--", "sh", "-c", script, **around)
    assert (done.returncode, done.stdout) == (7, "10001\n/app\n5\nread-only\n"), done.stderr
    killed = counter.machine.run(*run, "--", "sh", "-c", "sh -c 'kill -9 $$'; exit $?", **around)
    assert killed.returncode == 128 + 9, killed.stderr
    port = free_port()
    told = [part for pair in {"SECRET_KEY": "s", "ALLOWED_HOSTS": "*"}.items() for part in ("-e", "=".join(pair))]
    argv = [*map(str, run), *told, "-p", f"127.0.0.1:{port}:8000"]
    with subprocess.Popen(argv, env=counter.machine.environment | around, stdin=subprocess.DEVNULL) as running:
        try:
            assert eventually(lambda: answers(f"http://127.0.0.1:{port}/healthz"), seconds=60)
        finally:
            running.terminate()
        assert running.wait(30) == 0
    missing = counter.machine.run(*run[:4], f"{revision}-on-base", *run[5:], "--", "no-such", **around)
    assert missing.returncode == 2
    assert f"--of {revision}-on-base`" in missing.stderr


def runs_in_containerd(name: str, revision: str) -> None:
    """Pulled, run, and stopped by a signal, as the user that it says."""
    port = free_port()
    with containerd.containerd() as engine, memcached() as servers:
        engine.pull(name)
        with engine.running(name, "counter", environment(port, servers)) as process:
            serves_the_counter(f"http://127.0.0.1:{port}", revision)
            assert engine.user("counter") == 10001
            engine("tasks", "kill", "--signal", "SIGTERM", "counter")
            assert process.wait(30) == 0


class TestOneDigest:
    def test_the_state_folder_the_path_and_the_sites_user_do_not_count(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        root = Path(tempfile.mkdtemp(prefix="pl-another-"))
        root.chmod(0o755)
        other = Machine(root)
        try:
            made = other.json("create", "renamed", "--listen", f"127.0.0.1:{free_port()}")
            other.sites.append("renamed")
            assert other.run("git", "push", made["remote"], "master", cwd=counter.path, TZ="Asia/Tokyo").returncode == 0
            site = Repository(other, root, "renamed", made["url"])
            target = ("--base", f"{hub.host}/{BASE}", "--push", f"{hub.host}/me/counter:again")
            again = build(site, *target, HOME=str(root))
            assert again["image"] == published["image"]
            assert user_of(site) != user_of(counter)
        finally:
            other.stop()
            shutil.rmtree(root, ignore_errors=True)

    def test_the_same_revision_is_not_put_together_again(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        target = ("--base", f"{hub.host}/{BASE}", "--push", f"{hub.host}/me/counter:twice")
        done = tried(counter, published["revision"], *target)
        *events, last = map(json.loads, done.stdout.splitlines())
        assert last["image"] == published["image"]
        stages = [event["stage"] for event in events if event["event"] == "StageFinished"]
        assert stages == ["dependencies", "base", "push"]

    def test_the_image_names_the_base_that_was_asked_for(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        layout = OciLayout(hub.folder.parent / "twins")
        image = layout.image(base_image.files(GLIBC, GLIBC_LINKS))
        for tag in ("one", "two"):
            layout.push(f"{hub.host}/twins:{tag}", image)
            name = f"{hub.host}/me/on-{tag}:1"
            build(counter, published["revision"], "--base", f"{hub.host}/twins:{tag}", "--push", name)
            told = inspected(name, "--raw")["annotations"]
            assert told["org.opencontainers.image.base.name"] == f"{hub.host}/twins:{tag}"

    def test_a_base_with_another_python_has_bytecode_for_it(
        self, hub: Registry, counter: Repository, published: dict[str, Any], tmp_path: Path
    ) -> None:
        here = survey.binaries(survey.folders(os.environ, tmp_path)).values()
        other = next((f"3.{minor}" for _, minor in here if f"3.{minor}" != base_image.PYTHON and minor > 9), None)
        if other is None:
            pytest.skip("no Python but the base's own is here")
        files = {f"usr/bin/python{other}": "", "lib/libc-2.36.so": ""}
        links = {**GLIBC_LINKS, "usr/bin/python3": f"python{other}"}
        layout = OciLayout(hub.folder.parent / "other")
        layout.push(f"{hub.host}/other:1", layout.image(base_image.files(files, links)))
        build(counter, published["revision"], "--base", f"{hub.host}/other:1", "--push", f"{hub.host}/me/other:1")
        packages = "/opt/pushlive/packages/django/__pycache__"
        listed = counter.machine.pushlive(
            "image", "ls", packages, "--of", f"{published['revision']}-on-base", "--site", counter.name
        )
        assert f"__init__.cpython-{other.replace('.', '')}.pyc" in listed.stdout, listed.stderr

    def test_a_locked_base_stays_when_its_tag_moves(self, hub: Registry, counter: Repository) -> None:
        layout = OciLayout(hub.folder.parent / "moving")
        first, second = (layout.image(base_image.files(GLIBC, GLIBC_LINKS), REVISION=name) for name in ("1", "2"))
        name = f"{hub.host}/moving:1"
        layout.push(name, first)
        counter.write("pushlive.toml", f'[build]\nbase = "{name}"\n')
        assert counter.machine.pushlive("image", "lock", cwd=counter.path).returncode == 0
        revision = counter.commit("Lock the base")
        counter.pushed()
        layout.push(name, second)
        build(counter, revision, "--push", f"{hub.host}/me/locked:1")
        (counter.path / "pushlive.lock").unlink()
        unlocked = counter.commit("Without a lock")
        counter.pushed()
        build(counter, unlocked, "--push", f"{hub.host}/me/unlocked:1")
        assert standing(f"{hub.host}/me/locked:1") == first["digest"]
        assert standing(f"{hub.host}/me/unlocked:1") == second["digest"]


def standing(name: str) -> str:
    """The digest of the base that an image stands on."""
    return inspected(name, "--raw")["annotations"]["org.opencontainers.image.base.digest"]


def user_of(site: Repository) -> int:
    return (site.machine.home / "sites" / site.name / "data").stat().st_uid


def test_an_index_for_two_platforms(hub: Registry, counter: Repository, published: dict[str, Any]) -> None:
    name = f"{hub.host}/me/both"
    both = "--platform=linux/amd64,linux/arm64"
    made = build(counter, published["revision"], both, "--base", f"{hub.host}/{BASE}", "--push", name)
    index = inspected(name, "--raw")
    assert inspected(name)["Digest"] == made["image"]
    assert {each["platform"]["architecture"] for each in index["manifests"]} == {"amd64", "arm64"}
    for architecture in ("amd64", "arm64"):
        config = inspected(name, "--config", f"--override-arch={architecture}")
        assert config["architecture"] == architecture
    assert published["image"] in {each["digest"] for each in index["manifests"]}
    assert kinds_attached(name, made["image"]) == ["in-toto"], "its images differ in what is in them"
    for each in index["manifests"]:
        assert kinds_attached(name, each["digest"]) == ["cyclonedx", "in-toto"]


def kinds_attached(name: str, digest: str) -> list[str]:
    kinds = [each["artifactType"] for each in attached(name, digest)]
    return sorted(kind.removeprefix("application/").removeprefix("vnd.").partition("+")[0] for kind in kinds)


def test_a_target_of_the_site_file_says_where_to(hub: Registry, counter: Repository, published: dict[str, Any]) -> None:
    counter.git("checkout", "-q", "-B", "target", published["revision"])
    counter.write("pushlive.toml", f'[target.production]\nregistry = "{hub.host}/teams/web"\n')
    revision = counter.commit("Say where to")
    assert counter.push("target").returncode == 0
    made = build(counter, revision, "--base", f"{hub.host}/{BASE}", "--to", "production")
    name = f"{hub.host}/teams/web/counter"
    assert made["reference"] == f"{name}@{made['image']}"
    assert {inspected(f"{name}:{tag}")["Digest"] for tag in (revision, "latest")} == {made["image"]}
    told = tried(counter, revision, "--to", "staging")
    assert told.returncode == 2
    assert json.loads(told.stdout.splitlines()[-1])["evidence"] == ["its targets: production"]


def test_what_is_pushed_is_signed_with_a_key(
    hub: Registry, counter: Repository, published: dict[str, Any], tmp_path: Path
) -> None:
    cosign, name = sigstore.cosign(tmp_path), f"{hub.host}/me/signed"
    keys = sigstore.keys(cosign, tmp_path / "keys")
    pushing = (published["revision"], "--base", f"{hub.host}/{BASE}", "--push", name)
    assert build(counter, *pushing, **cosign.environ)["signed"] == ""
    assert "no signatures found" in cosign.verifies(name, "--key", str(keys.public))
    made = build(counter, *pushing, "--sign-key", str(keys.private), **cosign.environ)
    assert made["signed"] == str(keys.private)
    assert cosign.verifies(f"{name}@{made['image']}", "--key", str(keys.public)) == ""
    kinds = {each["artifactType"].split(".")[1] for each in attached(name, made["image"])}
    assert kinds == {"cyclonedx+json", "in-toto+json", "dev"}, "the SBOM, the provenance and sigstore's bundle"
    failed = tried(counter, *pushing, "--sign-key", "/no/such.key", **cosign.environ)
    assert failed.returncode == 13
    assert "pushed, and not signed" in json.loads(failed.stdout.splitlines()[-1])["cause"]


def attached(name: str, digest: str) -> list[dict[str, Any]]:
    """What refers to an image, in a registry that keeps no list of that: a tag has it."""
    return inspected(f"{name}:{digest.replace(':', '-')}", "--raw")["manifests"]


TELLING = """
import tempfile

_told = tempfile.mkdtemp()
Path(_told, "around.txt").write_text(repr(dict(os.environ)))
STATICFILES_DIRS = [_told]
"""
"""Settings that have their whole environment collected among the static files."""


class TestSecrets:
    def test_none_is_in_any_blob_of_the_registry(
        self, hub: Registry, counter: Repository, published: dict[str, Any]
    ) -> None:
        counter.git("checkout", "-q", "-f", "-b", "telling", "master")
        settings = next(counter.path.rglob("settings.py"))
        settings.write_text(settings.read_text() + TELLING)
        revision = counter.commit("Tell all that the settings see")
        assert counter.push("telling").returncode == 0
        name = f"{hub.host}/me/telling:1"
        build(counter, revision, "--base", f"{hub.host}/{BASE}", "--push", name, AROUND=AROUND)
        blobs = [path.read_bytes() for path in hub.folder.glob("docker/registry/v2/blobs/sha256/*/*/data")]
        found = b"".join(opened(blob) for blob in blobs)
        assert IN_THE_CODE.encode() in found, "the search itself finds what is there"
        assert b"'DJANGO_SETTINGS_MODULE'" in found, "what the settings saw was collected"
        assert b"CycloneDX" in found
        assert b"in-toto" in found
        assert [canary for canary in CANARIES if canary.encode() in found] == []


def opened(blob: bytes) -> bytes:
    """A blob without its compression, all parts of it; one of another kind would be searched in vain."""
    if blob.startswith(b"\x1f\x8b"):
        return gzip.decompress(blob)
    if blob.startswith(b"\x28\xb5\x2f\xfd"):
        return base_image.zstd.decompress(blob)
    assert isinstance(json.loads(blob), dict)
    return blob


def requiring(counter: Repository, branch: str, package: str) -> str:
    """A later revision, with one package more."""
    counter.git("checkout", "-q", "-f", "-b", branch, "master")
    (counter.path / "requirements.txt").unlink()
    (counter.path / "requirements.in").unlink()
    locked = {name: {"version": f"=={version}"} for name, version in (pin.split("==") for pin in (*PINS, package))}
    counter.write("Pipfile", "".join(["[packages]\n", *(f'{name} = "*"\n' for name in locked)]))
    counter.write("Pipfile.lock", json.dumps({"default": locked}))
    revision = counter.commit(f"Require {package}")
    done = counter.push(branch)
    assert done.returncode == 0, done.stderr
    return revision


@pytest.fixture(scope="module")
def heavy(counter: Repository, published: dict[str, Any]) -> str:
    """A revision with a package that does not run everywhere."""
    return requiring(counter, "heavy", HEAVY)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the loader of that base is for another processor")
def test_a_base_with_musl_gets_what_is_made_for_musl(
    counter: Repository, hub: Registry, published: dict[str, Any]
) -> None:
    revision, name = requiring(counter, "light", LIGHT), f"{hub.host}/me/on-musl:1"
    made = build(counter, revision, "--base", f"{hub.host}/musl:1", "--push", name)
    assert inspected(name)["Digest"] == made["image"]
    for word in (made["image"], f"{revision}-on-base", "light-on-base"):
        told = ("--of", word, "--site", counter.name)
        listed = counter.machine.pushlive("image", "ls", "/opt/pushlive/packages/rpds", *told)
        assert "rpds.cpython-311-x86_64-linux-musl.so" in listed.stdout, listed.stderr
        assert "linux-gnu.so" not in listed.stdout


class TestRefusals:
    def refused(self, counter: Repository, hub: Registry, base: str, *arguments: str) -> str:
        done = tried(counter, *arguments, "--base", f"{hub.host}/{base}", "--push", f"{hub.host}/me/refused:1")
        assert done.returncode not in {0, 1}
        assert "Traceback" not in done.stderr
        assert not list(hub.folder.glob("docker/registry/v2/repositories/me/refused/_manifests/tags/*"))
        return done.stderr + done.stdout

    def test_a_base_that_lacks_a_library(self, counter: Repository, hub: Registry, heavy: str) -> None:
        told = self.refused(counter, hub, BASE, heavy)
        assert "lightgbm needs libgomp.so.1, which the base image" in told
        assert "apt-get install -y libgomp1" in told

    def test_a_musl_base_and_a_package_for_glibc(self, counter: Repository, hub: Registry, heavy: str) -> None:
        told = self.refused(counter, hub, "musl:1", heavy)
        assert "lightgbm has no wheel for Python 3.11 on x86_64-unknown-linux-musl" in told

    def test_a_base_without_python(self, counter: Repository, hub: Registry, published: dict[str, Any]) -> None:
        assert "has no Python 3 on its PATH" in self.refused(counter, hub, "bare:1", published["revision"])

    def test_a_base_for_another_platform(self, counter: Repository, hub: Registry, published: dict[str, Any]) -> None:
        told = self.refused(counter, hub, "arm:1", published["revision"], "--platform", "linux/amd64")
        assert "is for linux/arm64, not for linux/amd64" in told

    def test_a_base_with_another_python_than_the_site_asks_for(self, counter: Repository, hub: Registry) -> None:
        counter.git("checkout", "-q", "-f", "-b", "picky", "master")
        counter.write("pyproject.toml", '[project]\nname = "counter"\nversion = "1"\nrequires-python = ">=3.99"\n')
        counter.write(".python-version", f"{base_image.PYTHON}\n")
        revision = counter.commit("A wish that can be met")
        counter.write(".python-version", "3.10\n")
        picky = counter.commit("Another one")
        assert counter.push("picky").returncode == 0
        assert build(counter, revision, "--base", f"{hub.host}/{BASE}")["base"]
        told = self.refused(counter, hub, BASE, picky)
        assert f"asks for Python ==3.10.*, and the base image {hub.host}/{BASE} has {base_image.PYTHON}" in told
