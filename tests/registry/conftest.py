import base64
import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pushlive.image.layout import Layout
from pushlive.registry import patience
from tests.servers import registry as registries
from tests.servers.fault_proxy import Proxy, fault_proxy
from tests.servers.registry import PASSWORD, USER, Certificate, Registry
from tests.servers.registry_tokens import Tokens, token_server

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REGISTRY_AUTH_FILE")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's logins, certificates and proxies but the test's own; short waits."""
    for name in (*_NAMES, *map(str.lower, _NAMES), "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(patience, "_FIRST", 0.01)
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    return path


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def other(tmp_path: Path) -> Layout:
    """An empty layout, to pull into."""
    return Layout(tmp_path / "other")


@pytest.fixture
def name() -> str:
    """A repository that no other test uses."""
    return f"tests/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def log_in(home: Path) -> Callable[..., None]:
    """Write what `docker login` would for a registry."""

    def write(host: str, user: str = USER, password: str = PASSWORD, **more: str) -> None:
        entry = more or {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
        write_config(home, {"auths": {host: entry}})

    return write


def write_config(home: Path, config: dict) -> Path:
    file = home / ".docker" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(config))
    return file


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registries")


@pytest.fixture(scope="session")
def certificate(folder: Path) -> Certificate:
    return registries.certificate(folder)


@pytest.fixture(scope="session")
def plain(folder: Path) -> Iterator[Registry]:
    with registries.distribution(folder / "plain") as running:
        yield running


@pytest.fixture(scope="session")
def crane(folder: Path) -> Iterator[Registry]:
    with registries.crane(folder / "crane") as running:
        yield running


@pytest.fixture(params=["plain", "crane"])
def registry(request: pytest.FixtureRequest) -> Registry:
    """Each of the real registries in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def proxy(plain: Registry) -> Iterator[Proxy]:
    """Between us and distribution's registry."""
    with fault_proxy(plain.host) as running:
        yield running


@pytest.fixture(scope="session")
def secure(folder: Path, certificate: Certificate) -> Iterator[Registry]:
    """With TLS, by a certificate that nobody trusts yet."""
    with registries.distribution(folder / "secure", tls=certificate) as running:
        yield running


@pytest.fixture(scope="session")
def basic(folder: Path) -> Iterator[Registry]:
    """Asks for a name and a password."""
    with registries.distribution(folder / "basic", auth=registries.htpasswd(folder)) as running:
        yield running


@pytest.fixture(scope="session")
def tokens(certificate: Certificate) -> Iterator[Tokens]:
    with token_server(certificate) as running:
        yield running


@pytest.fixture(scope="session")
def bearer(folder: Path, tokens: Tokens) -> Iterator[Registry]:
    """Asks for tokens."""
    with registries.distribution(folder / "bearer", auth=tokens.auth) as running:
        yield running


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs, before all others."""
    made = tmp_path / "bin"
    made.mkdir()
    monkeypatch.setenv("PATH", f"{made}:{os.environ['PATH']}")
    return made
