"""Who we are: the forms in which docker and podman leave logins, and the helpers that keep them."""

import base64
import json
from pathlib import Path

import pytest

from pushlive.model.errors import MachineError
from pushlive.registry import credentials
from pushlive.registry.credentials import Login
from tests.registry.conftest import write_config

HUB = "https://index.docker.io/v1/"


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def helper(folder: Path, logins: dict[str, tuple[str, str]], *, name: str = "test") -> Path:
    """A docker-credential-helper that knows logins by key, and notes down what it is asked."""
    program = folder / f"docker-credential-{name}"
    answers = {
        key: json.dumps({"ServerURL": key, "Username": user, "Secret": secret})
        for key, (user, secret) in logins.items()
    }
    cases = "".join(f"'{key}') echo '{answer}';;\n" for key, answer in answers.items())
    program.write_text(
        f'#!/bin/sh\n[ "$1" = get ] || exit 2\nkey=$(cat)\necho "$key" >> {folder}/asked\n'
        f'case "$key" in\n{cases}*) echo "credentials not found in native keychain"; exit 1;;\nesac\n'
    )
    program.chmod(0o755)
    return folder / "asked"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"auth": packed("ada:secret")}, Login("ada", "secret")),
        ({"auth": packed("ada:se:cr:et")}, Login("ada", "se:cr:et")),
        ({"auth": packed("ada:secret\0\0")}, Login("ada", "secret")),
        ({"auth": packed("ada:gehéim")}, Login("ada", "gehéim")),
        ({"username": "ada", "password": "secret"}, Login("ada", "secret")),
        ({"username": "eve", "password": "x", "auth": packed("ada:secret")}, Login("ada", "secret")),
        ({"auth": packed("ada:"), "identitytoken": "id"}, Login("ada", identity="id")),
        ({"identitytoken": "id"}, Login(identity="id")),
        ({"registrytoken": "tok"}, Login(bearer="tok")),
        ({}, None),
        ({"auth": ""}, None),
        ("nonsense", None),
    ],
)
def test_entries(home, entry, found):
    write_config(home, {"auths": {"ghcr.io": entry}})
    assert credentials.find("ghcr.io", "me/site") == found


@pytest.mark.parametrize(
    "key", ["ghcr.io", "https://ghcr.io", "http://ghcr.io/", "https://ghcr.io/v1/", "https://ghcr.io/v2/"]
)
def test_keys_may_be_urls(home, key):
    write_config(home, {"auths": {key: {"auth": packed("ada:secret")}}})
    assert credentials.find("ghcr.io", "me/site") == Login("ada", "secret")


@pytest.mark.parametrize(
    "key", [HUB, "docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io"]
)
def test_docker_hub_by_any_of_its_names(home, key):
    write_config(home, {"auths": {key: {"auth": packed("ada:secret")}}})
    assert credentials.find("docker.io", "library/python") == Login("ada", "secret")


@pytest.mark.parametrize(
    "key", ["ghcr.io.evil.example", "evil.example/ghcr.io", "ghcr.io:5000", "ghcr", "", "GHCR.example"]
)
def test_a_login_for_another_registry_is_not_taken(home, key):
    write_config(home, {"auths": {key: {"auth": packed("ada:secret")}}})
    assert credentials.find("ghcr.io", "me/site") is None


def test_the_closest_key_wins(home):
    """podman's keys may be for a part of a registry."""
    names = {"ghcr.io": "all", "ghcr.io/me": "mine", "ghcr.io/me/site": "site", "ghcr.io/me/si": "other"}
    write_config(home, {"auths": {key: {"auth": packed(f"{user}:x")} for key, user in names.items()}})
    found = {name: credentials.find("ghcr.io", name) for name in ("me/site", "me/site2", "you/site", "me/site/sub")}
    users = {name: login.username for name, login in found.items() if login}
    assert users == {"me/site": "site", "me/site2": "mine", "you/site": "all", "me/site/sub": "site"}


def test_where_logins_are_kept(home, tmp_path):
    names = ("own", "docker", "runtime", "config")
    environ = {
        "HOME": str(home),
        "REGISTRY_AUTH_FILE": str(tmp_path / "own" / "auth.json"),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "XDG_RUNTIME_DIR": str(tmp_path / "runtime"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    files = [
        tmp_path / "own" / "auth.json",
        tmp_path / "docker" / "config.json",
        tmp_path / "runtime" / "containers" / "auth.json",
        tmp_path / "config" / "containers" / "auth.json",
    ]
    assert credentials.find("ghcr.io", "a", environ) is None
    for name, file in reversed(list(zip(names, files, strict=True))):
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"auths": {"ghcr.io": {"auth": packed(f"{name}:x")}}}))
        assert credentials.find("ghcr.io", "a", environ) == Login(name, "x"), "it comes before those below it"


def test_a_helper_for_the_registry_comes_before_the_store_and_that_before_the_file(home, path):
    helper(path, {"ghcr.io": ("helper", "h")}, name="own")
    helper(path, {"ghcr.io": ("store", "s"), "quay.io": ("store", "s")}, name="store")
    auths = {each: {"auth": packed("file:f")} for each in ("ghcr.io", "quay.io", "gcr.io")}
    write_config(home, {"credHelpers": {"ghcr.io": "own"}, "credsStore": "store", "auths": auths})
    found = [credentials.find(each, "a") for each in ("ghcr.io", "quay.io", "gcr.io")]
    assert found == [Login("helper", "h"), Login("store", "s"), Login("file", "f")]


@pytest.mark.parametrize(
    ("config", "key", "registry"),
    [
        ({"credHelpers": {"ghcr.io": "test"}}, "ghcr.io", "ghcr.io"),
        ({"credHelpers": {"https://ghcr.io": "test"}}, "https://ghcr.io", "ghcr.io"),
        ({"credHelpers": {"docker.io": "test"}}, "docker.io", "docker.io"),
        ({"credHelpers": {HUB: "test"}}, HUB, "docker.io"),
        ({"credsStore": "test"}, "ghcr.io", "ghcr.io"),
        ({"credsStore": "test"}, "localhost:5000", "localhost:5000"),
        ({"credsStore": "test"}, HUB, "docker.io"),
        ({"credsStore": "test", "auths": {"https://ghcr.io": {}}}, "https://ghcr.io", "ghcr.io"),
        ({"credsStore": "test", "auths": {"https://ghcr.io/v2/": {}}}, "ghcr.io", "ghcr.io"),
    ],
)
def test_a_helper_is_asked_by_the_key_it_knows(home, path, config, key, registry):
    helper(path, {key: ("ada", "secret")})
    write_config(home, config)
    assert credentials.find(registry, "a") == Login("ada", "secret")


def test_a_token_of_a_helper_is_an_identity(home, path):
    helper(path, {"ghcr.io": ("<token>", "id")})
    write_config(home, {"credsStore": "test"})
    assert credentials.find("ghcr.io", "a") == Login(identity="id")


def test_what_a_helper_does_not_know_is_nobody(home, path):
    asked = helper(path, {})
    write_config(home, {"credHelpers": {"ghcr.io": "test"}})
    assert credentials.find("ghcr.io", "a") is None
    assert asked.read_text().split() == ["ghcr.io"]


def test_a_helper_that_is_missing_is_told(home):
    file = write_config(home, {"credsStore": "nowhere"})
    with pytest.raises(MachineError, match="docker-credential-nowhere cannot be started") as caught:
        credentials.find("ghcr.io", "a")
    assert caught.value.where == str(file)
    assert "credsStore" in caught.value.remedy


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo the keyring is locked; exit 1", "ended with 1"),
        ("kill -9 $$", "SIGKILL"),
        ("echo nonsense", "answers nonsense"),
        ("echo '[]'", "answers nonsense"),
        ("echo '{}'", "answers nonsense"),
    ],
)
def test_a_helper_that_fails_is_told(home, path, script, told):
    program = path / "docker-credential-test"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
    program.chmod(0o755)
    write_config(home, {"credsStore": "test"})
    with pytest.raises(MachineError, match=told) as caught:
        credentials.find("ghcr.io", "a")
    assert "docker-credential-test" in str(caught.value)
    assert caught.value.remedy
    assert "locked" not in script or caught.value.evidence == ("the keyring is locked",)


def test_a_helper_that_says_nothing_of_anybody_is_nobody(home, path):
    helper(path, {"ghcr.io": ("", "")})
    write_config(home, {"credsStore": "test"})
    assert credentials.find("ghcr.io", "a") is None


@pytest.mark.parametrize("text", ["{", "", "\0", '{"auths": '])
def test_a_file_that_is_broken_is_told(home, text):
    file = write_config(home, {})
    file.write_text(text)
    with pytest.raises(MachineError, match=r"config\.json cannot be read") as caught:
        credentials.find("ghcr.io", "a")
    assert "docker login" in caught.value.remedy


@pytest.mark.parametrize("config", [[], {"auths": []}, {"auths": None}, {"credHelpers": 3, "auths": {"ghcr.io": 3}}])
def test_a_file_of_another_form_has_nobody(home, config):
    write_config(home, config)
    assert credentials.find("ghcr.io", "a") is None


@pytest.mark.parametrize("auth", ["%%%", "/////w==", "YQ"])
def test_a_login_that_is_no_base64_is_told(home, auth):
    write_config(home, {"auths": {"ghcr.io": {"auth": auth}}})
    with pytest.raises(MachineError, match="base64") as caught:
        credentials.find("ghcr.io", "a")
    assert auth not in str(caught.value)


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX-Injected: 1", "a b", "é"])
def test_a_token_that_fits_no_header_is_told_and_not_shown(home, token):
    write_config(home, {"auths": {"ghcr.io": {"registrytoken": token}}})
    with pytest.raises(MachineError, match="no token") as caught:
        credentials.find("ghcr.io", "a")
    assert token not in str(caught.value)
