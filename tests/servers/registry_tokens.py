"""A token server as registries have it (token.md and oauth.md of distribution); it signs with openssl."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.servers.registry import PASSWORD, USER, Certificate
from tests.servers.registry_stub import Asked, Reply, Stub, stub

ISSUER, SERVICE, IDENTITY = "tests", "registry.tests", "identity-of-ada"


@dataclass
class Tokens:
    """A running token server. `life` is what it gives its tokens, in seconds; `anonymous` may still pull."""

    certificate: Certificate
    life: int = 300
    server: Stub = field(default_factory=lambda: Stub(""))

    @property
    def auth(self) -> dict[str, Any]:
        """The settings of a registry that takes these tokens."""
        realm, bundle = f"{self.server.url}/token", str(self.certificate.file)
        return {"token": {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle}}

    def answer(self, asked: Asked) -> Reply:
        wanted = asked.query if asked.method == "GET" else parse_qsl(asked.body.decode())
        if dict(wanted).get("service") != SERVICE:
            return Reply(400)
        known = _knows(asked, dict(wanted))
        if known is None:
            return Reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}')
        scopes = [scope for name, value in wanted if name == "scope" for scope in value.split()]
        name = "access_token" if asked.method == "POST" else "token"
        answer = {name: self.sign(scopes, pull_only=not known), "expires_in": self.life}
        return Reply(200, json.dumps(answer).encode())

    def sign(self, scopes: list[str], *, pull_only: bool = False) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": now + 300, "nbf": now - 5, "iat": now}
        claims["access"] = [access for scope in scopes if (access := _access(scope, pull_only=pull_only))["actions"]]
        chain = "".join(self.certificate.file.read_text().splitlines()[1:-1])
        signed = f"{_packed({'typ': 'JWT', 'alg': 'RS256', 'x5c': [chain]})}.{_packed(claims)}"
        argv = ["openssl", "dgst", "-sha256", "-sign", str(self.certificate.key)]
        signature = subprocess.run(argv, input=signed.encode(), capture_output=True, check=True).stdout
        return f"{signed}.{_coded(signature)}"


@contextmanager
def token_server(certificate: Certificate) -> Iterator[Tokens]:
    """Give tokens to USER with PASSWORD, or for IDENTITY, for all; to others, to pull."""
    tokens = Tokens(certificate)
    with stub(tokens.answer) as tokens.server:
        yield tokens


def _knows(asked: Asked, wanted: dict[str, str]) -> bool | None:
    """Whether it is USER, or nobody (False), or somebody who lies (None)."""
    if asked.method == "POST":
        right = (wanted.get("grant_type"), wanted.get("refresh_token")) == ("refresh_token", IDENTITY)
        return True if right and wanted.get("client_id") else None
    if asked.authorization is None:
        return False
    right = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
    return True if asked.authorization == right else None


def _access(scope: str, *, pull_only: bool) -> dict[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    allowed = [each for each in actions.split(",") if each == "pull" or not pull_only]
    return {"type": kind, "name": name, "actions": allowed}


def _packed(value: dict[str, Any]) -> str:
    return _coded(json.dumps(value).encode())


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
