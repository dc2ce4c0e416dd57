"""Which base image a site's images stand on."""

import json
import threading

import pytest

from pushlive.config.load import load
from pushlive.image import interpreter
from pushlive.image.layout import Layout
from pushlive.model.errors import BuildError, RegistryError, SettingsError, UsageError
from pushlive.model.events import silent
from pushlive.model.home import Home
from pushlive.model.image import MANIFEST, Platform
from pushlive.pipeline import bases
from pushlive.registry import push
from pushlive.registry.reference import Reference
from tests.registry.images import image, put_json, repository
from tests.servers import registry
from tests.servers.registry_stub import Reply, stub

DIGEST = f"sha256:{'a' * 64}"


def tree_of(folder, toml="", lock="", *, at="pushlive.lock"):
    (folder / "app.py").write_text("def application(environ, start_response): ...\n")
    (folder / "pushlive.toml").write_text(f'[app]\nwsgi = "app:application"\n{toml}')
    if lock:
        (folder / at).write_text(f'[base]\nname = "{lock}"\ndigest = "{DIGEST}"\n')
    return folder


def wanted(tree, named=""):
    return str(bases.wanted(load(tree), tree, "3.13", named))


def test_without_a_word_it_is_the_slim_image_of_the_sites_python(tmp_path):
    assert wanted(tree_of(tmp_path)) == "docker.io/library/python:3.13-slim"


def test_the_site_file_and_the_command_line_say_otherwise(tmp_path):
    tree = tree_of(tmp_path, '[build]\nbase = "debian:12"\n')
    assert wanted(tree) == "docker.io/library/debian:12"
    assert wanted(tree, "ghcr.io/me/base") == "ghcr.io/me/base"


def test_a_lock_holds_it_to_one_content(tmp_path):
    tree = tree_of(tmp_path, lock="docker.io/library/python:3.13-slim")
    assert wanted(tree) == f"docker.io/library/python:3.13-slim@{DIGEST}"


def test_the_lock_lies_where_the_site_file_says(tmp_path):
    tree = tree_of(tmp_path, '[build]\nlock = "base.lock"\n', "docker.io/library/python:3.13-slim", at="base.lock")
    assert wanted(tree).endswith(DIGEST)


def test_a_lock_of_another_base_is_refused(tmp_path):
    tree = tree_of(tmp_path, '[build]\nbase = "debian:12"\n', "docker.io/library/python:3.13-slim")
    with pytest.raises(SettingsError, match=r"pushlive\.lock holds docker\.io/library/python:3\.13-slim") as caught:
        wanted(tree)
    assert "pushlive image lock" in caught.value.remedy


def test_a_digest_that_is_written_out_needs_no_lock(tmp_path):
    tree = tree_of(tmp_path, f'[build]\nbase = "debian@{DIGEST}"\n', "docker.io/library/python:3.13-slim")
    assert wanted(tree) == f"docker.io/library/debian@{DIGEST}"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:13", "docker.io/library/debian:13"),
        (f"debian@{DIGEST}", f"docker.io/library/debian@{DIGEST}"),
        (f"debian:13@{DIGEST}", "docker.io/library/debian:13"),
    ],
)
def test_a_base_is_called_what_it_was_asked_for_as(given, name):
    assert bases.name_of(Reference.parse(given)) == name


def test_a_base_without_a_tag_is_called_the_same_with_a_lock(tmp_path):
    tree = tree_of(tmp_path, '[build]\nbase = "debian"\n', "docker.io/library/debian:latest")
    found = bases.wanted(load(tree), tree, "3.13")
    assert (bases.name_of(found), found.digest is not None) == ("docker.io/library/debian:latest", True)


@pytest.mark.parametrize("text", ["nonsense", "[base]\nname = 1\n", '[base]\nname = "x"\ndigest = "sha256:1"\n'])
def test_a_damaged_lock_is_told(tmp_path, text):
    tree = tree_of(tmp_path)
    (tree / "pushlive.lock").write_text(text)
    with pytest.raises(SettingsError, match="cannot be read"):
        wanted(tree)


def test_what_is_no_name_is_told(tmp_path):
    with pytest.raises(UsageError, match="no name of an image"):
        wanted(tree_of(tmp_path), "Not A Name")


@pytest.fixture
def held_name(tmp_path):
    """A base in a real registry, and its digest."""
    layout = Layout(tmp_path / "made")
    made = image(layout)
    with registry.distribution(tmp_path / "registry") as running:
        push.push(made.digest, layout, repository(running.host, "python"), tags=("3.13-slim",))
        yield f"{running.host}/python:3.13-slim", str(made.digest)


def test_the_lock_holds_the_base_that_builds_take(tmp_path, held_name):
    name, digest = held_name
    (tmp_path / "site").mkdir()
    tree = tree_of(tmp_path / "site", f'[build]\nbase = "{name}"\nlock = "base.lock"\n')
    held = bases.lock_base(Home(tmp_path / "state"), tree, silent)
    assert (held.name, str(held.digest)) == (name, digest)
    assert wanted(tree) == f"{name}@{digest}"


def test_a_base_that_is_left_open_is_locked_as_builds_take_it(tmp_path, held_name, monkeypatch):
    (tmp_path / "site").mkdir()
    tree, home = tree_of(tmp_path / "site"), Home(tmp_path / "state")
    minor = interpreter.choose(load(tree).python, cache=home.cache).interpreter.minor
    monkeypatch.setattr(bases, "DEFAULT", held_name[0].replace("3.13-slim", "{python}"))
    with pytest.raises(RegistryError, match=f"python/manifests/{minor}"):
        bases.lock_base(home, tree, silent)


def test_a_base_is_not_looked_up_while_others_are_removed(tmp_path, held_name):
    (tmp_path / "site").mkdir()
    tree = tree_of(tmp_path / "site", f'[build]\nbase = "{held_name[0]}"\n')
    home = Home(tmp_path / "state")
    locking = threading.Thread(target=bases.lock_base, args=(home, tree, silent))
    with bases._in_use(home):
        locking.start()
        locking.join(1)
        assert not (tree / "pushlive.lock").exists()
        assert not list(bases.store(home).path.glob("blobs/*/*"))
    locking.join()
    assert (tree / "pushlive.lock").exists()


def test_a_configuration_larger_than_any_is_not_read(tmp_path):
    layout = Layout(tmp_path / "made")
    plain = json.loads(layout.get(image(layout).digest))
    plain["config"]["size"] = 5_000_000
    claimed = put_json(layout, plain, MANIFEST)
    with stub(lambda _: Reply(200, layout.get(claimed.digest), (("Content-Type", MANIFEST),))) as server:
        reference = Reference.parse(f"{server.host}/python:3")
        with pytest.raises(BuildError, match="5,000,000 bytes"):
            bases.fetch(Home(tmp_path / "state"), reference, Platform("linux", "amd64"), silent)
        assert all("/blobs/" not in each.target for each in server.asked)
